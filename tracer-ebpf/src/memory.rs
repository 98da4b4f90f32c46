//! What route lookups leave behind for the hooks that run after them.

use core::ptr::read_volatile;

use aya_ebpf::helpers::generated::bpf_jiffies64;
use tracer_common::{Lookup, v4_mapped, v4_of};

use crate::{
    globals::Moment,
    kernel::Net,
    maps::{FIB_SLOT, FIB6_SLOT, INGRESS_SLOT, INGRESS6_SLOT, INGRESSES, Ingress, Routed, SLOTS},
};

/// What a slot remembers is the story of a packet only if it is recent:
/// 1 s at HZ=1000, 10 s at HZ=100.
pub(crate) const A_MOMENT: u64 = 1000;
/// How old a way in may get before it is written anew: a busy connection must not make the CPUs
/// quarrel over who wrote last.
const FRESH: u64 = A_MOMENT / 16;
/// A packet that is dropped as soon as it is routed dies within the same softirq.
pub(crate) const AT_ONCE: u64 = 2;

/// Kinds of lookups, apart so that none overwrites what another is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// For a packet of this host.
    Own,
    /// For a packet that came in: where it goes, and reversed, whether its source may be where it
    /// came from. The reversed one names the way out as its way in, or this host, so that the two
    /// cannot be told apart; neither names a protocol.
    /// <https://elixir.bootlin.com/linux/v6.18/A/ident/__fib_validate_source>
    Passing,
}

/// An address of either family, network byte order, and where lookups for it are remembered.
pub(crate) trait Address: Copy + PartialEq {
    /// That a packet passes into a bridge.
    const PASSING: Moment;
    /// What slots keep of it: a load each, where its bytes would take one each.
    type Words: Copy + PartialEq;

    fn words(self) -> Self::Words;
    /// All of its bits in eight bytes.
    fn fold(words: Self::Words) -> u64;
    fn mapped(self) -> [u8; 16];
    /// The slot of lookups for this destination.
    fn route(self, kind: Kind, net: Net) -> Option<*mut Routed<Self>>;
    fn ingress(self, net: Net) -> Option<*mut Ingress<Self>>;
}

impl Address for [u8; 4] {
    const PASSING: Moment = Moment::Passing4;
    type Words = u32;

    #[inline(always)]
    fn words(self) -> u32 {
        u32::from_ne_bytes(self)
    }

    #[inline(always)]
    fn fold(words: u32) -> u64 {
        words.into()
    }

    #[inline(always)]
    fn mapped(self) -> [u8; 16] {
        v4_mapped(self)
    }

    #[inline(always)]
    fn route(self, kind: Kind, net: Net) -> Option<*mut Routed<Self>> {
        FIB_SLOT.get_ptr_mut(match kind {
            Kind::Own => SLOTS, // Behind the others.
            Kind::Passing => slot([self[2], self[3]], net) % SLOTS,
        })
    }

    #[inline(always)]
    fn ingress(self, net: Net) -> Option<*mut Ingress<Self>> {
        INGRESS_SLOT.get_ptr_mut(slot([self[2], self[3]], net) % INGRESSES)
    }
}

impl Address for [u8; 16] {
    const PASSING: Moment = Moment::Passing6;
    type Words = [u32; 4];

    #[inline(always)]
    fn words(self) -> [u32; 4] {
        let word =
            |at: usize| u32::from_ne_bytes([self[at], self[at + 1], self[at + 2], self[at + 3]]);
        [word(0), word(4), word(8), word(12)]
    }

    #[inline(always)]
    fn fold([a, b, c, d]: [u32; 4]) -> u64 {
        u64::from(a ^ c) << 32 | u64::from(b ^ d)
    }

    #[inline(always)]
    fn mapped(self) -> [u8; 16] {
        self
    }

    #[inline(always)]
    fn route(self, kind: Kind, net: Net) -> Option<*mut Routed<Self>> {
        FIB6_SLOT.get_ptr_mut(match kind {
            Kind::Own => SLOTS, // Behind the others.
            Kind::Passing => slot([self[14], self[15]], net) % SLOTS,
        })
    }

    #[inline(always)]
    fn ingress(self, net: Net) -> Option<*mut Ingress<Self>> {
        INGRESS6_SLOT.get_ptr_mut(slot([self[14], self[15]], net) % INGRESSES)
    }
}

/// What tells addresses apart in small tables. The namespace counts too: a packet may pass several on one CPU at once.
#[inline(always)]
fn slot(last_bytes: [u8; 2], net: Net) -> u32 {
    // A `struct net` takes pages.
    u32::from(u16::from_be_bytes(last_bytes)) ^ (net.id() >> 12) as u32
}

/// A remembered lookup's answer.
pub(crate) struct Found {
    /// The bridge's.
    pub(crate) ifindex: u32,
    pub(crate) lookup: Lookup,
}

/// The lookup for `remote` (v4-mapped) on this CPU, if it is no older than `age` jiffies.
#[inline(always)]
pub(crate) fn route_to(kind: Kind, net: Net, remote: [u8; 16], age: u64) -> Option<Found> {
    match v4_of(remote) {
        Some(v4) => recall(kind, net, v4, age),
        None => recall(kind, net, remote, age),
    }
}

/// As [`route_to`].
#[inline(always)]
pub(crate) fn recall<A: Address>(kind: Kind, net: Net, remote: A, age: u64) -> Option<Found> {
    // SAFETY: this CPU's slot; it may only change under a reader that is interrupted by a lookup.
    let slot = unsafe { &*remote.route(kind, net)? };
    if slot.daddr != remote.words() || slot.net != net.id() || !is_recent(slot.jiffies, age) {
        return None;
    }
    Some(Found {
        ifindex: slot.ifindex,
        lookup: slot.lookup,
    })
}

/// Whether a packet may be passing into a bridge right now, on any CPU: cheap to ask before the packet
/// is parsed.
#[inline(always)]
pub(crate) fn is_anything_passing() -> bool {
    let passing = [Moment::Passing4, Moment::Passing6];
    passing.iter().any(|which| is_recent(which.last(), AT_ONCE))
}

/// ifindex by which `remote` (v4-mapped) came in a moment ago.
#[inline(always)]
pub(crate) fn way_in_of(net: Net, remote: [u8; 16]) -> Option<u32> {
    match v4_of(remote) {
        Some(v4) => way_in(net, v4),
        None => way_in(net, remote),
    }
}

/// As [`way_in_of`].
#[inline(always)]
pub(crate) fn way_in<A: Address>(net: Net, remote: A) -> Option<u32> {
    let slot = remote.ingress(net)?;
    let iif = likely_way_in(slot, net, remote.words())?;
    // SAFETY: a live map value. What two CPUs wrote at once does not add up.
    let (sum, jiffies) = unsafe {
        (
            read_volatile(&raw const (*slot).sum),
            read_volatile(&raw const (*slot).jiffies),
        )
    };
    (sum == sum_of(jiffies, net, remote, iif)).then_some(iif)
}

/// As [`way_in`], but while other CPUs write it may be the way of somebody else.
#[inline(always)]
pub(crate) fn likely_way_in<A: Address>(
    slot: *mut Ingress<A>,
    net: Net,
    remote: A::Words,
) -> Option<u32> {
    // SAFETY: a live map value.
    let slot = unsafe { &*slot };
    let here = slot.saddr == remote && slot.net == net.id() && is_recent(slot.jiffies, A_MOMENT);
    here.then_some(slot.iif)
}

/// What an [`Ingress`] adds up to. The parts are kept apart: two that differ in one place do not add up to the same.
#[inline(always)]
fn sum_of<A: Address>(jiffies: u64, net: Net, remote: A, iif: u32) -> u64 {
    A::fold(remote.words())
        ^ u64::from(iif) << 32
        ^ net.id().rotate_left(16)
        ^ jiffies.rotate_left(40)
}

/// Remembers that `remote` came in by `iif`, if `really` says so: that is asked only if it is news.
#[inline(always)]
pub(crate) fn set_way_in<A: Address>(
    net: Net,
    remote: A,
    iif: u32,
    really: impl FnOnce() -> bool,
) -> Option<()> {
    // SAFETY: a live map value. CPUs that write it at once for different remotes can leave a
    // mixture, which does not add up.
    let slot = unsafe { &mut *remote.ingress(net)? };
    let same = slot.saddr == remote.words() && slot.net == net.id() && slot.iif == iif;
    if (!same || !is_recent(slot.jiffies, FRESH)) && really() {
        // Member by member: padding has no value to copy.
        let now = jiffies();
        slot.jiffies = now;
        slot.saddr = remote.words();
        slot.net = net.id();
        slot.iif = iif;
        slot.sum = sum_of(now, net, remote, iif);
    }
    Some(())
}

/// Now, in the unit that slots remember.
#[inline(always)]
pub(crate) fn jiffies() -> u64 {
    // SAFETY: no arguments, no preconditions; the JIT turns it into one load.
    unsafe { bpf_jiffies64() }
}

/// Whether that was no more than `age` jiffies ago.
#[inline(always)]
pub(crate) fn is_recent(then: u64, age: u64) -> bool {
    jiffies().wrapping_sub(then) <= age
}

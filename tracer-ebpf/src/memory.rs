//! What route lookups leave behind for the hooks that run after them.

use aya_ebpf::helpers::generated::bpf_jiffies64;
use tracer_common::{Lookup, prefix4, prefix6, v4_mapped};

use crate::{
    addresses::v4_of,
    maps::{
        FIB_SLOT, FIB6_SLOT, INGRESS_SLOT, INGRESS6_SLOT, INGRESSES, Ingress, LAST_PASSING,
        PREFIX_BITS, PREFIX6_BITS, Routed, SLOTS,
    },
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
    fn mapped(self) -> [u8; 16];
    /// The slot of lookups for this destination.
    fn route(self, kind: Kind, netns: u32) -> Option<*mut Routed<Self>>;
    /// When a packet last passed into a bridge.
    fn last_passing() -> Option<*mut u64>;
    fn ingress(self, netns: u32) -> Option<*mut Ingress<Self>>;
    /// Whether it may lie inside a bridge's subnet.
    fn in_bridge_prefix(self) -> bool;
}

impl Address for [u8; 4] {
    #[inline(always)]
    fn mapped(self) -> [u8; 16] {
        v4_mapped(self)
    }

    #[inline(always)]
    fn route(self, kind: Kind, netns: u32) -> Option<*mut Routed<Self>> {
        FIB_SLOT.get_ptr_mut(match kind {
            Kind::Own => SLOTS, // Behind the others.
            Kind::Passing => slot([self[2], self[3]], netns) % SLOTS,
        })
    }

    #[inline(always)]
    fn last_passing() -> Option<*mut u64> {
        LAST_PASSING.get_ptr_mut(0)
    }

    #[inline(always)]
    fn ingress(self, netns: u32) -> Option<*mut Ingress<Self>> {
        INGRESS_SLOT.get_ptr_mut(slot([self[2], self[3]], netns) % INGRESSES)
    }

    #[inline(always)]
    fn in_bridge_prefix(self) -> bool {
        let bit = prefix4(self);
        PREFIX_BITS
            .get(bit.word())
            .is_some_and(|word| word & bit.mask() != 0)
    }
}

impl Address for [u8; 16] {
    #[inline(always)]
    fn mapped(self) -> [u8; 16] {
        self
    }

    #[inline(always)]
    fn route(self, kind: Kind, netns: u32) -> Option<*mut Routed<Self>> {
        FIB6_SLOT.get_ptr_mut(match kind {
            Kind::Own => SLOTS, // Behind the others.
            Kind::Passing => slot([self[14], self[15]], netns) % SLOTS,
        })
    }

    #[inline(always)]
    fn last_passing() -> Option<*mut u64> {
        LAST_PASSING.get_ptr_mut(1)
    }

    #[inline(always)]
    fn ingress(self, netns: u32) -> Option<*mut Ingress<Self>> {
        INGRESS6_SLOT.get_ptr_mut(slot([self[14], self[15]], netns) % INGRESSES)
    }

    #[inline(always)]
    fn in_bridge_prefix(self) -> bool {
        let bit = prefix6(self);
        PREFIX6_BITS
            .get(bit.word())
            .is_some_and(|word| word & bit.mask() != 0)
    }
}

/// What tells addresses apart in small tables. The namespace counts too: a packet may pass several on one CPU at once.
#[inline(always)]
fn slot(last_bytes: [u8; 2], netns: u32) -> u32 {
    u32::from(u16::from_be_bytes(last_bytes)) ^ netns
}

/// A remembered lookup's answer.
pub(crate) struct Found {
    /// The bridge's.
    pub(crate) ifindex: u32,
    pub(crate) lookup: Lookup,
}

/// The lookup for `remote` (v4-mapped) on this CPU, if it is no older than `age` jiffies.
#[inline(always)]
pub(crate) fn route_to(kind: Kind, netns: u32, remote: [u8; 16], age: u64) -> Option<Found> {
    match v4_of(remote) {
        Some(v4) => recall(kind, netns, v4, age),
        None => recall(kind, netns, remote, age),
    }
}

/// As [`route_to`].
#[inline(always)]
pub(crate) fn recall<A: Address>(kind: Kind, netns: u32, remote: A, age: u64) -> Option<Found> {
    // SAFETY: this CPU's slot; it may only change under a reader that is interrupted by a lookup.
    let slot = unsafe { &*remote.route(kind, netns)? };
    if slot.daddr != remote || slot.netns != netns || !is_recent(slot.jiffies, age) {
        return None;
    }
    Some(Found {
        ifindex: slot.ifindex,
        lookup: slot.lookup,
    })
}

/// Whether a packet of this family may be passing into a bridge right now: cheap to ask before the
/// packet is parsed.
#[inline(always)]
pub(crate) fn is_passing<A: Address>() -> bool {
    // SAFETY: as above.
    A::last_passing().is_some_and(|last| is_recent(unsafe { *last }, AT_ONCE))
}

/// ifindex by which `remote` (v4-mapped) came in a moment ago.
#[inline(always)]
pub(crate) fn way_in_of(netns: u32, remote: [u8; 16]) -> Option<u32> {
    match v4_of(remote) {
        Some(v4) => way_in(netns, v4),
        None => way_in(netns, remote),
    }
}

/// As [`way_in_of`].
#[inline(always)]
pub(crate) fn way_in<A: Address>(netns: u32, remote: A) -> Option<u32> {
    // SAFETY: as above.
    let slot = unsafe { &*remote.ingress(netns)? };
    let here = slot.saddr == remote && slot.netns == netns && is_recent(slot.jiffies, A_MOMENT);
    here.then_some(slot.iif)
}

/// Remembers that `remote` came in by `iif`.
#[inline(always)]
pub(crate) fn set_way_in<A: Address>(netns: u32, remote: A, iif: u32) -> Option<()> {
    // SAFETY: a live map value. CPUs that write it at once for different remotes can leave a
    // mixture, which at worst says for a moment that one came in as the other did.
    let slot = unsafe { &mut *remote.ingress(netns)? };
    let same = slot.saddr == remote && slot.netns == netns && slot.iif == iif;
    if !same || !is_recent(slot.jiffies, FRESH) {
        // Member by member: padding has no value to copy.
        slot.jiffies = jiffies();
        slot.saddr = remote;
        slot.netns = netns;
        slot.iif = iif;
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

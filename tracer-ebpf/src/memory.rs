//! What route lookups leave behind on a CPU for the hooks that run after them.

use aya_ebpf::helpers::generated::bpf_jiffies64;
use tracer_common::{Lookup, prefix4, prefix6, v4_mapped};

use crate::{
    addresses::v4_of,
    maps::{
        FIB_SLOT, FIB6_SLOT, INGRESS_SLOT, INGRESS6_SLOT, Ingress, PREFIX_BITS, PREFIX6_BITS,
        Routed,
    },
};

/// What a slot remembers is the story of a packet only if it is recent:
/// 1 s at HZ=1000, 10 s at HZ=100.
pub(crate) const A_MOMENT: u64 = 1000;
/// A packet that is dropped as soon as it is routed dies within the same softirq.
pub(crate) const AT_ONCE: u64 = 2;

/// Kinds of lookups, each in a slot of its own so that none overwrites what another is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Kind {
    /// For a packet of this host.
    Own = 0,
    /// Reversed, to learn whether a packet's source may be where it came from. The kernel leaves
    /// the protocol out. <https://elixir.bootlin.com/linux/v6.18/A/ident/__fib_validate_source>
    Reversed = 1,
    /// For a packet that came in.
    Forwarded = 2,
}

/// An address of either family, network byte order, and where lookups for it are remembered.
pub(crate) trait Address: Copy + PartialEq {
    fn mapped(self) -> [u8; 16];
    fn route(kind: Kind) -> Option<*mut Routed<Self>>;
    fn ingress(self) -> Option<*mut Ingress<Self>>;
    /// Whether it may lie inside a bridge's subnet.
    fn in_bridge_prefix(self) -> bool;
}

impl Address for [u8; 4] {
    #[inline(always)]
    fn mapped(self) -> [u8; 16] {
        v4_mapped(self)
    }

    #[inline(always)]
    fn route(kind: Kind) -> Option<*mut Routed<Self>> {
        FIB_SLOT.get_ptr_mut(kind as u32)
    }

    #[inline(always)]
    fn ingress(self) -> Option<*mut Ingress<Self>> {
        INGRESS_SLOT.get_ptr_mut(u32::from(self[3]))
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
    fn route(kind: Kind) -> Option<*mut Routed<Self>> {
        FIB6_SLOT.get_ptr_mut(kind as u32)
    }

    #[inline(always)]
    fn ingress(self) -> Option<*mut Ingress<Self>> {
        INGRESS6_SLOT.get_ptr_mut(u32::from(self[15]))
    }

    #[inline(always)]
    fn in_bridge_prefix(self) -> bool {
        let bit = prefix6(self);
        PREFIX6_BITS
            .get(bit.word())
            .is_some_and(|word| word & bit.mask() != 0)
    }
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

#[inline(always)]
fn recall<A: Address>(kind: Kind, netns: u32, remote: A, age: u64) -> Option<Found> {
    // SAFETY: this CPU's slot; what interrupts a reader is another kind of lookup.
    let slot = unsafe { &*A::route(kind)? };
    if slot.daddr != remote || slot.netns != netns || !is_recent(slot.jiffies, age) {
        return None;
    }
    Some(Found {
        ifindex: slot.ifindex,
        lookup: slot.lookup,
    })
}

/// Whether any lookup of this kind and family was answered with a bridge within `age` jiffies:
/// cheap to ask before a packet is parsed.
#[inline(always)]
pub(crate) fn any_route<A: Address>(kind: Kind, age: u64) -> bool {
    // SAFETY: as above.
    A::route(kind).is_some_and(|slot| is_recent(unsafe { (*slot).jiffies }, age))
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
    let slot = unsafe { &*remote.ingress()? };
    let here = slot.saddr == remote && slot.netns == netns && is_recent(slot.jiffies, A_MOMENT);
    here.then_some(slot.iif)
}

/// Now, in the unit that slots remember.
#[inline(always)]
pub(crate) fn jiffies() -> u64 {
    // SAFETY: no arguments, no preconditions; the JIT turns it into one load.
    unsafe { bpf_jiffies64() }
}

#[inline(always)]
fn is_recent(then: u64, age: u64) -> bool {
    jiffies().wrapping_sub(then) <= age
}

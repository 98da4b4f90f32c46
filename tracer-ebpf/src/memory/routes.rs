//! The last lookups on this CPU that were answered with a bridge: for a packet of this host, and for packets that pass,
//! apart, since each is asked for what the other must not overwrite.

use aya_ebpf::{helpers::generated::bpf_map_lookup_elem, maps::PerCpuArray};
use tracer_common::{Lookup, v4_of};

use super::{AT_ONCE, Address, is_recent, jiffies, parked::Parked};
use crate::{
    globals::Moment,
    kernel::{DeviceId, Net, NetDevice},
    maps::SLOTS,
};

/// A lookup that was answered with a bridge; addresses in network byte order.
#[repr(C)]
pub(crate) struct Routed<A: Address> {
    pub(crate) jiffies: u64,
    pub(crate) bridge: DeviceId,
    pub(crate) daddr: A::Words,
    /// The bridge's; of this host's own lookups nobody asks for it.
    pub(crate) ifindex: u32,
    pub(crate) lookup: Lookup,
}

/// Where a packet that passes goes.
pub(crate) struct Found {
    /// ifindex of the bridge.
    pub(crate) bridge: u32,
    pub(crate) lookup: Lookup,
}

impl<A: Address> Routed<A> {
    /// Whether that was for `remote`, no more than `age` jiffies ago.
    #[inline(always)]
    fn is_to(&self, remote: A, age: u64) -> bool {
        self.daddr == remote.words() && is_recent(self.jiffies, age)
    }
}

/// Which of the [`SLOTS`] is a destination's: another for each neighbour in a /24, and mostly another for the same host number
/// of another network, which may be looked up in between (in reverse).
#[inline(always)]
fn place<A: Address>(destination: A::Words) -> u32 {
    // Fibonacci hashing: an odd factor sends the highest byte, which is the address's last, to all places one to one.
    A::last(destination).wrapping_mul(0x9e37_79b1) >> (u32::BITS - SLOTS.ilog2())
}

/// This CPU's slot of lookups for packets of this host, and now.
#[inline(always)]
pub(crate) fn own_slot<A: Address>() -> Option<(&'static mut Routed<A>, u64)> {
    slot(A::own(), 0)
}

/// This CPU's slot of lookups for packets that pass to `destination`, and now.
#[inline(always)]
pub(crate) fn passing_slot<A: Address>(destination: A) -> Option<(&'static mut Routed<A>, u64)> {
    slot(A::passing(), place::<A>(destination.words()))
}

#[inline(always)]
fn slot<A: Address>(
    map: &'static PerCpuArray<Routed<A>>,
    place: u32,
) -> Option<(&'static mut Routed<A>, u64)> {
    let (mut key, mut now) = (Parked::new(), Parked::new());
    key.put(place);
    now.put(jiffies());
    let map: *const PerCpuArray<_> = map;
    // SAFETY: a map and a key of it, which is only read.
    let slot = unsafe { bpf_map_lookup_elem(map.cast_mut().cast(), key.at().cast_mut().cast()) };
    // SAFETY: this CPU's slot, written by the lookup's program only, which does not nest on a CPU.
    let slot = unsafe { slot.cast::<Routed<A>>().as_mut()? };
    Some((slot, now.get()))
}

/// This host's own lookup for `remote` (v4-mapped) on this CPU, no older than `age` jiffies, that was answered with
/// `bridge`.
#[inline(always)]
pub(crate) fn own_lookup(bridge: NetDevice, remote: [u8; 16], age: u64) -> Option<Lookup> {
    match v4_of(remote) {
        Some(v4) => own(bridge, v4, age),
        None => own(bridge, remote, age),
    }
}

#[inline(always)]
fn own<A: Address>(bridge: NetDevice, remote: A, age: u64) -> Option<Lookup> {
    // SAFETY: this CPU's slot; it may only change under a reader that is interrupted by a lookup.
    let slot = unsafe { &*A::own().get_ptr(0)? };
    (slot.is_to(remote, age) && slot.bridge == bridge.id()).then_some(slot.lookup)
}

/// Whether the last packet that passed to `remote` on this CPU, right now, went into the bridge `ifindex`. Of whichever
/// namespace: in that time it is this one, and a busy host asks often.
#[inline(always)]
pub(crate) fn has_just_passed<A: Address>(remote: A, ifindex: u32) -> bool {
    passing_right_now(remote).is_some_and(|slot| slot.ifindex == ifindex)
}

/// Where a packet to `remote` (v4-mapped) goes that passes `net` on this CPU right now, if that is into a bridge.
#[inline(always)]
pub(crate) fn passing_to(net: Net, remote: [u8; 16]) -> Option<Found> {
    match v4_of(remote) {
        Some(v4) => passing(net, v4),
        None => passing(net, remote),
    }
}

#[inline(always)]
fn passing<A: Address>(net: Net, remote: A) -> Option<Found> {
    let slot = passing_right_now(remote).filter(|slot| slot.bridge.is_in(net))?;
    Some(Found {
        bridge: slot.ifindex,
        lookup: slot.lookup,
    })
}

/// The slot of a packet that passes to `remote` right now.
#[inline(always)]
fn passing_right_now<A: Address>(remote: A) -> Option<&'static Routed<A>> {
    // SAFETY: as above.
    let slot = unsafe { &*A::passing().get_ptr(place::<A>(remote.words()))? };
    slot.is_to(remote, AT_ONCE).then_some(slot)
}

/// Whether a packet may be passing into a bridge right now, on any CPU: cheap to ask before the packet
/// is parsed.
#[inline(always)]
pub(crate) fn is_anything_passing() -> bool {
    let passing = [Moment::Passing4, Moment::Passing6];
    passing.iter().any(|which| is_recent(which.last(), AT_ONCE))
}

//! The last lookups on this CPU that were answered with a bridge: for a packet of this host, and for packets that pass,
//! apart, since each is asked for what the other must not overwrite.

use tracer_common::{Lookup, v4_of};

use super::{AT_ONCE, Address, is_recent};
use crate::{
    globals::Moment,
    kernel::{DeviceId, Net, NetDevice},
    maps::SLOTS,
};

/// A lookup that was answered with a bridge, and which it was; addresses in network byte order.
#[repr(C)]
pub(crate) struct Routed<A: Address, Bridge> {
    pub(crate) jiffies: u64,
    pub(crate) bridge: Bridge,
    pub(crate) daddr: A::Words,
    pub(crate) lookup: Lookup,
}

/// Of a packet of this host: whoever asks has the device.
pub(crate) type Own<A> = Routed<A, DeviceId>;
/// Of a packet that passes: whoever asks has the namespace.
pub(crate) type Passing<A> = Routed<A, Place>;

/// A device, by its namespace and number.
#[repr(C)]
pub(crate) struct Place {
    /// [`Net::id`].
    pub(crate) net: u64,
    pub(crate) ifindex: u32,
}

/// Where a packet that passes goes.
pub(crate) struct Found {
    /// The bridge's.
    pub(crate) ifindex: u32,
    pub(crate) lookup: Lookup,
}

impl<A: Address, Bridge> Routed<A, Bridge> {
    /// Whether that was for `remote`, no more than `age` jiffies ago.
    #[inline(always)]
    fn is_to(&self, remote: A, age: u64) -> bool {
        self.daddr == remote.words() && is_recent(self.jiffies, age)
    }
}

/// Which of the [`SLOTS`] is a destination's: another for each neighbour in a /24, and over IPv4 mostly another for the same host
/// number of another network, which may be looked up in between (in reverse).
#[inline(always)]
fn place<A: Address>(destination: A) -> u32 {
    // Fibonacci hashing: an odd factor sends the highest byte, which is the address's last, to all places one to one.
    let last = destination.last().swap_bytes();
    last.wrapping_mul(0x9e37_79b1) >> (u32::BITS - SLOTS.ilog2())
}

/// This CPU's slot of lookups for packets of this host.
#[inline(always)]
pub(crate) fn own_slot<A: Address>() -> Option<*mut Own<A>> {
    A::own().get_ptr_mut(0)
}

/// This CPU's slot of lookups for packets that pass to `destination`.
#[inline(always)]
pub(crate) fn passing_slot<A: Address>(destination: A) -> Option<*mut Passing<A>> {
    A::passing().get_ptr_mut(place(destination))
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
    let slot = unsafe { &*own_slot::<A>()? };
    (slot.is_to(remote, age) && slot.bridge == bridge.id()).then_some(slot.lookup)
}

/// Whether the last packet to `remote` that passes `net` on this CPU, right now, went into the bridge `ifindex`.
#[inline(always)]
pub(crate) fn has_just_passed<A: Address>(net: Net, remote: A, ifindex: u32) -> bool {
    passing(net, remote).is_some_and(|found| found.ifindex == ifindex)
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
    // SAFETY: as above.
    let slot = unsafe { &*passing_slot(remote)? };
    let here = slot.is_to(remote, AT_ONCE) && slot.bridge.net == net.id();
    here.then_some(Found {
        ifindex: slot.bridge.ifindex,
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

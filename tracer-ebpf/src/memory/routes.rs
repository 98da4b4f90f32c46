//! The last lookups on this CPU that were answered with a bridge: for a packet of this host, and for one that passes, apart,
//! since each is asked for what the other must not overwrite.

use tracer_common::{Lookup, v4_of};

use super::{AT_ONCE, Address, is_recent};
use crate::kernel::{DeviceId, Net, NetDevice};

/// A lookup that was answered with a bridge, and which it was; the address in network byte order.
#[repr(C)]
pub(crate) struct Routed<A: Address> {
    pub(crate) jiffies: u64,
    pub(crate) bridge: DeviceId,
    pub(crate) daddr: A::Words,
    pub(crate) oif: u32,
    pub(crate) mark: u32,
}

impl<A: Address> Routed<A> {
    /// Whether that was for `remote`, no more than `age` jiffies ago.
    #[inline(always)]
    fn is_to(&self, remote: A, age: u64) -> bool {
        self.daddr == remote.words() && is_recent(self.jiffies, age)
    }

    #[inline(always)]
    fn lookup(&self) -> Lookup {
        Lookup {
            oif: self.oif,
            mark: self.mark,
            ..Lookup::default()
        }
    }
}

/// For whose packet a lookup was made.
#[derive(Clone, Copy)]
pub(crate) enum Whose {
    /// This host's.
    Own,
    /// It passes. Packets that come in together are looked up one after the other before the first of them goes on: what is
    /// remembered here is for who asks while a packet is being looked up.
    /// <https://elixir.bootlin.com/linux/v6.18/A/ident/ip_list_rcv_finish>
    Passing,
}

impl Whose {
    pub(crate) const ENTRIES: u32 = Self::Passing as u32 + 1;
}

/// This CPU's slot.
#[inline(always)]
pub(crate) fn slot<A: Address>(whose: Whose) -> Option<*mut Routed<A>> {
    A::routed().get_ptr_mut(whose as u32)
}

/// The same, to be read.
#[inline(always)]
fn last<A: Address>(whose: Whose) -> Option<&'static Routed<A>> {
    // SAFETY: this CPU's slot; it may only change under a reader that is interrupted by a lookup.
    slot(whose).map(|slot| unsafe { &*slot })
}

/// This host's own lookup for `remote` (v4-mapped) on this CPU, no older than `age` jiffies, that was answered with
/// `bridge`.
#[inline(always)]
pub(crate) fn own_lookup(bridge: NetDevice, remote: [u8; 16], age: u64) -> Option<Lookup> {
    into(Whose::Own, bridge, remote, age)
}

/// Whether the last packet that passes on this CPU goes to `remote` (v4-mapped), right now, by `bridge`.
#[inline(always)]
pub(crate) fn passes_into(bridge: NetDevice, remote: [u8; 16]) -> bool {
    into(Whose::Passing, bridge, remote, AT_ONCE).is_some()
}

#[inline(always)]
fn into(whose: Whose, bridge: NetDevice, remote: [u8; 16], age: u64) -> Option<Lookup> {
    match v4_of(remote) {
        Some(v4) => into_bridge(whose, bridge, v4, age),
        None => into_bridge(whose, bridge, remote, age),
    }
}

#[inline(always)]
fn into_bridge<A: Address>(whose: Whose, bridge: NetDevice, to: A, age: u64) -> Option<Lookup> {
    let last = last(whose)?;
    (last.is_to(to, age) && last.bridge == bridge.id()).then(|| last.lookup())
}

/// Whether the last packet that passes on this CPU goes to `remote`, right now, by the device `ifindex` of `net`.
#[inline(always)]
pub(crate) fn has_just_passed<A: Address>(net: Net, remote: A, ifindex: u32) -> bool {
    passing_to(net, remote).is_some_and(|(bridge, _)| bridge == ifindex)
}

/// By which bridge of `net` the last packet that passes on this CPU, right now, goes to `remote`, and its lookup.
#[inline(always)]
pub(crate) fn passing_to<A: Address>(net: Net, remote: A) -> Option<(u32, Lookup)> {
    let last = last(Whose::Passing)?;
    if !last.is_to(remote, AT_ONCE) || !last.bridge.is_in(net) {
        return None;
    }
    Some((last.bridge.ifindex()?, last.lookup()))
}

/// Whether a packet may be passing into a bridge on this CPU right now: cheap to ask before it is looked at.
#[inline(always)]
pub(crate) fn is_anything_passing<A: Address>() -> bool {
    last::<A>(Whose::Passing).is_some_and(|last| is_recent(last.jiffies, AT_ONCE))
}

//! The last lookups on this CPU that were answered with a bridge: for a packet of this host, and for one that passes, apart,
//! since each is asked for what the other must not overwrite.

use tracer_common::{Lookup, v4_of};

use super::{AT_ONCE, Address, is_recent};
use crate::kernel::{Net, NetDevice, UntrustedDevice};

/// A lookup that was answered with a bridge, and which it was; the address in network byte order.
#[repr(C)]
pub(crate) struct Routed<A: Address> {
    pub(crate) jiffies: u64,
    pub(crate) bridge: UntrustedDevice,
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
        Lookup::new(self.oif, self.mark)
    }
}

/// For whose packet a lookup was made.
#[derive(Clone, Copy)]
pub(crate) enum Whose {
    /// This host's.
    Own,
    /// One that passes, or would on the way back of one that came in. Packets that come in together are looked up before the
    /// first of them goes on: this is good only for who asks before the next lookup.
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
fn last_lookup<A: Address>(whose: Whose) -> Option<&'static Routed<A>> {
    // SAFETY: this CPU's slot; it may only change under a reader that is interrupted by a lookup.
    slot(whose).map(|slot| unsafe { &*slot })
}

/// The last lookup for such a packet on this CPU, if it was for `remote` (v4-mapped), no more than `age` jiffies ago, and was
/// answered with `bridge`.
#[inline(always)]
pub(crate) fn lookup_into(
    whose: Whose,
    bridge: NetDevice,
    remote: [u8; 16],
    age: u64,
) -> Option<Lookup> {
    match v4_of(remote) {
        Some(v4) => lookup_of_family(whose, bridge, v4, age),
        None => lookup_of_family(whose, bridge, remote, age),
    }
}

#[inline(always)]
fn lookup_of_family<A: Address>(
    whose: Whose,
    bridge: NetDevice,
    remote: A,
    age: u64,
) -> Option<Lookup> {
    let last = last_lookup(whose)?;
    (last.is_to(remote, age) && last.bridge == bridge.id()).then(|| last.lookup())
}

/// By which bridge of `net` the last packet that passes on this CPU, right now, goes to `remote`, and its lookup.
#[inline(always)]
pub(crate) fn passing_to<A: Address>(net: Net, remote: A) -> Option<(u32, Lookup)> {
    let last = last_lookup(Whose::Passing)?;
    if !last.is_to(remote, AT_ONCE) || !last.bridge.is_in(net) {
        return None;
    }
    Some((last.bridge.ifindex()?, last.lookup()))
}

/// Whether a packet may be passing into a bridge on this CPU right now: cheap to ask before it is looked at.
#[inline(always)]
pub(crate) fn is_anything_passing<A: Address>() -> bool {
    last_lookup::<A>(Whose::Passing).is_some_and(|last| is_recent(last.jiffies, AT_ONCE))
}

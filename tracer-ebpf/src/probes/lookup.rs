//! What both families' lookup hooks do: remember for the hooks that come after, and tell of a
//! reply that is routed into a bridge although its remote came in by another device. Where a
//! container has the remote's address, no other hook will ever see anything wrong.

use core::mem::MaybeUninit;

use tracer_common::{Lookup, WatchKey, Way};

use super::call;
use crate::{
    emit,
    kernel::{Flowi, Net, NetDevice},
    memory::{self, Address as _, Parked, Whose},
};

/// `LOOPBACK_IFINDEX` (`include/net/flow.h`): ingress interface of a locally generated packet's lookup.
const LOOPBACK_IFINDEX: u32 = 1;

/// What the tracepoint gives: its context, and nothing else. Whoever asks reads it anew, as what outlives the call of a helper
/// takes a register that is saved whenever the hook runs, or a place on the stack.
pub(super) trait Arguments: Copy {
    type Flow: Flowi;

    fn flow(self) -> Self::Flow;
    /// That of the answer's nexthop.
    fn device(self) -> Option<NetDevice>;
    /// The namespace, which is the device's.
    fn net(self, device: NetDevice) -> Option<Net>;
}

/// Decides what a lookup is about, and remembers it. The macro throws the value away, which only steers the compiler: with one
/// value it would move the early end, which nearly all lookups come to, behind everything else.
#[inline(always)]
pub(super) fn look<L: Arguments>(given: L) -> i32 {
    let flow = given.flow();
    let (Some(device), Some(iif)) = (given.device(), flow.iif()) else {
        return 0;
    };
    if iif > LOOPBACK_IFINDEX && flow.is_from_bridge_prefix() {
        comes_in(given, device);
        return 1;
    }
    // iif 0: `inet_addr_type()` asks about an address, no packet follows.
    if iif == 0 || !device.is_bridge() {
        return 0;
    }
    // Whether the source of a packet that came in may be where it came from is looked up in reverse, which names the way
    // out as the way in, or this host; but no protocol, unless a rule selects by that or by ports.
    // <https://elixir.bootlin.com/linux/v6.18/A/ident/__fib_validate_source>
    if iif == LOOPBACK_IFINDEX && flow.proto() != 0 {
        leaves(given, device);
    } else {
        remember(given, Whose::Passing);
    }
    1
}

/// A packet came in that may be from inside a bridge's subnet.
#[inline(always)]
fn comes_in<L: Arguments>(given: L, device: NetDevice) -> Option<()> {
    let (saddr, iif) = (|| given.flow().saddr(), || given.flow().iif());
    if !memory::was_asked_lately(given.net(device)?, saddr, iif)? {
        call(given, remember_ingress);
    }
    if given.device()?.is_bridge() {
        remember(given, Whose::Passing)?;
    }
    Some(())
}

/// Rarely, as mostly it is known. If a packet to the source was sent out by the same device right before, this is that lookup
/// reversed, and no packet from there.
#[inline(always)]
fn remember_ingress<L: Arguments>(given: L) -> Option<()> {
    let (flow, net) = (given.flow(), given.net(given.device()?)?);
    let (saddr, iif) = (flow.saddr()?, flow.iif()?);
    let passed = memory::passing_to(net, saddr);
    if passed.is_some_and(|(bridge, _)| bridge == iif) {
        memory::ask_later(net, saddr, iif)
    } else {
        memory::set_ingress(net, saddr, iif)
    }
}

/// A packet of this host goes into a bridge. Mostly it belongs there: only what is about to be told must be sure.
#[inline(always)]
fn leaves<L: Arguments>(given: L, device: NetDevice) -> Option<()> {
    let ifindex = || given.device()?.ifindex();
    if memory::may_come_elsewhere(given.net(device)?, || given.flow().daddr(), ifindex)? {
        call(given, astray);
    }
    remember(given, Whose::Own)
}

/// Leaves the lookup in this CPU's slot, a member at a time: what is read needs no register meanwhile.
#[inline(always)]
fn remember<L: Arguments>(given: L, whose: Whose) -> Option<()> {
    let mut place = MaybeUninit::uninit();
    let now = Parked::new(&mut place, memory::jiffies());
    let slot = memory::slot::<<L::Flow as Flowi>::Address>(whose)?;
    // SAFETY: this CPU's slot, written by this program only, which does not nest on a CPU; before Linux 6.1 it may in a
    // softirq, and two lookups mix.
    let slot = unsafe { &mut *slot };
    let flow = given.flow();
    slot.bridge = given.device()?.id();
    slot.daddr = flow.daddr()?.words();
    slot.oif = flow.oif()?;
    slot.mark = flow.mark()?;
    slot.jiffies = now.get();
    Some(())
}

/// A packet of this host goes into a bridge by which its receiver may not have come in.
#[inline(always)]
fn astray<L: Arguments>(given: L) -> Option<()> {
    if tell(given) != 0 {
        call(given, note);
    }
    Some(())
}

/// Apart from the rest: an event takes half of the stack, and its preparation most of the registers. Not 0 if the packet
/// goes astray and none like it was told a moment ago.
#[inline(never)]
fn tell<L: Arguments>(given: L) -> i32 {
    try_tell(given).is_some().into()
}

#[inline(always)]
fn try_tell<L: Arguments>(given: L) -> Option<()> {
    let (hook, flow, device) = (L::Flow::HOOK, given.flow(), given.device()?);
    let (net, bridge, daddr) = (given.net(device)?, device.ifindex()?, flow.daddr()?);
    let ingress = memory::ingress(net, daddr).filter(|ingress| *ingress != bridge)?;
    let mut event = emit::event_at(hook, net.inum()?, bridge, daddr.mapped());
    // SAFETY: `value` points to a live map value.
    event.before = emit::count(hook, &event, Way::Misdelivered, |value| unsafe {
        &raw mut (*value).misrouted
    });
    emit::add_flow(&mut event, flow.packet()?);
    emit::add_lookup(&mut event, Lookup::new(flow.oif()?, flow.mark()?));
    emit::add_ingress(&mut event, Some(ingress));
    emit::add_task(&mut event);
    emit::submit(hook, &mut event).map(drop)
}

/// For a reset that may follow.
#[inline(always)]
fn note<L: Arguments>(given: L) -> Option<()> {
    let (device, remote) = (given.device()?, given.flow().daddr()?.mapped());
    let netns = given.net(device)?.inum()?;
    memory::note_astray(&WatchKey { netns, remote }, device.ifindex()?);
    Some(())
}

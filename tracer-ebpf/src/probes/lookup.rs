//! What both families' lookup hooks do: remember for the hooks that come after, and tell of a
//! reply that is routed into a bridge although its remote came in by another device. Where a
//! container has the remote's address, no other hook will ever see anything wrong.

use core::ptr::read_volatile;

use tracer_common::{WatchKey, Way};

use crate::{
    emit,
    globals::Moment,
    kernel::{Flowi, Net, NetDevice},
    maps::{ASYMMETRIC, Astray, Routed},
    memory::{self, AT_ONCE, Address, Kind},
};

/// `LOOPBACK_IFINDEX`: ingress interface of a locally generated packet's lookup.
pub(super) const LOOPBACK_IFINDEX: u32 = 1;

/// Whose packet a lookup was for, by where it came in.
#[inline(always)]
pub(super) fn kind_of<F: Flowi>(flow: &F, iif: u32) -> Kind {
    if iif == LOOPBACK_IFINDEX && flow.proto() != 0 {
        Kind::Own
    } else {
        Kind::Passing
    }
}

/// Remembers where a packet with a source inside a bridge's subnet came in.
#[inline(always)]
pub(super) fn remember_ingress<F: Flowi>(flow: &F, iif: u32, net: Net) -> Option<()> {
    let saddr = flow.saddr()?;
    memory::set_way_in(net, saddr, iif, || !is_reversed(net, saddr, iif))
}

/// Whether a packet to `saddr` was sent out by `iif` right before: then this is that lookup
/// reversed, and no packet from there.
#[inline(always)]
fn is_reversed<A: Address>(net: Net, saddr: A, iif: u32) -> bool {
    memory::recall(Kind::Passing, net, saddr, AT_ONCE).is_some_and(|found| found.ifindex == iif)
}

/// Remembers the answer, and tells if it sends a reply astray. What is read of the kernel goes into
/// the slot at once: there are too few registers to hold it.
#[inline(always)]
pub(super) fn into_bridge<F: Flowi>(
    flow: &F,
    kind: Kind,
    iif: u32,
    net: Net,
    bridge: NetDevice,
    table: impl FnOnce() -> u32,
) -> Option<()> {
    let daddr = flow.daddr()?;
    // SAFETY: this CPU's slot, written by this program only, which does not nest on a CPU.
    let slot = unsafe { &mut *daddr.route(kind, net)? };
    let now = memory::jiffies();
    slot.jiffies = now;
    slot.net = net.id();
    slot.daddr = daddr.words();
    let ifindex = bridge.ifindex()?;
    slot.ifindex = ifindex;
    slot.lookup.oif = flow.oif();
    slot.lookup.mark = flow.mark();
    slot.lookup.table = table();
    slot.lookup.iif = iif;
    if kind == Kind::Passing {
        F::Address::PASSING.note(now);
        return None;
    }
    // Mostly that is where it goes: only what is about to be told must be sure. What was kept is read back, as there
    // is no room for it meanwhile.
    // SAFETY: this CPU's slot.
    let kept = unsafe { read_volatile(&raw const slot.daddr) };
    if memory::likely_way_in(daddr.ingress(net)?, net, kept)? != ifindex
        && tell_astray(flow, net, slot) != 0
    {
        note_astray(flow, net, ifindex);
    }
    None
}

/// Apart from the rest: an event takes half of the stack, and its preparation most of the registers. Not 0 if it goes
/// astray and none like it was told a moment ago.
#[inline(never)]
fn tell_astray<F: Flowi>(flow: &F, net: Net, slot: &Routed<F::Address>) -> i32 {
    let told = try_tell_astray(flow, net, slot);
    told.is_some().into()
}

#[inline(always)]
fn try_tell_astray<F: Flowi>(flow: &F, net: Net, slot: &Routed<F::Address>) -> Option<()> {
    let daddr = flow.daddr()?;
    let ifindex = slot.ifindex;
    let came_in = memory::way_in(net, daddr).filter(|came_in| *came_in != ifindex)?;
    let (netns, remote) = (net.inum()?, daddr.mapped());
    let mut event = emit::event_at(F::HOOK, netns, ifindex, remote);
    // SAFETY: `value` points to a live map value.
    event.before = emit::count(F::HOOK, &event, Way::Misdelivered, |value| unsafe {
        &raw mut (*value).misrouted
    });
    emit::add_flow(&mut event, flow.packet()?);
    emit::add_lookup(&mut event, slot.lookup);
    emit::add_ingress(&mut event, Some(came_in));
    emit::add_task(&mut event);
    emit::submit(F::HOOK, &mut event).map(drop)
}

/// So that a reset by whoever has the remote's address is understood: it follows within seconds, and is
/// looked for longer than an event is held back.
#[inline(never)]
fn note_astray<F: Flowi>(flow: &F, net: Net, bridge: u32) -> i32 {
    let _ = try_note_astray(flow, net, bridge);
    0
}

#[inline(always)]
fn try_note_astray<F: Flowi>(flow: &F, net: Net, bridge: u32) -> Option<()> {
    let (netns, remote) = (net.inum()?, flow.daddr()?.mapped());
    let key = WatchKey { netns, remote };
    let astray = Astray {
        jiffies: memory::jiffies(),
        bridge,
        reserved: 0,
    };
    Moment::Astray.note(astray.jiffies);
    match ASYMMETRIC.get_ptr_mut(&key) {
        // SAFETY: a live map value; two that are written at once say the same, or nearly.
        Some(known) => unsafe { *known = astray },
        // A full LRU evicts; a failed insert costs the evidence of one reset.
        None => drop(ASYMMETRIC.insert(&key, &astray, 0)),
    }
    Some(())
}

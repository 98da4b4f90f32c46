//! What both families' lookup hooks do: remember for the hooks that come after, and tell of a
//! reply that is routed into a bridge although its remote came in by another device. Where a
//! container has the remote's address, no other hook will ever see anything wrong.

use core::ffi::c_void;

use tracer_common::{WatchKey, Way};

use crate::{
    emit,
    globals::Moment,
    kernel::{Flowi, Net, NetDevice},
    maps::{ASYMMETRIC, Astray},
    memory::{self, Address as _, Routed},
};

/// `LOOPBACK_IFINDEX`: ingress interface of a locally generated packet's lookup.
pub(super) const LOOPBACK_IFINDEX: u32 = 1;

/// What the tracepoint gives. It is read anew by each that asks: whatever else outlives the call of a helper needs a
/// register that is saved whenever the hook runs, or a place on the stack.
pub(super) trait Lookup: Copy {
    type Flow: Flowi;

    fn of(ctx: *mut c_void) -> Self;
    fn ctx(self) -> *mut c_void;
    fn flow(self) -> Self::Flow;
    /// That of the answer's nexthop.
    fn device(self) -> Option<NetDevice>;
    /// The namespace, which is the device's.
    fn net(self, device: NetDevice) -> Option<Net>;
    /// Number of the table that was searched.
    fn table(self) -> Option<u32>;
}

/// What a lookup is about.
enum Concern {
    /// A packet came in with a source that may lie inside a bridge's subnet.
    ComesIn,
    /// A packet that came in goes into a bridge.
    Passes,
    /// A packet of this host goes into a bridge.
    Leaves,
}

/// Remembers what a lookup is about. If that is nothing the run returns 0, and otherwise not, which the kernel does not mind:
/// so the compiler leaves the two ends apart, and the one that nearly all lookups come to is at hand.
#[inline(always)]
pub(super) fn look<L: Lookup>(lookup: L) -> i32 {
    let flow = lookup.flow();
    let (Some(device), Some(iif)) = (lookup.device(), flow.iif()) else {
        return 0;
    };
    match concern(&flow, iif, device) {
        None => return 0,
        Some(Concern::ComesIn) => comes_in(lookup, &flow, iif, device),
        Some(Concern::Passes) => passes(lookup, &flow),
        Some(Concern::Leaves) => leaves(lookup, &flow, device),
    };
    1
}

#[inline(always)]
fn concern<F: Flowi>(flow: &F, iif: u32, device: NetDevice) -> Option<Concern> {
    if iif > LOOPBACK_IFINDEX && flow.is_from_bridge_prefix() {
        return Some(Concern::ComesIn);
    }
    // iif 0: `inet_addr_type()` asks about an address, no packet follows.
    if iif == 0 || !device.is_bridge() {
        return None;
    }
    // Whether the source of a packet that came in may be where it came from is looked up in reverse, which names the way
    // out as the way in, or this host; but no protocol, unless a rule selects by ports.
    // <https://elixir.bootlin.com/linux/v6.18/A/ident/__fib_validate_source>
    let is_own = iif == LOOPBACK_IFINDEX && flow.proto() != 0;
    Some(if is_own {
        Concern::Leaves
    } else {
        Concern::Passes
    })
}

#[inline(always)]
fn comes_in<L: Lookup>(lookup: L, flow: &L::Flow, iif: u32, device: NetDevice) -> Option<()> {
    if !memory::is_known_way(lookup.net(device)?, flow.saddr()?, iif) {
        came_in::<L>(lookup.ctx());
    }
    if lookup.device()?.is_bridge() {
        passes(lookup, &lookup.flow())?;
    }
    Some(())
}

/// Remembers where it came in: rarely, as mostly that is known. If a packet to its source was sent out by the same device
/// right before, this is that lookup reversed, and no packet from there.
#[inline(never)]
fn came_in<L: Lookup>(ctx: *mut c_void) -> i32 {
    let lookup = L::of(ctx);
    let flow = lookup.flow();
    if let (Some(saddr), Some(iif)) = (flow.saddr(), flow.iif())
        && let Some(net) = lookup.device().and_then(|device| lookup.net(device))
        && !memory::has_just_passed(saddr, iif)
    {
        memory::set_way_in(net, saddr, iif);
    }
    0
}

#[inline(always)]
fn passes<L: Lookup>(lookup: L, flow: &L::Flow) -> Option<()> {
    let (slot, now) = memory::passing_slot(flow.daddr()?)?;
    slot.ifindex = lookup.device()?.ifindex()?;
    remember(slot, now, lookup)?;
    <L::Flow as Flowi>::Address::PASSING.note(now);
    Some(())
}

/// Mostly that is where it goes: only what is about to be told must be sure.
#[inline(always)]
fn leaves<L: Lookup>(lookup: L, flow: &L::Flow, device: NetDevice) -> Option<()> {
    let (net, remote) = (lookup.net(device)?, flow.daddr()?);
    if memory::may_come_elsewhere(net, remote, || device.ifindex()) {
        astray::<L>(lookup.ctx());
    }
    let (slot, now) = memory::own_slot()?;
    remember(slot, now, lookup)
}

#[inline(always)]
fn remember<L: Lookup>(
    slot: &mut Routed<<L::Flow as Flowi>::Address>,
    now: u64,
    lookup: L,
) -> Option<()> {
    let flow = lookup.flow();
    slot.bridge = lookup.device()?.id();
    slot.daddr = flow.daddr()?.words();
    slot.lookup = wire(lookup, &flow)?;
    slot.jiffies = now;
    Some(())
}

/// What events tell of a lookup.
#[inline(always)]
fn wire<L: Lookup>(lookup: L, flow: &L::Flow) -> Option<tracer_common::Lookup> {
    Some(tracer_common::Lookup {
        iif: flow.iif()?,
        oif: flow.oif()?,
        mark: flow.mark()?,
        table: lookup.table()?,
    })
}

/// Tells that a packet of this host went astray, if it did.
#[inline(never)]
fn astray<L: Lookup>(ctx: *mut c_void) -> i32 {
    let lookup = L::of(ctx);
    if let Some(device) = lookup.device()
        && let (Some(net), Some(bridge)) = (lookup.net(device), device.ifindex())
        && tell_astray::<L>(ctx, net, bridge) != 0
    {
        note_astray(&lookup.flow(), net, bridge);
    }
    0
}

/// Apart from the rest: an event takes half of the stack, and its preparation most of the registers. Not 0 if it goes
/// astray and none like it was told a moment ago.
#[inline(never)]
fn tell_astray<L: Lookup>(ctx: *mut c_void, net: Net, bridge: u32) -> i32 {
    let told = try_tell_astray(L::of(ctx), net, bridge);
    told.is_some().into()
}

#[inline(always)]
fn try_tell_astray<L: Lookup>(lookup: L, net: Net, bridge: u32) -> Option<()> {
    let (hook, flow) = (L::Flow::HOOK, lookup.flow());
    let daddr = flow.daddr()?;
    let came_in = memory::way_in(net, daddr).filter(|came_in| *came_in != bridge)?;
    let (netns, remote) = (net.inum()?, daddr.mapped());
    let mut event = emit::event_at(hook, netns, bridge, remote);
    // SAFETY: `value` points to a live map value.
    event.before = emit::count(hook, &event, Way::Misdelivered, |value| unsafe {
        &raw mut (*value).misrouted
    });
    emit::add_flow(&mut event, flow.packet()?);
    emit::add_lookup(&mut event, wire(lookup, &flow)?);
    emit::add_ingress(&mut event, Some(came_in));
    emit::add_task(&mut event);
    emit::submit(hook, &mut event).map(drop)
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

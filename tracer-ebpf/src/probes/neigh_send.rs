//! `neigh_event_send_done(struct neighbour *, int rc)`
//! <https://elixir.bootlin.com/linux/v6.18/source/net/core/neighbour.c#L1162>
//!
//! The neighbour slow path: a packet was handed to a neighbour that has not answered yet.
//! It does not run for resolved neighbours, so a healthy host pays nothing here.
//!
//! `neigh_event_send_dead` takes the same arguments, and is what happens where another CPU threw the entry away since
//! the packet found it: the packet is gone already, and only counted.
//! <https://elixir.bootlin.com/linux/v6.18/A/ident/__neigh_event_send>

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};
use aya_log_ebpf::debug;
use tracer_common::{Event, Hook, Way};

use crate::{
    addresses::may_be_missed,
    emit,
    kernel::{Neighbour, Net, NetDevice, Skb},
    memory::{self, A_MOMENT, AT_ONCE, Kind},
    probes::apart,
};

#[btf_tracepoint(function = "neigh_event_send_done")]
pub(crate) fn on_neigh_send(ctx: BtfTracePointContext) -> i32 {
    let _ = try_neigh_send(&ctx);
    0
}

#[inline(always)]
fn try_neigh_send(ctx: &BtfTracePointContext) -> Option<()> {
    // rc 0: the neighbour can be used after all.
    let (neighbour, rc): (_, i32) = (Neighbour(ctx.arg(0)), ctx.arg(1));
    if rc != 0 && neighbour.is_unresolved()? && neighbour.device()?.is_bridge() {
        apart(ctx, unresolved);
    }
    None
}

#[inline(always)]
fn unresolved(ctx: &BtfTracePointContext) -> Option<()> {
    let neighbour = Neighbour(ctx.arg(0));
    let device = neighbour.device()?;
    let queued = own_packet(&neighbour)?;
    let remote = neighbour.address().filter(|ip| may_be_missed(*ip))?;
    let net = device.net()?;
    if queued.is_none() {
        took_it_along(&neighbour, device, net, remote)?;
    }
    let mut event = emit::event(Hook::NeighSend, device, remote)?;
    event.nud_state = neighbour.nud_state()?;
    event.before = count(Hook::NeighSend, &event);
    // Without the packet there is nothing to tell; it is counted.
    add_packet(&mut event, queued?)?;
    add_lookup(&mut event, net);
    let ingress = memory::way_in_of(net, event.remote);
    emit::add_ingress(&mut event, ingress);
    emit::add_task(&mut event);
    if emit::submit(Hook::NeighSend, &mut event) == Some(true) {
        debug!(
            ctx,
            "neigh_send: {:i} unresolved on ifindex {} in netns {}, flags {}",
            remote,
            event.ifindex,
            event.netns,
            event.flags
        );
    }
    Some(())
}

/// The packet that was queued, if it is there still; nothing at all if it is only passed on. A container is new to this
/// host until somebody outside asks for its published port: a forwarded packet in this path is health, not loss.
#[inline(always)]
fn own_packet(neighbour: &Neighbour) -> Option<Option<Skb>> {
    let queued = neighbour.last_queued();
    if queued.is_none_or(|skb| skb.forwarded_iif().is_none()) {
        return Some(queued);
    }
    // Otherwise the queue was emptied in an interrupt, and what was read was no packet, or is one of somebody else by now.
    (neighbour.last_queued() != queued).then_some(None)
}

/// Without a packet nothing is lost, but for the one that led here if the neighbour was given up at this very moment: its
/// queue is emptied, and in a flood another thread has its turn, before this hook has. It is this host's own by its
/// lookup; another thread may have had one meanwhile, but nothing comes in between where a packet is passed on.
#[inline(always)]
fn took_it_along(
    neighbour: &Neighbour,
    bridge: NetDevice,
    net: Net,
    remote: [u8; 16],
) -> Option<()> {
    // Asked anew: it may have been answered meanwhile, and the queue sent.
    if !neighbour.is_given_up()? {
        return None;
    }
    let ifindex = bridge.ifindex()?;
    let own = memory::route_to(Kind::Own, net, remote, A_MOMENT);
    if own.is_some_and(|found| found.ifindex == ifindex) {
        return Some(());
    }
    let passes = memory::route_to(Kind::Passing, net, remote, AT_ONCE);
    passes.is_none().then_some(())
}

#[btf_tracepoint(function = "neigh_event_send_dead")]
pub(crate) fn on_neigh_dead(ctx: BtfTracePointContext) -> i32 {
    let _ = try_neigh_dead(&ctx);
    0
}

#[inline(always)]
fn try_neigh_dead(ctx: &BtfTracePointContext) -> Option<()> {
    let neighbour = Neighbour(ctx.arg(0));
    let device = neighbour.device().filter(|device| device.is_bridge())?;
    let remote = neighbour.address().filter(|ip| may_be_missed(*ip))?;
    let (net, event) = (device.net()?, emit::event(Hook::NeighDead, device, remote)?);
    // There is no packet to ask, nor need there have been one: it was this host's if such a one was just looked up, and
    // none that passes.
    let own = memory::route_to(Kind::Own, net, remote, A_MOMENT)?;
    let passes = memory::route_to(Kind::Passing, net, remote, AT_ONCE);
    if own.ifindex == event.ifindex && passes.is_none() {
        count(Hook::NeighDead, &event);
    }
    Some(())
}

/// One more is lost of the event's remote; how many were before.
#[inline(always)]
fn count(hook: Hook, event: &Event) -> u64 {
    // SAFETY: `value` points to a live map value.
    emit::count(hook, event, Way::Sent, |value| unsafe {
        &raw mut (*value).unresolved
    })
}

/// The packet itself is the last one in the neighbour's queue. A queue emptied meanwhile shows as a packet to somebody
/// else, of which nothing is known.
#[inline(always)]
fn add_packet(event: &mut Event, skb: Skb) -> Option<()> {
    let flow = skb.routed_flow()?;
    // Through a gateway the packet's destination is not the neighbour: the bridge has none.
    if flow.daddr != event.remote {
        return None;
    }
    emit::add_packet(event, skb, flow);
    event.socket_inode = skb.socket_inode().unwrap_or(0);
    Some(())
}

/// Joins the route lookup the FIB hook remembered on this CPU.
#[inline(always)]
fn add_lookup(event: &mut Event, net: Net) {
    if let Some(found) = memory::route_to(Kind::Own, net, event.remote, A_MOMENT)
        && found.ifindex == event.ifindex
    {
        emit::add_lookup(event, found.lookup);
    }
}

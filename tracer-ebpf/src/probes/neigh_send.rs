//! `neigh_event_send_done(struct neighbour *, int rc)`
//! <https://elixir.bootlin.com/linux/v6.18/source/net/core/neighbour.c#L1162>
//!
//! The neighbour slow path: a packet was handed to a neighbour that has not answered yet.
//! It does not run for resolved neighbours, so a healthy host pays nothing here.
//!
//! Where another CPU threw the entry away since the packet found it, the packet dies before this is told:
//! `skb_drop` counts it (`NEIGH_DEAD`).
//! <https://elixir.bootlin.com/linux/v6.18/A/ident/__neigh_event_send>

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};
use aya_log_ebpf::debug;
use tracer_common::{Event, Hook, Way};

use crate::{
    addresses::may_be_missed,
    emit,
    kernel::{Neighbour, NetDevice, Skb},
    memory::{self, A_MOMENT, AT_ONCE, Whose},
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
        lost_with_the_queue(&neighbour, device, remote)?;
    }
    let mut event = emit::event(Hook::NeighSend, device, remote)?;
    event.nud_state = neighbour.nud_state()?;
    // SAFETY: `value` points to a live map value.
    event.before = emit::count(Hook::NeighSend, &event, Way::Sent, |value| unsafe {
        &raw mut (*value).unresolved
    });
    // Without the packet there is nothing to tell; it is counted.
    add_packet(&mut event, queued?)?;
    if let Some(lookup) = memory::lookup_into(Whose::Own, device, event.remote, A_MOMENT) {
        emit::add_lookup(&mut event, lookup);
    }
    let ingress = memory::ingress_of(net, event.remote);
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
    if queued.is_none_or(|skb| skb.iif().is_none()) {
        return Some(queued);
    }
    // Otherwise the queue was emptied in an interrupt, and what was read was no packet, or is one of somebody else by now.
    (neighbour.last_queued() != queued).then_some(None)
}

/// Without a packet nothing is lost, unless the queue was emptied before this hook runs: the neighbour was given up or
/// thrown away, and took what waited with it. The packet was this host's own if a lookup for such a one led here a moment
/// ago (just now, while the neighbour is asked for anew); another thread may have had one meanwhile, but where a packet is
/// passed on only the way back and packets that came in together are looked up in between. A cached route leaves no lookup:
/// then only a neighbour that was given up shows that there was a packet, as it may be asked for without any (`NTF_USE`).
/// <https://elixir.bootlin.com/linux/v6.18/A/ident/neigh_invalidate>
#[inline(always)]
fn lost_with_the_queue(neighbour: &Neighbour, bridge: NetDevice, remote: [u8; 16]) -> Option<()> {
    // Asked anew: it may have been answered meanwhile, and the queue sent.
    if !neighbour.is_unresolved()? {
        return None;
    }
    let given_up = neighbour.is_given_up()?;
    let age = if given_up { A_MOMENT } else { AT_ONCE };
    let asked = |whose, age| memory::lookup_into(whose, bridge, remote, age).is_some();
    (asked(Whose::Own, age) || given_up && !asked(Whose::Passing, AT_ONCE)).then_some(())
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

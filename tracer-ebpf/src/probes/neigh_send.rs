//! `neigh_event_send_done(struct neighbour *, int rc)`
//! <https://elixir.bootlin.com/linux/v6.18/source/net/core/neighbour.c#L1162>
//!
//! The neighbour slow path: a packet was handed to a neighbour that has not answered yet.
//! It does not run for resolved neighbours, so a healthy host pays nothing here.

use aya_ebpf::{
    helpers::generated::bpf_jiffies64, macros::btf_tracepoint, programs::BtfTracePointContext,
};
use aya_log_ebpf::debug;
use tracer_common::{AF_INET, Event, Hook, Way, event_flags, v4_mapped};

use crate::{
    emit,
    kernel::{Neighbour, Skb},
    maps::{FIB_SLOT, INGRESS_SLOT},
};

/// `NUD_INCOMPLETE` and `NUD_FAILED` (`include/uapi/linux/neighbour.h`).
const UNRESOLVED: u8 = 0x01 | 0x20;

/// What a slot remembers is the story of this packet only if it is recent:
/// 1 s at HZ=1000, 10 s at HZ=100.
const MAX_AGE_JIFFIES: u64 = 1000;

#[btf_tracepoint(function = "neigh_event_send_done")]
pub(crate) fn on_neigh_send(ctx: BtfTracePointContext) -> i32 {
    let _ = try_neigh_send(&ctx);
    0
}

#[inline(always)]
fn try_neigh_send(ctx: &BtfTracePointContext) -> Option<()> {
    let neighbour = Neighbour(ctx.arg(0));
    // rc 0: the neighbour can be used after all.
    let rc: i32 = ctx.arg(1);
    let nud_state = neighbour.nud_state()?;
    if rc == 0 || nud_state & UNRESOLVED == 0 {
        return None;
    }
    let device = neighbour.device()?;
    if !device.is_bridge() || neighbour.family()? != i32::from(AF_INET) {
        return None;
    }
    // Without a packet nothing is lost. A container is new to this host until somebody outside
    // asks for its published port: a forwarded packet in this path is health, not loss.
    let skb = neighbour.last_queued().filter(|skb| !skb.is_forwarded())?;
    let remote = neighbour.address4()?;
    let mut event = emit::event(Hook::NeighSend, device, v4_mapped(remote))?;
    event.nud_state = nud_state;
    // SAFETY: `value` points to a live map value.
    event.before = emit::count(Hook::NeighSend, &event, Way::Sent, |value| unsafe {
        &raw mut (*value).unresolved
    });
    add_packet(&mut event, skb);
    add_lookup(&mut event, remote);
    add_ingress(&mut event, remote);
    emit::add_task(&mut event, ctx);
    if emit::submit(Hook::NeighSend, &mut event) {
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

/// The packet itself is the last one in the neighbour's queue. A queue emptied meanwhile by
/// another CPU shows as a packet to somebody else, and is ignored.
#[inline(always)]
fn add_packet(event: &mut Event, skb: Skb) -> Option<()> {
    let flow = skb.sent_flow()?;
    // Through a gateway the packet's destination is not the neighbour: the bridge has none.
    if flow.daddr != event.remote {
        return None;
    }
    emit::add_flow(event, skb, flow);
    event.socket_inode = skb.socket_inode().unwrap_or(0);
    Some(())
}

/// Joins the route lookup the FIB hook remembered on this CPU.
#[inline(always)]
fn add_lookup(event: &mut Event, remote: [u8; 4]) {
    if let Some(slot) = FIB_SLOT.get(0)
        && slot.daddr == remote
        && slot.netns == event.netns
        && slot.ifindex == event.ifindex
        && is_recent(slot.jiffies)
    {
        event.lookup = slot.lookup;
        event.flags |= event_flags::LOOKUP;
    }
}

/// Joins the way by which the remote came in a moment ago: another device, or this very bridge.
#[inline(always)]
fn add_ingress(event: &mut Event, remote: [u8; 4]) {
    if let Some(slot) = INGRESS_SLOT.get(0)
        && slot.saddr == remote
        && slot.netns == event.netns
        && is_recent(slot.jiffies)
    {
        event.ingress_ifindex = slot.iif;
        event.flags |= event_flags::INGRESS;
    }
}

#[inline(always)]
fn is_recent(jiffies: u64) -> bool {
    // SAFETY: no arguments, no preconditions.
    let now = unsafe { bpf_jiffies64() };
    now.wrapping_sub(jiffies) < MAX_AGE_JIFFIES
}

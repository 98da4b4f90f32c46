//! `netif_receive_skb(struct sk_buff *)`
//! <https://elixir.bootlin.com/linux/v6.18/source/include/trace/events/net.h>
//!
//! Attached only while a remote is under suspicion: its packets coming in by another device than
//! the bridge its replies go to are the proof by asymmetry.

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};
use tracer_common::Hook;

use crate::{addresses::is_discovery, emit, kernel::Skb};

#[btf_tracepoint(function = "netif_receive_skb")]
pub(crate) fn on_dev_receive(ctx: BtfTracePointContext) -> i32 {
    let _ = try_dev_receive(&ctx);
    0
}

#[inline(always)]
fn try_dev_receive(ctx: &BtfTracePointContext) -> Option<()> {
    let skb = Skb(ctx.arg(0));
    let device = skb.device()?;
    // A bridge port hands the packet on to its bridge, where it is seen again.
    if device.is_bridge_port() {
        return None;
    }
    let flow = skb.received_flow().filter(|flow| !is_discovery(flow))?;
    let mut event = emit::event(Hook::DevReceive, device, flow.saddr)?;
    if emit::suspected_bridge(event.netns, event.remote)? == event.ifindex {
        return None;
    }
    emit::add_packet(&mut event, skb, flow);
    emit::submit(Hook::DevReceive, &mut event);
    Some(())
}

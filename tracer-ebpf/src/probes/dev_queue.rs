//! `net_dev_queue(struct sk_buff *)`
//! <https://elixir.bootlin.com/linux/v6.18/source/include/trace/events/net.h>
//!
//! Attached only while a remote is under suspicion: a packet to it that leaves by another device
//! than the bridge proves that the outage is over.

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};
use tracer_common::Hook;

use crate::{emit, kernel::Skb};

#[btf_tracepoint(function = "net_dev_queue")]
pub(crate) fn on_dev_queue(ctx: BtfTracePointContext) -> i32 {
    let _ = try_dev_queue(&ctx);
    0
}

#[inline(always)]
fn try_dev_queue(ctx: &BtfTracePointContext) -> Option<()> {
    let skb = Skb(ctx.arg(0));
    let device = skb.device()?;
    if !skb.is_ipv4() || device.is_bridge_port() {
        return None;
    }
    let flow = skb.sent_flow()?;
    emit::submit_watched(Hook::DevQueue, device, skb, flow, flow.daddr)
}

//! `net_dev_queue(struct sk_buff *)`
//! <https://elixir.bootlin.com/linux/v6.18/source/include/trace/events/net.h>
//!
//! Attached only while a remote is under suspicion: a packet to it that leaves by another device
//! than the bridge proves that the outage is over. One that leaves by the bridge went to somebody
//! there who has the remote's address: without an answering neighbour none gets this far.

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};
use tracer_common::{Hook, Way};

use crate::{addresses::is_discovery, emit, kernel::Skb};

#[btf_tracepoint(function = "net_dev_queue")]
pub(crate) fn on_dev_queue(ctx: BtfTracePointContext) -> i32 {
    let _ = try_dev_queue(&ctx);
    0
}

#[inline(always)]
fn try_dev_queue(ctx: &BtfTracePointContext) -> Option<()> {
    let skb = Skb(ctx.arg(0));
    let device = skb.device()?;
    // A bridge queues the packet once more on its port.
    if device.is_bridge_port() {
        return None;
    }
    let flow = skb.routed_flow().filter(|flow| !is_discovery(flow))?;
    let mut event = emit::event(Hook::DevQueue, device, flow.daddr)?;
    if emit::suspected_bridge(event.netns, event.remote)? == event.ifindex {
        // What is only passed on may be meant for the container there: a published port's requests.
        if skb.iif().is_some() {
            return None;
        }
        // SAFETY: `value` points to a live map value.
        emit::count(Hook::DevQueue, &event, Way::Misdelivered, |value| unsafe {
            &raw mut (*value).delivered
        });
        return None;
    }
    emit::add_packet(&mut event, skb, flow);
    emit::submit(Hook::DevQueue, &mut event);
    Some(())
}

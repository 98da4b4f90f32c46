//! `kfree_skb(struct sk_buff *, void *location, enum skb_drop_reason, struct sock *rx_sk)`
//! <https://elixir.bootlin.com/linux/v6.18/source/include/trace/events/skb.h#L24>
//!
//! A packet died on a bridge for a reason that matters here. Kernels before 5.17 pass no reason;
//! userspace does not load this program there.

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};
use tracer_common::{DropReason, Hook, Way};

use crate::{emit, globals::drop_reason, kernel::Skb};

const LAST_REASON: u8 = DropReason::NotSpecified as u8;

#[btf_tracepoint(function = "kfree_skb")]
pub(crate) fn on_skb_drop(ctx: BtfTracePointContext) -> i32 {
    let _ = try_skb_drop(&ctx);
    0
}

#[inline(always)]
fn try_skb_drop(ctx: &BtfTracePointContext) -> Option<()> {
    let reason = drop_reason(ctx.arg(2));
    if reason == 0 {
        return None;
    }
    let skb = Skb(ctx.arg(0));
    let device = skb.device()?;
    // ARP requests die too, on a bridge without carrier: they are nobody's payload.
    // Forwarded packets are no replies of this host.
    if !device.is_bridge() || !skb.is_ipv4() || skb.is_forwarded() {
        return None;
    }
    let flow = skb.sent_flow()?;
    // Multicast (IGMP on a bridge without carrier) resolves no neighbour and misses nobody.
    if flow.daddr[12] >= 224 {
        return None;
    }
    let mut event = emit::event(Hook::SkbDrop, device, flow.daddr)?;
    event.reason = reason;
    emit::add_flow(&mut event, skb, flow);
    event.before = emit::count(Hook::SkbDrop, &event, Way::Sent, |value| {
        // The wire numbers of the reasons stay below the array's length; the mask tells the
        // verifier so.
        // SAFETY: `value` points to a live map value and the index is masked.
        unsafe {
            (&raw mut (*value).dropped)
                .cast::<u64>()
                .add((reason & 15).min(LAST_REASON) as usize)
        }
    });
    emit::submit(Hook::SkbDrop, &mut event);
    Some(())
}

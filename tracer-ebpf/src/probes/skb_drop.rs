//! `kfree_skb(struct sk_buff *, void *location, enum skb_drop_reason, struct sock *rx_sk)`
//! <https://elixir.bootlin.com/linux/v6.18/source/include/trace/events/skb.h#L24>
//!
//! A packet died for a reason that matters here. Kernels before 5.17 pass no reason; userspace
//! does not load this program there. This is about packets that got as far as the bridge; those
//! that were refused before are `skb_refused`'s.

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};
use tracer_common::{DropReason, Event, Hook, Way, event_flags, v4_mapped};

use super::{apart, skb_refused};
use crate::{addresses::is_payload, emit, globals::drop_reason, kernel::Skb};

const FIREWALL: u8 = DropReason::NetfilterDrop as u8;
const RP_FILTER: u8 = DropReason::IpRpFilter as u8;
const LAST_REASON: usize = DropReason::ENTRIES - 1;

#[btf_tracepoint(function = "kfree_skb")]
pub(crate) fn on_skb_drop(ctx: BtfTracePointContext) -> i32 {
    try_skb_drop(&ctx);
    0
}

#[inline(always)]
fn try_skb_drop(ctx: &BtfTracePointContext) {
    // On a healthy host packets die all day: nearly all of them for other reasons, and at a firewall mostly what this
    // host sends or would have received.
    match drop_reason(ctx.arg(2)) {
        0 => {}
        FIREWALL if !Skb(ctx.arg(0)).may_be_forwarded() => {}
        // Apart from each other, too: together they need more stack than kernels before 6.13 have.
        FIREWALL => apart(ctx, skb_refused::by_firewall),
        RP_FILTER => apart(ctx, skb_refused::by_rp_filter),
        _ => apart(ctx, died_on_bridge),
    }
}

#[inline(always)]
fn died_on_bridge(ctx: &BtfTracePointContext) -> Option<()> {
    let (skb, reason) = (Skb(ctx.arg(0)), drop_reason(ctx.arg(2)));
    if reason == DropReason::NotSpecified as u8 {
        purged(skb)
    } else {
        on_bridge(skb, reason)
    }
}

/// A packet that was to leave by the bridge.
#[inline(always)]
fn on_bridge(skb: Skb, reason: u8) -> Option<()> {
    let device = skb.device().filter(|device| device.is_bridge())?;
    if skb.is_arp() {
        return question(skb, reason);
    }
    let flow = skb.routed_flow().filter(is_payload)?;
    let mut event = emit::event(Hook::SkbDrop, device, flow.daddr)?;
    emit::add_packet(&mut event, skb, flow);
    match skb.iif() {
        Some(iif) => {
            emit::add_forwarded(&mut event, iif);
            count_and_submit(&mut event, reason, Way::Forwarded)
        }
        None => count_and_submit(&mut event, reason, Way::Sent),
    }
}

/// A queue of IPv6 packets is thrown away without a reason when its neighbour did not answer.
/// So is much else on a healthy host: of this host's own packets the neighbour must be known for
/// not answering, and of those it passes on only what was leaving matters. A healthy host passes
/// many of these to a neighbour that has not answered yet, which therefore is not remembered.
/// <https://elixir.bootlin.com/linux/v6.18/A/ident/ndisc_error_report>
#[inline(always)]
fn purged(skb: Skb) -> Option<()> {
    if !skb.is_ipv6() {
        return None;
    }
    let device = skb.device().filter(|device| device.is_bridge())?;
    let flow = skb.routed_flow().filter(is_payload)?;
    let mut event = emit::event(Hook::SkbDrop, device, flow.daddr)?;
    emit::add_packet(&mut event, skb, flow);
    let reason = DropReason::NotSpecified as u8;
    match skb.iif() {
        Some(iif) if iif == event.ifindex => None,
        Some(iif) => {
            emit::add_forwarded(&mut event, iif);
            count_and_submit(&mut event, reason, Way::Forwarded)
        }
        None if emit::is_unresolved(&event) => count_and_submit(&mut event, reason, Way::Sent),
        None => None,
    }
}

/// The question who has an address died on a bridge without carrier. It is nobody's payload, but
/// shows why nobody answers.
#[inline(always)]
fn question(skb: Skb, reason: u8) -> Option<()> {
    if reason != DropReason::QdiscDrop as u8 {
        return None;
    }
    let remote = v4_mapped(skb.arp_target()?);
    let mut event = emit::event(Hook::SkbDrop, skb.device()?, remote)?;
    if !emit::is_counted(&event, Way::Sent) && !emit::is_counted(&event, Way::Forwarded) {
        return None;
    }
    event.reason = reason;
    event.flags |= event_flags::ARP;
    emit::submit(Hook::SkbDrop, &mut event);
    Some(())
}

/// Counts the packet as dropped for `reason`, and tells.
#[inline(always)]
pub(super) fn count_and_submit(event: &mut Event, reason: u8, way: Way) -> Option<()> {
    event.reason = reason;
    event.before = emit::count(Hook::SkbDrop, event, way, |value| {
        // The wire numbers of the reasons stay below the array's length; the mask tells the
        // verifier so.
        // SAFETY: `value` points to a live map value and the index is masked.
        unsafe {
            (&raw mut (*value).dropped)
                .cast::<u64>()
                .add(usize::from(reason & 15).min(LAST_REASON))
        }
    });
    emit::submit(Hook::SkbDrop, event);
    Some(())
}

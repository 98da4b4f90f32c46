//! Packets that died before they got to a bridge: right after a route lookup that led there.
//! Firewalls drop a lot on a healthy host, so the age of any such lookup is asked for before the packet is parsed.

use aya_ebpf::programs::BtfTracePointContext;
use tracer_common::{DropReason, Hook, Way};

use crate::{addresses::is_payload, emit, kernel::Skb, memory, probes::skb_drop::count_and_submit};

/// A forwarded packet died in the firewall on its way into a bridge it did not come from:
/// docker isolates its networks from each other. The skb is still on the device it came in by.
/// <https://elixir.bootlin.com/linux/v6.18/A/ident/ip_forward>
#[inline(always)]
pub(super) fn by_firewall(ctx: &BtfTracePointContext) -> Option<()> {
    if !memory::is_anything_passing() {
        return None;
    }
    let skb = Skb(ctx.arg(0));
    let iif = skb.forwarded_iif()?;
    let net = skb.device()?.net()?;
    // Before the packet is parsed: much of what is dropped while packets pass is none of them.
    let found = memory::passing_to(net, skb.routed_daddr()?)?;
    if found.ifindex == iif {
        return None;
    }
    let flow = skb.routed_flow().filter(is_payload)?;
    let mut event = emit::event_at(Hook::SkbDrop, net.inum()?, found.ifindex, flow.daddr);
    emit::add_lookup(&mut event, found.lookup);
    emit::add_forwarded(&mut event, iif);
    emit::add_packet(&mut event, skb, flow);
    let ingress = memory::ingress_of(net, event.remote);
    emit::add_ingress(&mut event, ingress);
    count_and_submit(&mut event, DropReason::NetfilterDrop as u8, Way::Forwarded)
}

/// A request died on arrival, because the way back to its source leads into a bridge.
/// <https://elixir.bootlin.com/linux/v6.18/A/ident/fib_validate_source>
#[inline(always)]
pub(super) fn by_rp_filter(ctx: &BtfTracePointContext) -> Option<()> {
    let skb = Skb(ctx.arg(0));
    if !skb.is_ipv4() || !memory::is_anything_passing() {
        return None;
    }
    let device = skb.device()?;
    let (net, ifindex) = (device.net()?, device.ifindex()?);
    let flow = skb.routed_flow()?;
    let found = memory::passing_to(net, flow.saddr)?;
    if found.ifindex == ifindex {
        return None;
    }
    let mut event = emit::event_at(Hook::SkbDrop, net.inum()?, found.ifindex, flow.saddr);
    emit::add_packet(&mut event, skb, flow);
    emit::add_lookup(&mut event, found.lookup);
    emit::add_ingress(&mut event, Some(ifindex));
    count_and_submit(&mut event, DropReason::IpRpFilter as u8, Way::Arriving)
}

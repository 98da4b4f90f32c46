//! Packets that died before they got to a bridge, though the route led there: a forwarded packet's own, or that of the way
//! back. A healthy host drops a lot there, so what is cheap to ask is asked before the packet is parsed.

use aya_ebpf::programs::BtfTracePointContext;
use tracer_common::{DropReason, Hook, Lookup, Way, v4_of};

use crate::{addresses::is_payload, emit, kernel::Skb, memory, probes::skb_drop::count_and_submit};

/// A forwarded packet died in the firewall on its way into a bridge it did not come from:
/// docker isolates its networks from each other. The skb is still on the device it came in by.
/// <https://elixir.bootlin.com/linux/v6.18/A/ident/ip_forward>
#[inline(always)]
pub(super) fn by_firewall(ctx: &BtfTracePointContext) -> Option<()> {
    let skb = Skb(ctx.arg(0));
    // IPv6 notes nothing: without a lookup right before for one that passes this one was to be received.
    if skb.is_ipv6() && !memory::is_anything_passing::<[u8; 16]>() {
        return None;
    }
    let device = skb.device()?;
    // Nor of a bridged frame, which has a real route into its bridge where its address was translated, and is on a port.
    // <https://elixir.bootlin.com/linux/v6.18/A/ident/br_nf_pre_routing_finish_ipv6>
    if skb.is_ipv6() && device.is_bridge_port() {
        return None;
    }
    let bridge = skb.route_device().filter(|device| device.is_bridge())?;
    let (iif, ifindex) = (skb.iif()?, bridge.ifindex()?);
    if ifindex == iif {
        return None;
    }
    let net = device.net()?;
    let flow = skb.routed_flow().filter(is_payload)?;
    let mut event = emit::event_at(Hook::SkbDrop, net.inum()?, ifindex, flow.daddr);
    // A forwarded packet's lookup names no device.
    emit::add_lookup(&mut event, Lookup::new(0, skb.mark()?));
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
    if !skb.is_ipv4() || !memory::is_anything_passing::<[u8; 4]>() {
        return None;
    }
    let device = skb.device()?;
    let (net, ifindex) = (device.net()?, device.ifindex()?);
    let flow = skb.routed_flow()?;
    let (bridge, lookup) = memory::passing_to(net, v4_of(flow.saddr)?)?;
    if bridge == ifindex {
        return None;
    }
    let mut event = emit::event_at(Hook::SkbDrop, net.inum()?, bridge, flow.saddr);
    emit::add_packet(&mut event, skb, flow);
    emit::add_lookup(&mut event, lookup);
    emit::add_ingress(&mut event, Some(ifindex));
    count_and_submit(&mut event, DropReason::IpRpFilter as u8, Way::Arriving)
}

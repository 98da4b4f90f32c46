//! Where a packet went, by the kernel's lookup and by the mirrored policy.

use serde_json::Value;
use tracer_common::{DropReason, Way};

use crate::{
    decode::KernelEvent,
    finding::EvidenceKind,
    incident::Incident,
    world::{
        fib::{self, FlowKey},
        namespace::Namespace,
    },
};

use super::waiting::Waiting;

/// What the kernel looked up for the event, as far as it is known.
pub(super) fn key_of(event: &KernelEvent) -> FlowKey {
    let source = event.packet.map(|packet| match event.way() {
        // The way back.
        Way::Arriving => packet.destination,
        Way::Sent | Way::Forwarded | Way::Misdelivered => packet.source,
    });
    FlowKey {
        destination: event.remote,
        source,
        oif: held_to(event),
        mark: event.lookup.map_or(0, |lookup| lookup.mark),
        iif: event.forwarded_iif.unwrap_or(0),
    }
}

/// ifindex the kernel held the packet to. Over IPv6 a lookup may name a device and be answered with
/// another: pings are answered with a hint to the device they came in by.
/// <https://elixir.bootlin.com/linux/v6.18/A/ident/icmpv6_echo_reply>
fn held_to(event: &KernelEvent) -> u32 {
    let named = event.lookup.map_or(0, |lookup| lookup.oif);
    let only_a_hint = event.remote.is_ipv6() && named != event.ifindex;
    if only_a_hint { 0 } else { named }
}

/// Whether the mirrored policy, too, leads the packet into the bridge.
pub(super) fn is_mirrored(namespace: &Namespace, event: &KernelEvent) -> bool {
    found(namespace, event).is_some()
}

/// The route of the mirrored policy that leads the packet into the bridge.
fn found<'a>(namespace: &'a Namespace, event: &KernelEvent) -> Option<fib::Found<'a>> {
    fib::find(namespace, key_of(event), |_| false)
        .filter(|found| found.hop.ifindex == event.ifindex)
}

/// Compares the mirrored policy with where the kernel routed the packet.
pub(super) fn note(namespace: &Namespace, incident: &mut Incident, lost: &Waiting) {
    let (at, event) = (lost.at, &lost.event);
    let mirrored = lost.mirrored || is_mirrored(namespace, event);
    // A packet older than the last change says nothing of the policy of now.
    if at > namespace.changed {
        incident.mirrored = mirrored;
        incident.rerouted = None;
    }
    if incident.has(EvidenceKind::RouteIntoBridge) {
        return;
    }
    let Some(found) = found(namespace, event) else {
        return;
    };
    let detail = || {
        let answer = found.answer(namespace);
        [
            ("prefix", Value::from(answer.route.prefix.to_string())),
            ("table", Value::from(answer.route.table)),
            ("device", Value::from(answer.route.device)),
            ("seen", Value::from(seen(event))),
        ]
    };
    incident.prove(EvidenceKind::RouteIntoBridge, at, detail);
}

/// What shows that the kernel routed the packet into the bridge.
fn seen(event: &KernelEvent) -> &'static str {
    if event.reason == Some(DropReason::NetfilterDrop) {
        // Of the lookup it tells the packet's mark, and nothing that was seen.
        "packet-route"
    } else if event.lookup.is_some() {
        "fib-lookup"
    } else {
        // A cached route needs no lookup: then the packet itself, on the bridge, is the proof.
        "packet-on-bridge"
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use tracer_common::{Event, Hook, Lookup, event_flags, v4_mapped};
    use zerocopy::IntoBytes as _;

    use super::*;
    use crate::decode::decode;

    /// The bridge 3 swallows a packet whose lookup named the device `oif`.
    fn named(remote: IpAddr, oif: u32) -> u32 {
        let octets = match remote {
            IpAddr::V4(v4) => v4_mapped(v4.octets()),
            IpAddr::V6(v6) => v6.octets(),
        };
        let event = Event {
            hook: Hook::NeighSend as u8,
            ifindex: 3,
            remote: octets,
            flags: event_flags::LOOKUP,
            lookup: Lookup {
                oif,
                ..Lookup::default()
            },
            ..Event::default()
        };
        key_of(&decode(event.as_bytes()).unwrap()).oif
    }

    #[test]
    fn a_device_named_over_ipv6_is_a_hint() {
        let (v4, v6) = (
            IpAddr::from([172, 22, 10, 119]),
            "fd00::119".parse().unwrap(),
        );
        assert_eq!((named(v6, 2), named(v6, 3)), (0, 3));
        assert_eq!((named(v4, 2), named(v4, 3)), (2, 3));
    }
}

//! Where a packet went, by the kernel's lookup and by the mirrored policy.

use serde_json::Value;
use tracer_common::Way;

use crate::{
    decode::KernelEvent,
    finding::EvidenceKind,
    incident::Incident,
    time::Timestamp,
    world::{
        fib::{self, FlowKey},
        namespace::Namespace,
    },
};

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
        oif: event.lookup.map_or(0, |lookup| lookup.oif),
        mark: event.lookup.map_or(0, |lookup| lookup.mark),
        iif: event.forwarded_iif.unwrap_or(0),
    }
}

/// Whether the mirrored policy, too, leads the packet into the bridge.
pub(super) fn is_mirrored(namespace: &Namespace, event: &KernelEvent) -> bool {
    fib::lookup(namespace, key_of(event), |_| false)
        .is_some_and(|answer| answer.ifindex == event.ifindex)
}

/// Compares the mirrored policy with where the kernel routed the packet.
pub(super) fn note(
    namespace: &Namespace,
    incident: &mut Incident,
    at: Timestamp,
    event: &KernelEvent,
) {
    let answer = fib::lookup(namespace, key_of(event), |_| false)
        .filter(|answer| answer.ifindex == event.ifindex);
    // A packet older than the last change says nothing of the policy of now.
    if at > namespace.changed {
        incident.mirrored = answer.is_some();
        incident.rerouted = None;
    }
    let Some(answer) = answer else { return };
    // A cached route needs no lookup: then the packet itself, on the bridge, is the proof.
    let seen = if event.lookup.is_some() {
        "fib-lookup"
    } else {
        "packet-on-bridge"
    };
    let detail = [
        ("prefix", Value::from(answer.route.prefix.to_string())),
        ("table", Value::from(answer.route.table)),
        ("device", Value::from(answer.route.device)),
        ("seen", Value::from(seen)),
    ];
    incident.prove(EvidenceKind::RouteIntoBridge, at, detail);
}

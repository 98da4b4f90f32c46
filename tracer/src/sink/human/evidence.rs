//! Evidence in plain English.

use serde_json::Value;
use tracer_core::finding::{Evidence, EvidenceKind, Finding};

use super::{facts, layout::Page};
use crate::sink::time;

/// A line for each piece of `evidence`.
pub(super) fn field(page: &mut Page, finding: &Finding, evidence: &[Evidence]) {
    for (number, piece) in evidence.iter().enumerate() {
        let label = if number == 0 { "proof" } else { "" };
        let text = format!("{} {}", time::clock(piece.at), sentence(finding, piece));
        page.field(label, &text);
    }
}

fn sentence(finding: &Finding, evidence: &Evidence) -> String {
    let who = who(finding, evidence);
    let bridge = finding
        .bridge
        .as_ref()
        .map_or("the bridge", |bridge| &bridge.name);
    match evidence.kind {
        EvidenceKind::IngressAsymmetry => {
            let device = finding
                .ingress
                .as_ref()
                .map_or("another device", |device| &device.name);
            format!("packets from {who} come in by {device}")
        }
        EvidenceKind::RouteIntoBridge => {
            format!("the route to {who} led into {bridge}")
        }
        EvidenceKind::NoSuchEndpoint => format!("no container of the network has {who}"),
        EvidenceKind::NeighbourFailed => format!("nobody on {bridge} answered for {who}"),
        EvidenceKind::Drop => dropped(evidence),
        EvidenceKind::GhostBridge => {
            format!("no running container uses {bridge}: it has no carrier")
        }
    }
}

/// Whom a piece of evidence is about: what it says itself, else the only one there is.
fn who(finding: &Finding, evidence: &Evidence) -> String {
    let said = ["remote", "address"]
        .iter()
        .find_map(|key| text(evidence, key));
    let only = || match finding.victims.as_slice() {
        [only] => Some(only.address.to_string()),
        [] => finding.packet.map(|packet| packet.destination.to_string()),
        _ => None,
    };
    said.map(str::to_owned)
        .or_else(only)
        .unwrap_or_else(|| "these addresses".to_owned())
}

fn dropped(evidence: &Evidence) -> String {
    let packets = match evidence.detail.get("count").and_then(Value::as_u64) {
        Some(number) => facts::count(number, "packet"),
        None => "a packet".to_owned(),
    };
    match text(evidence, "reason") {
        Some(reason) => format!(
            "the kernel dropped {packets}: {} ({reason})",
            because(reason)
        ),
        None => format!("the kernel dropped {packets}"),
    }
}

/// The kernel's drop reasons in words.
fn because(reason: &str) -> &'static str {
    match reason {
        "NEIGH_FAILED" => "nobody answered",
        "NEIGH_QUEUEFULL" => "too many were waiting for an answer",
        "NEIGH_CREATEFAIL" => "the neighbour table is full",
        "QDISC_DROP" => "the device could not send it",
        "DEV_READY" => "the device is down",
        _ => "the kernel's own reason",
    }
}

fn text<'e>(evidence: &'e Evidence, key: &str) -> Option<&'e str> {
    evidence
        .detail
        .get(key)
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
}

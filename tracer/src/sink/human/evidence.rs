//! Evidence in plain English.

use tracer_core::finding::{Evidence, EvidenceKind, Finding, Kind};

use super::{
    detail::{self, number, text},
    drops,
    layout::Fields,
    numbers,
};
use crate::sink::time;

/// A line for each piece of `evidence`.
pub(super) fn field(page: &mut dyn Fields, finding: &Finding, evidence: &[Evidence]) {
    for (nth, piece) in evidence.iter().enumerate() {
        let label = if nth == 0 { "proof" } else { "" };
        let (at, told) = (time::clock(piece.at), told(finding, piece));
        page.field(label, &format!("{at} {told}"));
    }
}

/// A piece of evidence, and what its sentence leaves out.
pub(super) fn told(finding: &Finding, piece: &Evidence) -> String {
    sentence(finding, piece) + &detail::rest(piece)
}

fn sentence(finding: &Finding, evidence: &Evidence) -> String {
    let who = who(finding, evidence);
    let bridge = bridge(finding);
    let said = |key| text(evidence, key);
    match evidence.kind {
        EvidenceKind::IngressAsymmetry => {
            format!("packets from {who} come in by {}", said("device"))
        }
        EvidenceKind::RouteIntoBridge => format!("the route to {who} led into {bridge}"),
        EvidenceKind::NoSuchEndpoint => format!("no container of the network has {who}"),
        EvidenceKind::NeighbourFailed => format!("nobody on {bridge} answered for {who}"),
        EvidenceKind::Drop => drops::sentence(evidence),
        EvidenceKind::GhostBridge => ghost(finding, evidence),
        EvidenceKind::Retransmit => {
            let packets = numbers::count(number(evidence, "count"), "packet");
            format!("TCP sent {packets} again: nobody acknowledges them")
        }
        EvidenceKind::EndpointHasAddress => {
            format!("container {} has the address {who}", said("container"))
        }
        EvidenceKind::ResetByContainer => {
            format!("the holder of {who} reset a connection it knows nothing of")
        }
        EvidenceKind::DuplicateRoute => format!(
            "several bridges have a route to {}: {} wins, {} loses",
            said("prefix"),
            said("wins"),
            said("loses")
        ),
        // With `rp_filter` 1 a packet must come in by the very device that leads back to its sender.
        EvidenceKind::ReversePath => format!(
            "the way back to {who} leads into {} ({}), so {} refuses it",
            said("bridge"),
            said("prefix"),
            said("device")
        ),
        EvidenceKind::ConfiguredPeer => {
            format!("{} names {who} as {}", said("source"), role(evidence))
        }
        // What these say is in their own words.
        EvidenceKind::Signal
        | EvidenceKind::KernelLog
        | EvidenceKind::DockerEvent
        | EvidenceKind::LinkChange => said("text").to_owned(),
    }
}

fn bridge(finding: &Finding) -> &str {
    finding
        .bridge
        .as_ref()
        .map_or("the bridge", |bridge| &bridge.name)
}

/// Whom a piece of evidence is about: what it says itself, else the only one there is.
fn who(finding: &Finding, evidence: &Evidence) -> String {
    let said = ["remote", "address"].map(|key| text(evidence, key));
    let said = said.into_iter().find(|address| !address.is_empty());
    // The remote sends what dies on arrival, and is sent everything else.
    let remote = finding.packet.map(|packet| match finding.kind {
        Kind::ReversePathDrop => packet.source,
        _ => packet.destination,
    });
    let only = || match finding.victims.as_slice() {
        [only] => Some(only.address),
        [] => remote,
        _ => None,
    };
    said.map(str::to_owned)
        .or_else(|| only().map(|address| address.to_string()))
        .unwrap_or_else(|| "these addresses".to_owned())
}

fn ghost(finding: &Finding, evidence: &Evidence) -> String {
    let bridge = bridge(finding);
    let ipv6 = finding.packet.is_some_and(|p| p.destination.is_ipv6());
    let questions = if ipv6 { "neighbour" } else { "ARP" };
    let silent = match text(evidence, "arp") {
        "" => String::new(),
        reason => format!(", and even the {questions} questions die in it ({reason})"),
    };
    format!("no running container uses {bridge}: it has no carrier{silent}")
}

/// What the configuration calls somebody outside.
fn role(evidence: &Evidence) -> String {
    let name = text(evidence, "name");
    match text(evidence, "role") {
        "nameserver" => "a nameserver".to_owned(),
        "host" => name.to_owned(),
        role => format!("{} {name}", role.replace('-', " ")),
    }
}

//! Evidence in plain English.

use tracer_core::finding::{Evidence, EvidenceKind, Finding, Kind};

use super::{
    detail::{self, number, text},
    drops,
    layout::Page,
    numbers,
};
use crate::sink::time;

/// A line for each piece of `evidence`.
pub(super) fn field(page: &mut Page, finding: &Finding, evidence: &[Evidence]) {
    for (number, piece) in evidence.iter().enumerate() {
        let label = if number == 0 { "proof" } else { "" };
        let (at, told) = (time::clock(piece.at), sentence(finding, piece));
        let rest = detail::rest(piece);
        page.field(label, &format!("{at} {told}{rest}"));
    }
}

fn sentence(finding: &Finding, evidence: &Evidence) -> String {
    let who = who(finding, evidence);
    let bridge = bridge(finding);
    match evidence.kind {
        EvidenceKind::IngressAsymmetry => {
            let device = ingress(finding, evidence);
            format!("packets from {who} come in by {device}")
        }
        EvidenceKind::RouteIntoBridge => format!("the route to {who} led into {bridge}"),
        EvidenceKind::NoSuchEndpoint => format!("no container of the network has {who}"),
        EvidenceKind::NeighbourFailed => format!("nobody on {bridge} answered for {who}"),
        EvidenceKind::Drop => drops::sentence(evidence),
        EvidenceKind::GhostBridge => ghost(finding, evidence),
        EvidenceKind::Retransmit => retransmitted(evidence),
        EvidenceKind::EndpointHasAddress => {
            format!("{} has the address {who}", container(evidence))
        }
        EvidenceKind::ResetByContainer => reset(finding, evidence, &who),
        EvidenceKind::DuplicateRoute => duplicate(evidence),
        EvidenceKind::ReversePath => way_back(finding, evidence, &who),
        EvidenceKind::ConfiguredPeer => configured(evidence, &who),
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
    let said = ["remote", "address"]
        .iter()
        .find_map(|key| text(evidence, key));
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
    said.or_else(|| only().map(|address| address.to_string()))
        .unwrap_or_else(|| "these addresses".to_owned())
}

/// Where the remote comes in.
fn ingress(finding: &Finding, evidence: &Evidence) -> String {
    let known = finding.ingress.as_ref().map(|device| device.name.clone());
    known
        .or_else(|| text(evidence, "device").filter(|device| device != bridge(finding)))
        .unwrap_or_else(|| "another device".to_owned())
}

fn container(evidence: &Evidence) -> String {
    text(evidence, "container").map_or_else(
        || "a container".to_owned(),
        |container| format!("container {container}"),
    )
}

fn ghost(finding: &Finding, evidence: &Evidence) -> String {
    let bridge = bridge(finding);
    let ipv6 = finding.packet.is_some_and(|p| p.destination.is_ipv6());
    let questions = if ipv6 { "neighbour" } else { "ARP" };
    let silent = text(evidence, "arp").map_or_else(String::new, |reason| {
        format!(", and even the {questions} questions die in it ({reason})")
    });
    format!("no running container uses {bridge}: it has no carrier{silent}")
}

fn retransmitted(evidence: &Evidence) -> String {
    match number(evidence, "count") {
        Some(count) => {
            let packets = numbers::count(count, "packet");
            format!("TCP sent {packets} again: nobody acknowledges them")
        }
        None => "TCP sends again what nobody acknowledges".to_owned(),
    }
}

/// Who reset it, as far as that is known: the container the replies reach, or whoever it is.
fn reset(finding: &Finding, evidence: &Evidence, who: &str) -> String {
    let reached = finding.container.as_ref();
    let reached = reached.filter(|_| finding.kind == Kind::Misdelivery);
    let name = text(evidence, "container").or_else(|| reached.map(|c| c.name.clone()));
    let by = name.map_or_else(
        || format!("the holder of {who}"),
        |n| format!("container {n}"),
    );
    format!("{by} reset a connection it knows nothing of")
}

fn duplicate(evidence: &Evidence) -> String {
    let prefix = text(evidence, "prefix").map_or_else(String::new, |p| format!(" to {p}"));
    let wins = text(evidence, "wins").unwrap_or_else(|| "one".to_owned());
    let loses = text(evidence, "loses").unwrap_or_else(|| "another".to_owned());
    format!("several bridges have a route{prefix}: {wins} wins, {loses} loses")
}

/// With `rp_filter` 1 a packet must come in by the very device that leads back to its sender.
fn way_back(finding: &Finding, evidence: &Evidence, who: &str) -> String {
    let (bridge, device) = (bridge(finding), ingress(finding, evidence));
    let prefix = text(evidence, "prefix").map_or_else(String::new, |p| format!(" ({p})"));
    let setting = match text(evidence, "rp_filter").as_deref() {
        Some("1") => " (rp_filter = 1, strict)".to_owned(),
        Some(other) => format!(" (rp_filter = {other})"),
        None => String::new(),
    };
    format!("the way back to {who} leads into {bridge}{prefix}, so {device} refuses it{setting}")
}

fn configured(evidence: &Evidence, who: &str) -> String {
    let source = text(evidence, "source").unwrap_or_else(|| "the configuration".to_owned());
    let name = text(evidence, "name");
    let role = match (text(evidence, "role").as_deref(), name) {
        (Some("nameserver"), _) => "a nameserver".to_owned(),
        (Some("host") | None, Some(name)) => name,
        (Some(role), Some(name)) => format!("{} {name}", role.replace('-', " ")),
        (Some(role), None) => format!("a {}", role.replace('-', " ")),
        (None, None) => "somebody outside".to_owned(),
    };
    format!("{source} names {who} as {role}")
}

//! What is lost, why, where it should have gone, and whose doing it is: a line each.

use std::fmt::Write as _;

use tracer_core::finding::{Bridge, Counts, EvidenceKind, Finding, Kind, NetworkRef};

use super::{
    layout::Fields,
    lines,
    numbers::{count, digits, listed},
    particulars, people, words,
};
use crate::sink::time;

/// Every fact the finding has.
pub(super) fn all(page: &mut dyn Fields, finding: &Finding) {
    lost(page, finding);
    latest(page, finding);
    people::timeout(page, finding);
    let way = words::of(finding).way;
    for (label, route) in [("why", &finding.route), ("should", &finding.expected_route)] {
        if let Some(route) = route {
            let text = format!("{way} {}", lines::route(route, page.arrow()));
            page.field(label, &text);
        }
    }
    particulars::field(page, finding);
    whose(page, finding);
    people::container(page, finding);
    people::job(page, finding);
    people::place(page, finding);
}

/// The packet lost last, and who sent it.
fn latest(page: &mut dyn Fields, finding: &Finding) {
    let Some(packet) = &finding.packet else {
        return;
    };
    // Only an answer to a ping is surely the kernel's own.
    let answers = matches!(finding.kind, Kind::ReplyBlackhole | Kind::Misdelivery);
    let sender = match &finding.process {
        Some(process) => format!(", sent by {} (pid {})", process.name, process.pid),
        None if answers && packet.icmp_type.is_some() => ", sent by the kernel".to_owned(),
        None => String::new(),
    };
    let text = lines::packet(packet, page.arrow());
    page.field("latest", &format!("{text}{sender}"));
}

/// How much is lost, and for whom.
pub(super) fn lost(page: &mut dyn Fields, finding: &Finding) {
    if finding.counts == Counts::default() || !finding.kind.is_loss() {
        return;
    }
    let towards = words::of(finding).towards;
    let Counts {
        packets,
        flows,
        remotes,
    } = finding.counts;
    let mut text = count(packets, "packet");
    let _ = write!(
        text,
        " in {} since {}",
        count(flows, "flow"),
        time::clock(finding.start)
    );
    match finding.victims.as_slice() {
        [] => {}
        [only] => drop(write!(text, ", {towards} {}", only.address)),
        victims => {
            let _ = write!(
                text,
                ", {towards} {}: {}",
                count(remotes, "address"),
                listed(victims, remotes, |v| format!(
                    "{} ({})",
                    v.address,
                    digits(v.packets)
                ))
            );
        }
    }
    page.field("lost", &text);
}

/// Whose bridge it is.
pub(super) fn whose(page: &mut dyn Fields, finding: &Finding) {
    match (&finding.docker_network, &finding.bridge) {
        (Some(network), _) => {
            page.field("whose", &network_line(network));
            page.field("created", &creation_line(network, finding));
        }
        (None, Some(bridge)) => page.field("whose", &bridge_line(bridge)),
        (None, None) => {}
    }
    let proven = finding
        .evidence
        .iter()
        .any(|piece| piece.kind == EvidenceKind::GhostBridge);
    if let Some(bridge) = finding
        .bridge
        .as_ref()
        .filter(|bridge| !bridge.carrier && !proven)
    {
        let text = format!(
            "no running container uses {}: it has no carrier",
            bridge.name
        );
        page.field("note", &text);
    }
}

fn network_line(network: &NetworkRef) -> String {
    let mut text = format!("docker network {}", network.name);
    if let Some(project) = &network.compose_project {
        let _ = write!(text, " of compose project {project}");
    }
    let attached = network.endpoints.len() as u64;
    let attached = listed(&network.endpoints, attached, |(name, ip)| {
        ip.map_or_else(|| name.clone(), |ip| format!("{name} ({ip})"))
    });
    text + &match network.endpoints.len() {
        0 => ", without containers".to_owned(),
        1 => format!(", container {attached}"),
        _ => format!(", containers {attached}"),
    }
}

/// When the network was made: an outage that begins a second later is no coincidence.
fn creation_line(network: &NetworkRef, finding: &Finding) -> String {
    let Some(created) = network.created else {
        return format!("not known when, by docker at {}", network.daemon);
    };
    let when = time::date_and_clock(created);
    let distance = match finding.start.since(created) {
        _ if !finding.kind.is_loss() => String::new(),
        0 => String::new(),
        nanos => format!(", {} before the first loss seen", time::span(nanos)),
    };
    format!("{when}{distance}, by docker at {}", network.daemon)
}

fn bridge_line(bridge: &Bridge) -> String {
    match bridge.owner.as_str() {
        "" | "unknown" => format!("not known (bridge {})", bridge.name),
        owner => format!(
            "{owner} (bridge {}); which network is not known",
            bridge.name
        ),
    }
}

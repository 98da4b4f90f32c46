//! What is lost, why, where it should have gone, and whose doing it is: a line each.

use std::fmt::Write as _;

use tracer_core::finding::{
    Bridge, Counts, EvidenceKind, Finding, Kind, NetworkRef, Packet, RouteRef,
};

use super::layout::Page;
use crate::sink::{ecs, time};

/// Things named one by one; the rest is a number.
const NAMED: usize = 5;

/// What kind of finding it is, in plain words.
pub(super) const fn title(finding: &Finding) -> &'static str {
    match finding.kind {
        Kind::ReplyBlackhole => "replies vanish in a bridge",
        Kind::EventsLost => "not everything was seen",
    }
}

/// Every fact the finding has.
pub(super) fn all(page: &mut Page, finding: &Finding) {
    lost(page, finding);
    if let Some(packet) = &finding.packet {
        let sender = finding.process.as_ref().map_or_else(
            || {
                if packet.icmp_type.is_some() {
                    ", sent by the kernel".into()
                } else {
                    String::new()
                }
            },
            |process| format!(", sent by {} (pid {})", process.name, process.pid),
        );
        let text = packet_line(packet, page.arrow());
        page.field("latest", &format!("{text}{sender}"));
    }
    if let Some(route) = &finding.route {
        let text = format!("route {}", route_line(route, page.arrow()));
        page.field("why", &text);
    }
    if let Some(route) = &finding.expected_route {
        let text = format!("route {}", route_line(route, page.arrow()));
        page.field("should", &text);
    }
    whose(page, finding);
    if finding.netns.owner != "host" {
        let (inum, owner) = (finding.netns.inum, &finding.netns.owner);
        page.field(
            "where",
            &format!("network namespace {inum}, {owner}; not the host's own"),
        );
    }
}

/// How much is lost, and for whom.
pub(super) fn lost(page: &mut Page, finding: &Finding) {
    if finding.counts == Counts::default() {
        return;
    }
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
        [only] => drop(write!(text, ", to {}", only.address)),
        victims => {
            let _ = write!(
                text,
                ", to {}: {}",
                count(remotes, "address"),
                listed(victims, |v| format!(
                    "{} ({})",
                    v.address,
                    digits(v.packets)
                ))
            );
        }
    }
    page.field("lost", &text);
}

/// The first few of a list by their names, and how many more there are.
pub(super) fn listed<T>(all: &[T], name: impl Fn(&T) -> String) -> String {
    let names: Vec<String> = all.iter().take(NAMED).map(name).collect();
    let mut text = names.join(", ");
    if let Some(more @ 1..) = all.len().checked_sub(NAMED) {
        let _ = write!(text, " and {more} more");
    }
    text
}

/// Whose bridge it is.
pub(super) fn whose(page: &mut Page, finding: &Finding) {
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
    let attached = listed(&network.endpoints, |(name, ip)| {
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

pub(super) fn packet_line(packet: &Packet, arrow: &str) -> String {
    let (source, destination) = (packet.source, packet.destination);
    let protocol = ecs::transport(packet.proto)
        .map_or_else(|| format!("protocol {}", packet.proto), str::to_owned);
    match (packet.ports, packet.icmp_type) {
        (Some((from, to)), _) => {
            let source = std::net::SocketAddr::new(source, from);
            let destination = std::net::SocketAddr::new(destination, to);
            format!("{protocol} {source} {arrow} {destination}")
        }
        (None, Some(0)) if packet.proto == 1 => {
            format!("ping reply {source} {arrow} {destination}")
        }
        (None, Some(129)) => format!("ping reply {source} {arrow} {destination}"),
        (None, Some(kind)) => format!("{protocol} type {kind} {source} {arrow} {destination}"),
        // The kernel's routing code leaves the protocol at 0 when it does not know it.
        (None, None) if packet.proto == 0 => format!("{source} {arrow} {destination}"),
        (None, None) => format!("{protocol} {source} {arrow} {destination}"),
    }
}

fn route_line(route: &RouteRef, arrow: &str) -> String {
    let prefix = match route.prefix.prefix_len() {
        0 => "default".to_owned(),
        _ => route.prefix.to_string(),
    };
    let via = route
        .gateway
        .map(|gateway| format!(" via {gateway}"))
        .unwrap_or_default();
    let table = match route.table {
        254 => String::new(),
        table => format!(" (table {table})"),
    };
    format!("{prefix}{via} {arrow} {}{table}", route.device)
}

/// `1 packet`, `415 packets`, `2 addresses`.
pub(super) fn count(number: u64, noun: &str) -> String {
    let plural = match number {
        1 => "",
        _ if noun.ends_with('s') => "es",
        _ => "s",
    };
    format!("{} {noun}{plural}", digits(number))
}

/// As [`count`], for the length of a list.
pub(super) fn number(length: usize, noun: &str) -> String {
    count(u64::try_from(length).unwrap_or(u64::MAX), noun)
}

/// From 10,000 on, digits in threes.
pub(super) fn digits(number: u64) -> String {
    let plain = number.to_string();
    if plain.len() < 5 {
        return plain;
    }
    let grouped = plain
        .char_indices()
        .map(|(at, digit)| match plain.len() - at {
            left if at > 0 && left % 3 == 0 => format!(",{digit}"),
            _ => digit.to_string(),
        });
    grouped.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(count(1, "packet"), "1 packet");
        assert_eq!(count(8400, "packet"), "8400 packets");
        assert_eq!(count(44_674, "address"), "44,674 addresses");
        assert_eq!(digits(1_000_000), "1,000,000");
    }
}

//! Packets and routes, a line each.

use tracer_core::finding::{Packet, RouteRef};

use crate::sink::ecs;

/// A packet and where it was going.
pub(super) fn packet(packet: &Packet, arrow: &str) -> String {
    let (source, destination) = (packet.source, packet.destination);
    let protocol = ecs::transport(packet.proto)
        .map_or_else(|| format!("protocol {}", packet.proto), str::to_owned);
    match (packet.ports, packet.icmp_type) {
        (Some((from, to)), _) => {
            let source = std::net::SocketAddr::new(source, from);
            let destination = std::net::SocketAddr::new(destination, to);
            format!("{protocol} {source} {arrow} {destination}")
        }
        (None, Some(kind)) => match (packet.proto, kind) {
            (1, 0) | (58, 129) => format!("ping reply {source} {arrow} {destination}"),
            (1, 8) | (58, 128) => format!("ping {source} {arrow} {destination}"),
            _ => format!("{protocol} type {kind} {source} {arrow} {destination}"),
        },
        // The kernel's routing code leaves the protocol at 0 when it does not know it.
        (None, None) if packet.proto == 0 => format!("{source} {arrow} {destination}"),
        (None, None) => format!("{protocol} {source} {arrow} {destination}"),
    }
}

/// A route and where it leads.
pub(super) fn route(route: &RouteRef, arrow: &str) -> String {
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

//! An overlap in plain words.

use ipnet::IpNet;

use crate::{
    finding::{Covered, Overlap, Role},
    input::{Connection, Landmark, LandmarkRole, Login, Process, Route, RouteKind},
    world::namespace::Namespace,
};

use super::subjects::Subject;

const TCP: u8 = 6;
const SSH: u16 = 22;

/// What the network does to whom.
pub(super) fn reason(subject: &Subject<'_>, overlap: &Overlap, others: usize) -> String {
    if subject.slot.is_some() {
        return slot_reason(overlap, others);
    }
    let whose = subject.network.map_or_else(
        || format!("Bridge {}", subject.name),
        |(_, network)| format!("Network {}", network.name),
    );
    let cut_off: Vec<&Covered> = overlap
        .with
        .iter()
        .filter(|it| it.role != Role::Route)
        .collect();
    let prefix = overlap.prefix;
    match cut_off.as_slice() {
        [] => {
            let routes = listed(&overlap.with.iter().collect::<Vec<_>>(), overlap.more);
            format!(
                "{whose} ({prefix}) overlaps {routes}, which a route of this host leads to: packets to \
                 where both meet go to only one of the two."
            )
        }
        cut_off => format!(
            "{whose} ({prefix}) covers {}, in use from here: packets to there are routed into {}, \
             where nobody is known by that address.",
            listed(cut_off, overlap.more),
            subject.name
        ),
    }
}

/// What a network would do to whom.
fn slot_reason(overlap: &Overlap, others: usize) -> String {
    let prefix = overlap.prefix;
    let all: Vec<&Covered> = overlap.with.iter().collect();
    let cut_off: Vec<&Covered> = all
        .iter()
        .copied()
        .filter(|it| it.role != Role::Route)
        .collect();
    let others = match others {
        0 => String::new(),
        1 => " and one subnet more".to_owned(),
        many => format!(" and {many} subnets more"),
    };
    if cut_off.is_empty() {
        let routes = listed(&all, overlap.more);
        return format!(
            "Docker may give {prefix}{others} to its next networks, although a route of this host leads \
             to {routes}."
        );
    }
    format!(
        "Docker may give {prefix} to one of its next networks: it covers {}, in use from here, who would \
         be cut off.",
        listed(&cut_off, overlap.more)
    )
}

/// `172.22.10.119`, `172.22.10.119 and 3 others`.
fn listed(with: &[&Covered], more: usize) -> String {
    let mut names: Vec<String> = with.iter().map(|it| address(it.prefix)).collect();
    names.dedup();
    let others = names.len().saturating_sub(1) + more;
    let first = names.first().cloned().unwrap_or_default();
    match (names.get(1), others) {
        (_, 0) => first,
        (Some(second), 1) => format!("{first} and {second}"),
        _ => format!("{first} and {others} others"),
    }
}

/// A single address without the length of its prefix.
fn address(prefix: IpNet) -> String {
    if prefix.prefix_len() == prefix.max_prefix_len() {
        prefix.addr().to_string()
    } else {
        prefix.to_string()
    }
}

/// `established ssh connection to port 22 of sshd (pid 812)`.
pub(super) fn connection(connection: &Connection, process: Option<&Process>) -> String {
    let port = connection.service_port();
    let kind = match (connection.proto, port) {
        (TCP, SSH) => "ssh",
        (TCP, _) => "tcp",
        _ => "udp",
    };
    let of = process.map(|it| format!(" of {} (pid {})", it.name, it.pid));
    let of = of.unwrap_or_default();
    if connection.local.port() == port {
        format!("established {kind} connection to port {port}{of}")
    } else {
        format!("established {kind} connection{of} to its port {port}")
    }
}

pub(super) fn login(login: &Login) -> String {
    format!("{} logged in from there within the last 7 days", login.user)
}

pub(super) fn landmark(landmark: &Landmark) -> String {
    let source = &landmark.source;
    match &landmark.role {
        LandmarkRole::Nameserver => format!("nameserver of {source}"),
        LandmarkRole::Host(name) => format!("{name} in {source}"),
        LandmarkRole::RegistryMirror(url) => format!("registry mirror {url} of {source}"),
        LandmarkRole::Proxy(url) => format!("proxy {url} of {source}"),
    }
}

/// Where the route leads, and which of the two wins.
pub(super) fn route(namespace: &Namespace, route: &Route, prefix: IpNet) -> String {
    let hop = route.nexthops.first();
    let device = hop.and_then(|hop| namespace.link(hop.ifindex));
    let device = device.map_or_else(String::new, |link| format!(" dev {}", link.name));
    let via = hop.and_then(|hop| hop.gateway);
    let via = via.map_or_else(String::new, |gateway| format!(" via {gateway}"));
    let what = if route.kind == RouteKind::Drop {
        "route that drops"
    } else {
        "route"
    };
    let wins = if route.destination.prefix_len() > prefix.prefix_len() {
        "it wins: containers with an address in there cannot be reached"
    } else {
        "the network wins: nobody behind the route with an address in there can be reached"
    };
    format!("{what}{via}{device} in table {}; {wins}", route.table)
}

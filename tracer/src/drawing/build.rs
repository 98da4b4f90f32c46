//! The drawing of a finding, as far as its ways are known.

use std::net::IpAddr;

use tracer_core::finding::{Bridge, ContainerRole, Finding, Kind, Packet, RouteRef};

use super::{Arrival, Drawing, Part, Station};

impl Drawing {
    /// Draws a finding about lost packets; `host` is the name of the host, if it is known.
    pub(crate) fn of(finding: &Finding, host: &str) -> Option<Self> {
        let bridge = finding.bridge.as_ref().filter(|_| finding.kind.is_loss())?;
        let remote = remote(finding)?;
        Some(Self {
            what: what(finding),
            outside: outside(finding, remote),
            fork: fork(finding, host),
            sender: sender(finding),
            inside: vec![swallower(finding, bridge), end(finding, remote)],
            arrival: arrival(finding),
            right: finding.expected_route.as_ref().map(route),
            wrong: finding.route.as_ref().map(route),
        })
    }
}

/// Whose packets are lost: the one the finding's packet is of.
fn remote(finding: &Finding) -> Option<IpAddr> {
    let of = |packet: &Packet| match finding.kind {
        Kind::ReversePathDrop => packet.source,
        _ => packet.destination,
    };
    let first = || finding.victims.first().map(|victim| victim.address);
    finding.packet.as_ref().map(of).or_else(first)
}

fn what(finding: &Finding) -> &'static str {
    match finding.kind {
        Kind::ReplyBlackhole | Kind::Misdelivery => "replies",
        Kind::RequestBlackhole => "requests",
        Kind::ForwardBlackhole if finding.ingress.is_some() => "replies",
        _ => "packets",
    }
}

fn outside(finding: &Finding, remote: IpAddr) -> Vec<Station> {
    let device = finding.expected_route.as_ref().map(|it| it.device.clone());
    if let Some(container) = concerned(finding, ContainerRole::CutOff) {
        let container = Station::new(Part::CutOff, container).with(Some(remote.to_string()));
        let bridge = device.map(|it| Station::new(Part::RightBridge, it));
        return std::iter::once(container).chain(bridge).collect();
    }
    let part = match finding.kind {
        Kind::RequestBlackhole => Part::Peer,
        Kind::ForwardBlackhole if finding.ingress.is_none() => Part::Peer,
        _ => Part::Client,
    };
    let others = finding.counts.remotes.saturating_sub(1);
    let others = (others > 0).then(|| format!("and {others} more"));
    let gateway = finding.expected_route.as_ref().and_then(|it| it.gateway);
    let far = Station::new(part, remote.to_string()).with(others);
    let gateway = gateway.map(|it| Station::new(Part::Gateway, it.to_string()));
    let uplink = device.map(|it| Station::new(Part::Uplink, it));
    std::iter::once(far).chain(gateway).chain(uplink).collect()
}

fn fork(finding: &Finding, host: &str) -> Station {
    let own = finding.packet.and_then(|packet| match finding.kind {
        Kind::ReversePathDrop => Some(packet.destination),
        Kind::ForwardBlackhole => None,
        _ => Some(packet.source),
    });
    let process = finding.process.as_ref();
    let netns = &finding.netns;
    let (part, name) = match (&netns.container, netns.owner.as_str()) {
        (Some(container), _) => (Part::Inside, format!("container {}", container.name)),
        (None, "host") => (Part::Host, host.to_owned()),
        (None, owner) => (Part::Inside, owner.to_owned()),
    };
    Station::new(part, name)
        .with(own.map(|it| it.to_string()))
        .with(process.map(|it| format!("{} (pid {})", it.name, it.pid)))
}

fn sender(finding: &Finding) -> Option<Station> {
    if finding.kind != Kind::ForwardBlackhole {
        return None;
    }
    let name = concerned(finding, ContainerRole::Sender).unwrap_or_default();
    let source = finding.packet.map(|packet| packet.source.to_string());
    (!name.is_empty() || source.is_some()).then(|| Station::new(Part::Sender, name).with(source))
}

fn swallower(finding: &Finding, bridge: &Bridge) -> Station {
    let network = finding.docker_network.as_ref();
    let whose = match (network, bridge.owner.as_str()) {
        (Some(network), _) => Some(format!("network {}", network.name)),
        (None, "" | "unknown") => None,
        (None, owner) => Some(format!("{owner}'s, network not known")),
    };
    let silent = (!bridge.carrier).then(|| "no running container uses it".to_owned());
    Station::new(Part::Bridge, &bridge.name)
        .with(whose)
        .with(silent)
}

fn end(finding: &Finding, remote: IpAddr) -> Station {
    match concerned(finding, ContainerRole::Receiver) {
        Some(container) => {
            Station::new(Part::Stranger, container).with(Some(format!("has {remote} too")))
        }
        None if finding.kind == Kind::Misdelivery => {
            Station::new(Part::Stranger, "").with(Some(format!("has {remote} too")))
        }
        None => Station::new(Part::Nobody, "").with(Some(format!("has {remote} here"))),
    }
}

fn arrival(finding: &Finding) -> Arrival {
    let device = finding.expected_route.as_ref().map(|it| &it.device);
    match &finding.ingress {
        None => Arrival::Unseen,
        Some(_) if finding.kind == Kind::ReversePathDrop => Arrival::Refused,
        Some(ingress) if Some(&ingress.name) == device => Arrival::SameWay,
        Some(ingress) => Arrival::By(ingress.name.clone()),
    }
}

fn concerned(finding: &Finding, role: ContainerRole) -> Option<String> {
    let concerned = finding.container.as_ref().filter(|it| it.role == role);
    concerned.map(|it| it.container.name.clone())
}

/// A route without its device, which is a station.
fn route(route: &RouteRef) -> String {
    let prefix = match route.prefix.prefix_len() {
        0 => "default".to_owned(),
        _ => route.prefix.to_string(),
    };
    match route.gateway {
        Some(gateway) => format!("{prefix} via {gateway}"),
        None => prefix,
    }
}

//! Puts an incident and the world together into a finding.

mod farewell;
mod gives_up;
mod lost;
mod prove;
mod reason;
mod who;

use std::net::IpAddr;

use crate::{
    finding::{Bridge, Finding, Interface, Kind, NetnsRef, NetworkRef, Phase, Remedy, RouteRef},
    incident::Incident,
    input::{DaemonStatus, DockerEndpoint, DockerNetwork, Link, Process},
    remedy::{self, Case},
    time::Timestamp,
    world::{
        World, bridge,
        fib::{self, FlowKey},
        namespace::Namespace,
        rival,
    },
};

pub(crate) use self::{
    farewell::resolved,
    lost::{Missed, events_lost},
};

/// Everything the world knows about an incident at this moment.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    world: &'a World,
    namespace: Option<&'a Namespace>,
    link: Option<&'a Link>,
    network: Option<(&'a str, &'a DockerNetwork)>,
    process: Option<&'a Process>,
    /// The bridge that loses against this one, on which the victims are.
    rival: Option<&'a Link>,
    /// The container that sent what is only passed on, its network and that one's daemon.
    sender: Option<(&'a str, &'a DockerNetwork, &'a DockerEndpoint)>,
    route: Option<RouteRef>,
    expected: Option<RouteRef>,
    netns: NetnsRef,
    silent_daemons: Vec<String>,
    lost_events: u64,
}

impl<'a> Context<'a> {
    pub(crate) fn of(world: &'a World, incident: &Incident, lost_events: u64) -> Self {
        let place = incident.place;
        let namespace = world.namespace(place.netns);
        let link = namespace.and_then(|ns| ns.link(place.ifindex));
        let (victim, ingress) = (incident.key.destination, incident.ingress);
        let rival = rival::of(world, place.netns, place.ifindex, victim, ingress);
        let routes = |ns| routes(ns, incident, rival.is_some());
        let (route, expected) = namespace.map_or((None, None), routes);
        Self {
            world,
            namespace,
            link,
            network: link.and_then(|l| world.docker.network_of_bridge(place.netns, &l.name)),
            process: incident.socket.and_then(|inode| world.owner(inode)),
            rival,
            sender: incident
                .forwarded_iif
                .and_then(|iif| world.sender(place.netns, iif, incident.packet)),
            route,
            expected,
            netns: world.netns_ref(place.netns),
            silent_daemons: silent_daemons(world, place.netns),
            lost_events,
        }
    }

    /// Notes what the world knows by itself: evidence, the network, the process.
    pub(crate) fn note(&self, incident: &mut Incident, now: Timestamp) {
        self.prove(incident, now);
        let network = self
            .network
            .map(|(endpoint, network)| (endpoint, &network.id));
        let sender = self.sender.map(|(_, _, endpoint)| &endpoint.container);
        incident.note_facts(network, self.expected.as_ref(), sender);
        if let (Some(_), Some(inode)) = (self.process, incident.socket) {
            incident.note_process(inode);
        }
    }

    /// Whether somebody who might excuse the bridge cannot be asked, or events were lost.
    pub(crate) fn blind(&self) -> bool {
        self.lost_events > 0 || self.network.is_none() && !self.silent_daemons.is_empty()
    }

    /// The finding as it stands: opened if nothing was said before, else updated.
    pub(crate) fn finding(&self, incident: &Incident, sequence: u64, at: Timestamp) -> Finding {
        let victims = incident.victims();
        let addresses: Vec<IpAddr> = victims.iter().map(|victim| victim.address).collect();
        let kind = incident.kind;
        let container = self.container(incident);
        Finding {
            id: format!("{}-{}", kind.name(), incident.id),
            kind,
            phase: if incident.told.is_some() {
                Phase::Updated
            } else {
                Phase::Opened
            },
            verdict: incident.verdict,
            sequence,
            at,
            start: incident.start,
            end: None,
            reason: self.reason(incident, &addresses),
            unknown: self.unknown(incident, &addresses),
            netns: self.netns.clone(),
            packet: Some(incident.packet),
            ingress: incident.ingress.map(|ifindex| self.interface(ifindex)),
            egress: (kind != Kind::ReversePathDrop).then(|| self.interface(incident.place.ifindex)),
            process: self.process.cloned(),
            ci: self.ci(container.as_ref()),
            container,
            gives_up: gives_up::gives_up(self.namespace, incident),
            route: self.route.clone(),
            expected_route: self.expected.clone(),
            bridge: Some(self.bridge(incident)),
            docker_network: self.network.map(|(endpoint, n)| network_ref(endpoint, n)),
            victims,
            evidence: self.with_the_log(incident),
            counts: incident.counts(),
            remedies: self.remedies(incident, &addresses),
            lost_events: self.lost_events,
            particulars: None,
        }
    }

    fn remedies(&self, incident: &Incident, victims: &[IpAddr]) -> Vec<Remedy> {
        let inhabitant = self.inhabitant(incident);
        // A network may swallow both families; what helps one is no help to the other.
        let is_ipv6 = incident.key.destination.is_ipv6();
        let mut victims = victims.to_vec();
        victims.retain(|victim| victim.is_ipv6() == is_ipv6);
        remedy::remedies(&Case {
            world: self.world,
            netns: incident.place.netns,
            victims: &victims,
            route: self.route.as_ref(),
            expected: self.expected.as_ref(),
            network: self.network,
            bridge: self.link,
            inhabitant: inhabitant.as_ref().map(|container| container.name.as_str()),
            rival: self.rival.is_some(),
        })
    }

    fn unknown(&self, incident: &Incident, victims: &[IpAddr]) -> Vec<String> {
        let mut unknown = Vec::new();
        if self.network.is_none() {
            let blind =
                |cause: &String| format!("whose bridge it is and which containers use it: {cause}");
            unknown.extend(self.silent_daemons.iter().map(blind));
        } else {
            let stale = |cause: &String| format!("whether docker's part is still true: {cause}");
            unknown.extend(self.silent_daemons.iter().map(stale));
        }
        if self.expected.is_none() {
            let whom = people(victims, incident.remotes.len());
            unknown.push(format!(
                "the right way to {whom}: this host has no other route to it, so no host route is \
                 suggested"
            ));
        }
        if self.lost_events > 0 {
            unknown.push(format!(
                "what {} kernel events said: they were lost, so counts of flows may be too low",
                self.lost_events
            ));
        }
        unknown
    }

    fn is_reachable(&self, endpoint: &str) -> bool {
        self.world.docker.daemons().any(|(daemon, status)| {
            daemon == endpoint && matches!(status, DaemonStatus::Reachable(_))
        })
    }

    fn interface(&self, ifindex: u32) -> Interface {
        let link = self.namespace.and_then(|ns| ns.link(ifindex));
        let name = link.map_or_else(|| format!("ifindex {ifindex}"), |link| link.name.clone());
        Interface { name, ifindex }
    }

    fn bridge(&self, incident: &Incident) -> Bridge {
        let name = self.interface(incident.place.ifindex).name;
        let owner = match self.network {
            Some(_) => "docker",
            None => bridge::owner_by_name(&name),
        };
        Bridge {
            ifindex: incident.place.ifindex,
            carrier: self.link.is_some_and(|link| link.carrier),
            owner: owner.to_owned(),
            name,
        }
    }
}

/// The route taken, and the one that would be taken were no bridge there to swallow packets; where
/// the victims are on a bridge themselves, were this one not there.
fn routes(
    namespace: &Namespace,
    incident: &Incident,
    rival: bool,
) -> (Option<RouteRef>, Option<RouteRef>) {
    let bridge = incident.place.ifindex;
    // Without the bridge an unbound sender would have got another address.
    let chosen = |source: &std::net::IpAddr| namespace.own_address(*source) != Some(bridge);
    let key = FlowKey {
        source: incident.key.source.filter(chosen),
        oif: 0,
        ..incident.key
    };
    let swallows =
        |ifindex: u32| ifindex == bridge || !rival && bridge::swallows(namespace, ifindex);
    let taken = fib::lookup(namespace, key, |_| false);
    let expected = fib::lookup(namespace, key, swallows);
    (
        taken
            .filter(|answer| answer.ifindex == bridge)
            .map(|answer| answer.route),
        expected.map(|answer| answer.route),
    )
}

fn silent_daemons(world: &World, netns: u32) -> Vec<String> {
    let cause = |(endpoint, status): (&str, &DaemonStatus)| match status {
        DaemonStatus::Reachable(_) => None,
        DaemonStatus::Unreachable(cause) => Some(format!("docker at {endpoint}: {cause}")),
    };
    world.docker.daemons_in(netns).filter_map(cause).collect()
}

pub(crate) fn network_ref(endpoint: &str, network: &DockerNetwork) -> NetworkRef {
    let mut endpoints: Vec<(String, Option<IpAddr>)> = network
        .endpoints
        .iter()
        .map(|e| (e.container_name.clone(), e.addresses.first().copied()))
        .collect();
    endpoints.sort();
    NetworkRef {
        id: network.id.clone(),
        name: network.name.clone(),
        subnets: network.subnets.iter().map(|subnet| subnet.subnet).collect(),
        daemon: endpoint.to_owned(),
        compose_project: network.compose_project().map(str::to_owned),
        created: network.created,
        endpoints,
    }
}

/// "172.22.10.119", "… and 172.22.10.120", "… and 79 others": the first of `all` addresses.
fn people(addresses: &[IpAddr], all: usize) -> String {
    match addresses {
        [] => "nobody".to_owned(),
        [one] if all <= 1 => one.to_string(),
        [one, two] if all == 2 => format!("{one} and {two}"),
        [one, ..] => format!("{one} and {} others", all - 1),
    }
}

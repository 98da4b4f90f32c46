//! Puts an incident and the world together into a finding, in words.

use std::net::IpAddr;

use serde_json::Value;

use crate::{
    ending::End,
    finding::{
        Bridge, ContainerRef, Counts, EvidenceKind, Finding, Interface, Kind, NetworkRef, Phase,
        Remedy, RouteRef, Verdict,
    },
    incident::Incident,
    input::{DaemonStatus, DockerNetwork, HookLoss, Link, Process},
    remedy::{self, Case},
    time::{SECOND, Timestamp},
    world::{
        World, bridge,
        fib::{self, FlowKey},
        namespace::Namespace,
    },
};

/// Everything the world knows about an incident at this moment.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    world: &'a World,
    namespace: Option<&'a Namespace>,
    link: Option<&'a Link>,
    network: Option<(&'a str, &'a DockerNetwork)>,
    process: Option<&'a Process>,
    route: Option<RouteRef>,
    expected: Option<RouteRef>,
    silent_daemons: Vec<String>,
    lost_events: u64,
}

impl<'a> Context<'a> {
    pub(crate) fn of(world: &'a World, incident: &Incident, lost_events: u64) -> Self {
        let place = incident.place;
        let namespace = world.namespace(place.netns);
        let link = namespace.and_then(|ns| ns.link(place.ifindex));
        let (route, expected) = namespace.map_or((None, None), |ns| routes(ns, incident));
        Self {
            world,
            namespace,
            link,
            network: link.and_then(|l| world.docker.network_of_bridge(place.netns, &l.name)),
            process: incident.socket.and_then(|inode| world.owner(inode)),
            route,
            expected,
            silent_daemons: silent_daemons(world),
            lost_events,
        }
    }

    /// Notes what the world knows by itself: evidence, the network, the process.
    pub(crate) fn note(&self, incident: &mut Incident, now: Timestamp) {
        self.prove(incident, now);
        let network = self
            .network
            .map(|(endpoint, network)| (endpoint, &network.id));
        incident.note_facts(format!("{network:?} {:?}", self.expected));
        if let (Some(_), Some(inode)) = (self.process, incident.socket) {
            incident.note_process(inode);
        }
    }

    fn prove(&self, incident: &mut Incident, now: Timestamp) {
        if let Some((endpoint, network)) = self.network
            && self.is_reachable(endpoint)
            && !network
                .endpoints
                .iter()
                .any(|e| owns(&e.addresses, incident))
        {
            let detail = [
                ("network", Value::from(network.name.clone())),
                ("endpoints", Value::from(network.endpoints.len())),
            ];
            incident.prove(EvidenceKind::NoSuchEndpoint, now, detail);
        }
        if let Some(link) = self.link.filter(|link| !link.carrier) {
            let detail = [("bridge", Value::from(link.name.clone()))];
            incident.prove(EvidenceKind::GhostBridge, now, detail);
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
        let kind = Kind::ReplyBlackhole;
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
            netns: self.world.netns_ref(incident.place.netns),
            packet: Some(incident.packet),
            ingress: incident.ingress.map(|ifindex| self.interface(ifindex)),
            egress: Some(self.interface(incident.place.ifindex)),
            process: self.process.cloned(),
            container: self.network.and_then(|(_, network)| container(network)),
            ci: None,
            gives_up: None,
            route: self.route.clone(),
            expected_route: self.expected.clone(),
            bridge: Some(self.bridge(incident)),
            docker_network: self.network.map(|(endpoint, n)| network_ref(endpoint, n)),
            victims,
            evidence: incident.evidence(),
            counts: incident.counts(),
            remedies: self.remedies(incident, &addresses),
            lost_events: self.lost_events,
        }
    }

    fn remedies(&self, incident: &Incident, victims: &[IpAddr]) -> Vec<Remedy> {
        remedy::remedies(&Case {
            world: self.world,
            netns: incident.place.netns,
            victims,
            route: self.route.as_ref(),
            expected: self.expected.as_ref(),
            network: self.network,
        })
    }

    fn reason(&self, incident: &Incident, victims: &[IpAddr]) -> String {
        let whom = people(victims, incident.remotes.len());
        let bridge = self.bridge(incident);
        let via = self
            .route
            .as_ref()
            .map_or_else(String::new, |r| format!(" ({})", r.prefix));
        let network = self.network.map_or_else(String::new, |(_, network)| {
            format!(" of network {}", network.name)
        });
        let should = self.expected.as_ref().map_or_else(String::new, |route| {
            let gateway = route
                .gateway
                .map_or_else(String::new, |g| format!(" via {g}"));
            format!("; they should leave by {}{gateway}", route.device)
        });
        format!(
            "Replies to {whom} are routed into the bridge {}{via}{network}, where nobody has {}\
             {should}.",
            bridge.name,
            if incident.remotes.len() == 1 {
                "that address"
            } else {
                "those addresses"
            },
        )
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

/// The end of what `told` said last. The bridge may be gone by now, so its words are kept.
pub(crate) fn resolved(
    incident: &Incident,
    told: &Finding,
    end: End,
    sequence: u64,
    at: Timestamp,
) -> Finding {
    Finding {
        phase: Phase::Resolved,
        sequence,
        at,
        end: Some(at),
        reason: farewell(incident, end, at),
        victims: incident.victims(),
        evidence: incident.evidence(),
        counts: incident.counts(),
        remedies: Vec::new(),
        ..told.clone()
    }
}

fn farewell(incident: &Incident, end: End, at: Timestamp) -> String {
    let packets = incident.counts().packets;
    let plural = if packets == 1 { "" } else { "s" };
    let lasted = duration(at.since(incident.start));
    let lost = format!("after {lasted}; {packets} packet{plural} lost");
    let all = incident.remotes.len();
    let first: Vec<IpAddr> = incident.victims().iter().map(|v| v.address).collect();
    let whom = people(&first, all);
    match end {
        End::Healed => {
            let healed: Vec<IpAddr> = incident.healed().collect();
            let others = all - healed.len();
            let reached = people(&healed, healed.len());
            if others == 0 {
                return format!("Replies reach {reached} again {lost}.");
            }
            format!(
                "Replies reach {reached} again {lost}; none was sent since to {others} more, \
                 whose route is right again too."
            )
        }
        End::Rerouted => format!(
            "Replies to {whom} are no longer routed into the bridge, {lost}; none was sent since."
        ),
        End::Answered => {
            format!("No outage after all: {whom} answered on the bridge, {lost} or late.")
        }
        End::Gone => format!("The network namespace of the bridge is gone {lost}."),
    }
}

/// Tenths of a second while they matter, then whole seconds.
fn duration(nanos: u64) -> String {
    let tenths = (nanos + SECOND / 20) / (SECOND / 10);
    if tenths < 100 {
        format!("{}.{} s", tenths / 10, tenths % 10)
    } else {
        format!("{} s", (nanos + SECOND / 2) / SECOND)
    }
}

/// The route taken and the one that would be taken were no bridge there to swallow packets.
fn routes(namespace: &Namespace, incident: &Incident) -> (Option<RouteRef>, Option<RouteRef>) {
    let key = FlowKey {
        source: Some(incident.packet.source),
        mark: incident.key.mark,
        ..FlowKey::to(incident.packet.destination)
    };
    let swallows = |ifindex: u32| {
        namespace
            .link(ifindex)
            .is_some_and(|link| bridge::can_swallow(namespace, link))
    };
    let taken = fib::lookup(namespace, key, |_| false);
    let expected = fib::lookup(namespace, key, swallows);
    (
        taken
            .filter(|a| a.ifindex == incident.place.ifindex)
            .map(|answer| answer.route),
        expected.map(|answer| answer.route),
    )
}

fn silent_daemons(world: &World) -> Vec<String> {
    let cause = |(endpoint, status): (&str, &DaemonStatus)| match status {
        DaemonStatus::Reachable(_) => None,
        DaemonStatus::Unreachable(cause) => Some(format!("docker at {endpoint}: {cause}")),
    };
    world.docker.daemons().filter_map(cause).collect()
}

fn owns(addresses: &[IpAddr], incident: &Incident) -> bool {
    addresses
        .iter()
        .any(|address| incident.remotes.contains_key(address))
}

fn container(network: &DockerNetwork) -> Option<ContainerRef> {
    let first = network
        .endpoints
        .iter()
        .min_by_key(|endpoint| &endpoint.container_name)?;
    Some(ContainerRef {
        id: first.container.clone(),
        name: first.container_name.clone(),
        service: None,
    })
}

fn network_ref(endpoint: &str, network: &DockerNetwork) -> NetworkRef {
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

/// `events-lost`: what was not seen, where and how many.
pub(crate) fn events_lost(
    world: &World,
    loss: &HookLoss,
    phase: Phase,
    sequence: u64,
    at: Timestamp,
) -> Finding {
    let parts = [
        (loss.rejected, "events found no room in the ring buffer"),
        (loss.uncounted, "packets found no room in the counters"),
        (loss.skipped, "runs were skipped by the kernel"),
        (
            loss.unexplained,
            "events could not be explained: their network namespace cannot be read",
        ),
    ];
    let parts = parts.into_iter().filter(|(count, _)| *count > 0);
    let parts: Vec<String> = parts
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    Finding {
        id: format!("{}-{}", Kind::EventsLost.name(), loss.hook),
        kind: Kind::EventsLost,
        phase,
        verdict: Verdict::Confirmed,
        sequence,
        at,
        start: at,
        end: None,
        reason: format!(
            "Not everything was seen at {}: {}.",
            loss.hook,
            parts.join(", ")
        ),
        unknown: Vec::new(),
        netns: world.netns_ref(world.session.netns),
        packet: None,
        ingress: None,
        egress: None,
        process: None,
        container: None,
        ci: None,
        gives_up: None,
        route: None,
        expected_route: None,
        bridge: None,
        docker_network: None,
        victims: Vec::new(),
        evidence: Vec::new(),
        counts: Counts::default(),
        remedies: Vec::new(),
        lost_events: loss.total(),
    }
}

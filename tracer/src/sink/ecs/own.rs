//! `bridgetrace.*`: what no common schema has a name for.

use std::{collections::BTreeMap, net::IpAddr};

use serde::Serialize;
use serde_json::Value;
use tracer_core::finding::{self, Finding};

use crate::sink::time;

/// Version of the contract.
const SCHEMA: u32 = 1;

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Own<'a> {
    /// Version of this contract.
    #[cfg_attr(test, schemars(extend("const" = 1)))]
    schema: u32,
    finding: Head<'a>,
    netns: Netns<'a>,
    /// The route taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    route: Option<Route<'a>>,
    /// The route that would be taken were the bridge's routes not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    expected_route: Option<Route<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bridge: Option<Bridge<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    docker_network: Option<DockerNetwork<'a>>,
    /// What proves it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    evidence: Vec<Evidence<'a>>,
    counts: Counts,
    /// Everyone affected, most packets first; only when there is more than one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    victims: Vec<Victim>,
    /// What is not known and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unknown: Vec<&'a str>,
    /// What to type.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    remedies: Vec<Remedy<'a>>,
    /// Events known to be lost when this was said.
    lost_events: u64,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Head<'a> {
    /// The same for every step of one incident.
    id: &'a str,
    kind: &'static str,
    #[cfg_attr(test, schemars(extend("enum" = ["opened", "updated", "resolved"])))]
    phase: &'static str,
    #[cfg_attr(test, schemars(extend("enum" = ["suspected", "confirmed", "inconclusive"])))]
    verdict: &'static str,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Netns<'a> {
    /// Inode number of the network namespace.
    inum: u32,
    /// `host`, or whose it is.
    #[serde(skip_serializing_if = "str::is_empty")]
    owner: &'a str,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Route<'a> {
    prefix: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    gateway: Option<IpAddr>,
    #[serde(skip_serializing_if = "str::is_empty")]
    device: &'a str,
    table: u32,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Bridge<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
    ifindex: u32,
    /// Without carrier no running container uses it.
    carrier: bool,
    /// `docker`, `libvirt`, … or `unknown`.
    #[serde(skip_serializing_if = "str::is_empty")]
    owner: &'a str,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct DockerNetwork<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    subnets: Vec<String>,
    /// Endpoint of its daemon.
    #[serde(skip_serializing_if = "str::is_empty")]
    daemon: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    compose_project: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<String>,
    /// Containers attached; empty when docker says there are none.
    endpoints: Vec<Attached<'a>>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Attached<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    container: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip: Option<IpAddr>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Evidence<'a> {
    /// `ingress-asymmetry`, `route-into-bridge`, `no-such-endpoint`, `neighbour-failed`, `drop`,
    /// `ghost-bridge`; more may come.
    kind: &'static str,
    /// When it was first seen.
    at: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    detail: BTreeMap<&'static str, &'a Value>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Counts {
    packets: u64,
    flows: u64,
    remotes: u64,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Victim {
    ip: IpAddr,
    packets: u64,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Remedy<'a> {
    id: &'static str,
    /// Shell command, for root.
    command: &'a str,
    /// Shell command that takes it back.
    #[serde(skip_serializing_if = "str::is_empty")]
    undo: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    effect: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    risk: &'a str,
}

impl<'a> Own<'a> {
    pub(super) fn new(finding: &'a Finding) -> Self {
        let Finding { netns, counts, .. } = finding;
        let several = finding.victims.len() > 1;
        Self {
            schema: SCHEMA,
            finding: Head {
                id: &finding.id,
                kind: finding.kind.name(),
                phase: finding.phase.name(),
                verdict: finding.verdict.name(),
            },
            netns: Netns {
                inum: netns.inum,
                owner: &netns.owner,
            },
            route: finding.route.as_ref().map(Route::new),
            expected_route: finding.expected_route.as_ref().map(Route::new),
            bridge: finding.bridge.as_ref().map(Bridge::new),
            docker_network: finding.docker_network.as_ref().map(DockerNetwork::new),
            evidence: finding.evidence.iter().map(Evidence::new).collect(),
            counts: Counts {
                packets: counts.packets,
                flows: counts.flows,
                remotes: counts.remotes,
            },
            victims: finding
                .victims
                .iter()
                .filter(|_| several)
                .map(Victim::new)
                .collect(),
            unknown: present(finding.unknown.iter().map(String::as_str)),
            remedies: finding.remedies.iter().map(Remedy::new).collect(),
            lost_events: finding.lost_events,
        }
    }
}

fn present<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    texts.filter(|text| !text.is_empty()).collect()
}

impl<'a> Route<'a> {
    fn new(route: &'a finding::RouteRef) -> Self {
        Self {
            prefix: route.prefix.to_string(),
            gateway: route.gateway,
            device: &route.device,
            table: route.table,
        }
    }
}

impl<'a> Bridge<'a> {
    fn new(bridge: &'a finding::Bridge) -> Self {
        Self {
            name: &bridge.name,
            ifindex: bridge.ifindex,
            carrier: bridge.carrier,
            owner: &bridge.owner,
        }
    }
}

impl<'a> DockerNetwork<'a> {
    fn new(network: &'a finding::NetworkRef) -> Self {
        let project = network.compose_project.as_deref();
        Self {
            id: &network.id,
            name: &network.name,
            subnets: network.subnets.iter().map(ToString::to_string).collect(),
            daemon: &network.daemon,
            compose_project: project.filter(|project| !project.is_empty()),
            created: network.created.map(time::rfc3339),
            endpoints: network
                .endpoints
                .iter()
                .map(|(container, ip)| Attached { container, ip: *ip })
                .collect(),
        }
    }
}

impl<'a> Evidence<'a> {
    fn new(evidence: &'a finding::Evidence) -> Self {
        Self {
            kind: evidence.kind.name(),
            at: time::rfc3339(evidence.at),
            detail: evidence
                .detail
                .iter()
                .map(|(key, value)| (*key, value))
                .filter(|(_, value)| !value.is_null() && value.as_str() != Some(""))
                .collect(),
        }
    }
}

impl Victim {
    fn new(victim: &finding::Victim) -> Self {
        Self {
            ip: victim.address,
            packets: victim.packets,
        }
    }
}

impl<'a> Remedy<'a> {
    fn new(remedy: &'a finding::Remedy) -> Self {
        Self {
            id: remedy.id,
            command: &remedy.command,
            undo: &remedy.undo,
            effect: &remedy.effect,
            risk: &remedy.risk,
        }
    }
}

//! `bridgetrace.*`: what no common schema has a name for.

use std::net::IpAddr;

use serde::Serialize;
use tracer_core::finding::{self, Finding};

use super::{
    evidence::Evidence,
    particulars::Particulars,
    place::{Bridge, DockerNetwork, Netns, Route},
    who::{Ci, Part},
};

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
    #[serde(skip_serializing_if = "Option::is_none")]
    container: Option<Part>,
    /// The CI job behind the container, the network or the namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    ci: Option<Ci<'a>>,
    /// When the sender's socket gives up, for TCP.
    #[serde(skip_serializing_if = "Option::is_none")]
    gives_up: Option<GivesUp>,
    #[serde(flatten)]
    particulars: Particulars<'a>,
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
struct GivesUp {
    /// Seconds from the first loss to the socket's error, about.
    after_s: u64,
    /// The setting that decides it.
    sysctl: &'static str,
    /// Its value.
    value: u32,
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
            netns: Netns::new(netns),
            route: finding.route.as_ref().map(Route::new),
            expected_route: finding.expected_route.as_ref().map(Route::new),
            bridge: finding.bridge.as_ref().map(Bridge::new),
            docker_network: finding.docker_network.as_ref().map(DockerNetwork::new),
            container: finding.container.as_ref().map(|it| Part::new(it.role)),
            ci: finding.ci.as_ref().and_then(Ci::new),
            gives_up: finding.gives_up.map(GivesUp::new),
            particulars: Particulars::new(finding),
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

impl GivesUp {
    const fn new(gives_up: finding::GivesUp) -> Self {
        Self {
            after_s: gives_up.after_s,
            sysctl: gives_up.sysctl,
            value: gives_up.value,
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

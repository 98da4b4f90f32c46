//! What a single look came to, as JSON: the last line of `check`.

use ipnet::IpNet;
use serde::Serialize;
use tracer_core::{
    finding::UnusedNetwork,
    input::DaemonStatus,
    summary::{self, Summary},
    time::{SECOND, Timestamp},
};

use super::{ECS_VERSION, Ecs, Named, Origin};
use crate::sink::{escape, time};

/// The last line of a look.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(title = "bridgetrace check summary, schema 1"))]
pub(crate) struct SummaryRecord<'a> {
    /// When it was looked, RFC 3339 with nanoseconds, UTC.
    #[serde(rename = "@timestamp")]
    timestamp: String,
    ecs: Ecs,
    event: Event,
    /// The counts in words.
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<Named<'a>>,
    observer: Observer<'a>,
    bridgetrace: Own<'a>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Event {
    kind: &'static str,
    category: &'static [&'static str],
    #[serde(rename = "type")]
    types: &'static [&'static str],
    #[cfg_attr(test, schemars(extend("const" = "check-summary")))]
    action: &'static str,
    #[cfg_attr(test, schemars(extend("enum" = ["success", "failure"])))]
    outcome: &'static str,
    module: &'static str,
    dataset: &'static str,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Observer<'a> {
    product: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    version: &'a str,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Own<'a> {
    /// Version of this contract.
    #[cfg_attr(test, schemars(extend("const" = 1)))]
    schema: u32,
    check: Check<'a>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Check<'a> {
    /// Docker networks that are bridges.
    networks: usize,
    /// Networks and pool slots that cover somebody in use.
    overlaps: usize,
    /// Things left behind.
    ghosts: usize,
    /// All findings.
    findings: usize,
    /// Subnets of the daemons' address pools.
    #[serde(skip_serializing_if = "Option::is_none")]
    pools: Option<Pools>,
    /// What the next networks will get, first first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    next_subnets: Vec<String>,
    /// Whether that is sure: engines up to 26 do not tell where they go on.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_certain: Option<bool>,
    /// Where it is not sure: every subnet that the very next network may get, likelier ones first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    next_possible: Vec<String>,
    /// How many more are possible than are listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_possible_more: Option<u64>,
    /// Empty says that no daemon was asked.
    daemons: Vec<Daemon<'a>>,
    /// Networks that nobody uses; none of them is counted as a ghost.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unused: Vec<Unused<'a>>,
    /// What could not be looked at.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unseen: Vec<&'a str>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Unused<'a> {
    id: &'a str,
    name: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    subnets: Vec<String>,
    /// Endpoint of its daemon.
    daemon: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    compose_project: Option<&'a str>,
    /// Since when no container runs in it, as far as docker tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
    /// Seconds since then.
    #[serde(skip_serializing_if = "Option::is_none")]
    age_s: Option<u64>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Pools {
    total: u64,
    used: u64,
    free: u64,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Daemon<'a> {
    endpoint: &'a str,
    /// Engine version, if it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
    /// Why it cannot be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'a str>,
}

impl<'a> SummaryRecord<'a> {
    pub(crate) fn new(origin: &'a Origin, summary: &'a Summary) -> Self {
        Self {
            timestamp: time::rfc3339(summary.at),
            ecs: Ecs {
                version: ECS_VERSION,
            },
            event: Event {
                kind: "event",
                category: &["configuration", "network"],
                types: &["info"],
                action: "check-summary",
                outcome: if summary.findings == 0 {
                    "success"
                } else {
                    "failure"
                },
                module: "bridgetrace",
                dataset: "bridgetrace.check",
            },
            message: message(summary),
            host: (!origin.hostname.is_empty()).then_some(Named {
                name: &origin.hostname,
            }),
            observer: Observer {
                product: "bridgetrace",
                version: &origin.version,
            },
            bridgetrace: Own {
                schema: 1,
                check: Check::new(summary),
            },
        }
    }
}

impl<'a> Check<'a> {
    fn new(summary: &'a Summary) -> Self {
        let daemons = summary.daemons.iter();
        let texts = |subnets: &[IpNet]| subnets.iter().map(ToString::to_string).collect();
        Self {
            networks: summary.networks,
            overlaps: summary.overlaps,
            ghosts: summary.ghosts,
            findings: summary.findings,
            pools: summary.pools.map(Pools::new),
            next_subnets: texts(&summary.next_subnets),
            next_certain: (!summary.next_subnets.is_empty()).then_some(summary.next_is_sure),
            next_possible: texts(&summary.next_possible),
            next_possible_more: Some(summary.next_possible_more).filter(|more| *more > 0),
            daemons: daemons
                .map(|(endpoint, status)| Daemon::new(endpoint, status))
                .collect(),
            unused: summary
                .unused
                .iter()
                .map(|network| Unused::new(network, summary.at))
                .collect(),
            unseen: summary.unseen.iter().map(String::as_str).collect(),
        }
    }
}

impl<'a> Unused<'a> {
    fn new(network: &'a UnusedNetwork, now: Timestamp) -> Self {
        let project = network.compose_project.as_deref();
        Self {
            id: &network.id,
            name: &network.name,
            subnets: network.subnets.iter().map(ToString::to_string).collect(),
            daemon: &network.daemon,
            compose_project: project.filter(|project| !project.is_empty()),
            since: network.since.map(time::rfc3339),
            age_s: network.since.map(|since| now.since(since) / SECOND),
        }
    }
}

impl Pools {
    const fn new(pools: summary::Pools) -> Self {
        Self {
            total: pools.total,
            used: pools.used,
            free: pools.free,
        }
    }
}

impl<'a> Daemon<'a> {
    fn new(endpoint: &'a str, status: &'a DaemonStatus) -> Self {
        let (version, cause) = match status {
            DaemonStatus::Reachable(info) => (Some(info.version.as_str()), None),
            DaemonStatus::Unreachable(cause) => (None, Some(cause.sentence.as_str())),
        };
        Self {
            endpoint,
            version,
            cause,
        }
    }
}

fn message(summary: &Summary) -> String {
    let text = format!(
        "{} findings, {} of them overlaps and {} ghosts, in {} docker networks.",
        summary.findings, summary.overlaps, summary.ghosts, summary.networks
    );
    escape::visible(&text).into_owned()
}

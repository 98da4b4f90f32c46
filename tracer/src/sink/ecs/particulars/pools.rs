//! `bridgetrace.pools`: what is left of a daemon's address pools.

use serde::Serialize;
use tracer_core::world::pools::{HeldBy, Holder, PoolUse};

use crate::sink::ecs::who::Ci;

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Pools<'a> {
    daemon: &'a str,
    /// Subnets the pools are cut into.
    total: u64,
    /// Those that a network has, or the host uses itself.
    used: u64,
    free: u64,
    /// What the next networks will get, first first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    next_subnets: Vec<String>,
    /// Whether that is sure: engines up to 26 do not tell where they go on.
    certain: bool,
    /// Where it is not: every subnet that the very next network may get, likelier ones first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    next_possible: Vec<String>,
    /// How many more are possible than are listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_possible_more: Option<u64>,
    /// Who has the others, by subnet.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    holders: Vec<By<'a>>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct By<'a> {
    /// At least part of one of the subnets.
    subnet: String,
    /// Name of the docker network.
    #[serde(skip_serializing_if = "Option::is_none")]
    network: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    network_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    compose_project: Option<&'a str>,
    /// The CI job that the network is of.
    #[serde(skip_serializing_if = "Option::is_none")]
    ci: Option<Ci<'a>>,
    /// Containers that run in the network.
    #[serde(skip_serializing_if = "Option::is_none")]
    containers: Option<usize>,
    /// Interface of a route of the host.
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<&'a str>,
    /// A nameserver of the host.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    nameserver: bool,
}

impl<'a> Pools<'a> {
    pub(super) fn new(pools: &'a PoolUse) -> Self {
        let possible = pools.possible.iter().filter(|_| !pools.certain);
        Self {
            daemon: &pools.daemon,
            total: pools.total,
            used: pools.used,
            free: pools.free,
            next_subnets: pools.next.iter().map(ToString::to_string).collect(),
            certain: pools.certain,
            next_possible: possible.map(ToString::to_string).collect(),
            next_possible_more: Some(pools.possible_more)
                .filter(|more| !pools.certain && *more > 0),
            holders: pools.holders.iter().map(By::new).collect(),
        }
    }
}

impl<'a> By<'a> {
    fn new(holder: &'a Holder) -> Self {
        let nobody = Self {
            subnet: holder.prefix.to_string(),
            network: None,
            network_id: None,
            compose_project: None,
            ci: None,
            containers: None,
            device: None,
            nameserver: false,
        };
        match &holder.by {
            HeldBy::Network {
                id,
                name,
                project,
                job,
                containers,
                ..
            } => Self {
                network: Some(name).filter(|it| !it.is_empty()).map(String::as_str),
                network_id: Some(id),
                compose_project: project.as_deref().filter(|project| !project.is_empty()),
                ci: job.as_deref().and_then(Ci::new),
                containers: Some(*containers),
                ..nobody
            },
            HeldBy::Route(device) => Self {
                device: Some(device.as_str()).filter(|it| !it.is_empty()),
                ..nobody
            },
            HeldBy::Nameserver => Self {
                nameserver: true,
                ..nobody
            },
        }
    }
}

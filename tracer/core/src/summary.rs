//! What a single look at the host comes to: one paragraph for people, one line for pipelines.

use ipnet::IpNet;

use crate::{
    finding::{Finding, Kind},
    input::DaemonStatus,
    time::Timestamp,
    world::World,
};

/// What was looked at, how much of it is wrong, and what comes next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// When.
    pub at: Timestamp,
    /// Docker networks that are bridges, of every daemon that answered.
    pub networks: usize,
    /// Bridges that packets could vanish in.
    pub bridges: usize,
    /// Routes of every table.
    pub routes: usize,
    /// Remote addresses in use.
    pub peers: usize,
    /// Networks, and address pools still to be given, that cover somebody in use.
    pub overlaps: usize,
    /// Things left behind.
    pub ghosts: usize,
    /// All findings.
    pub findings: usize,
    /// How many subnets the daemons' address pools have; absent where no pool is known.
    pub pools: Option<Pools>,
    /// What the next networks will get, first first.
    pub next_subnets: Vec<IpNet>,
    /// Each daemon and whether it answers.
    pub daemons: Vec<(String, DaemonStatus)>,
    /// What could not be looked at, each a sentence in plain words.
    pub unseen: Vec<String>,
}

/// Subnets of the address pools.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pools {
    /// All of them.
    pub total: usize,
    /// Taken.
    pub used: usize,
    /// Left for new networks.
    pub free: usize,
}

impl Summary {
    /// What the world holds, and how many of the findings are of which kind.
    pub(crate) fn of(world: &World, findings: &[Finding], now: Timestamp) -> Self {
        let host = world.namespace(world.session.netns);
        let of_kind = |kind| findings.iter().filter(|it| it.kind == kind).count();
        let networks = world.docker.networks();
        let daemons = world.docker.daemons();
        Self {
            at: now,
            networks: networks.filter(|(_, it)| it.driver == "bridge").count(),
            bridges: world.bridge_count(),
            routes: host.map_or(0, |namespace| namespace.routes().len()),
            peers: 0,
            overlaps: of_kind(Kind::SubnetOverlap),
            ghosts: of_kind(Kind::GhostNetwork),
            findings: findings.len(),
            pools: None,
            next_subnets: Vec::new(),
            daemons: daemons
                .map(|(endpoint, status)| (endpoint.to_owned(), status.clone()))
                .collect(),
            unseen: world.session.unseen.clone(),
        }
    }
}

//! What a single look at the host comes to: one paragraph for people, one line for pipelines.

use ipnet::IpNet;

use crate::{
    condition,
    finding::{Finding, Kind, UnusedNetwork},
    input::DaemonStatus,
    time::Timestamp,
    world::{World, peers::Peers, pools::PoolUse},
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
    /// Whether that is sure: an engine up to 26 does not tell where it goes on.
    pub next_is_sure: bool,
    /// Where it is not: every subnet that the very next network may get, likelier ones first.
    pub next_possible: Vec<IpNet>,
    /// How many more there are than are listed.
    pub next_possible_more: u64,
    /// Each daemon and whether it answers.
    pub daemons: Vec<(String, DaemonStatus)>,
    /// Networks that nobody uses and that are no ghosts.
    pub unused: Vec<UnusedNetwork>,
    /// What could not be looked at, each a sentence in plain words.
    pub unseen: Vec<String>,
}

/// Subnets of the address pools.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pools {
    /// All of them.
    pub total: u64,
    /// Taken.
    pub used: u64,
    /// Left for new networks.
    pub free: u64,
}

impl Summary {
    /// What the world holds, and how many of the findings are of which kind.
    pub(crate) fn of(world: &World, findings: &[Finding], now: Timestamp) -> Self {
        let host = world.namespace(world.session.netns);
        let of_kind = |kind| findings.iter().filter(|it| it.kind == kind).count();
        let networks = world.docker.networks();
        let daemons = world.docker.daemons();
        let pools = world.pools();
        let next = pools.iter().flat_map(|it| it.next.iter().copied());
        let is_sure = pools.iter().all(|it| it.certain);
        let unsure = || pools.iter().filter(|_| !is_sure);
        let possible = unsure().flat_map(|it| it.possible.iter().copied());
        Self {
            at: now,
            networks: networks.filter(|(_, it)| it.driver == "bridge").count(),
            bridges: world.bridge_count(),
            routes: host.map_or(0, |namespace| namespace.routes().len()),
            peers: world.peers(world.session.netns).map_or(0, Peers::connected),
            overlaps: of_kind(Kind::SubnetOverlap),
            ghosts: of_kind(Kind::GhostNetwork),
            findings: findings.len(),
            pools: sum(&pools),
            next_subnets: next.map(IpNet::V4).collect(),
            next_is_sure: is_sure,
            next_possible: possible.map(IpNet::V4).collect(),
            next_possible_more: unsure().map(|it| it.possible_more).sum(),
            daemons: daemons
                .map(|(endpoint, status)| (endpoint.to_owned(), status.clone()))
                .collect(),
            unused: condition::ghost::unused(world, now),
            unseen: unseen(world),
        }
    }
}

/// What the run cannot see, and what could not be read.
pub(crate) fn unseen(world: &World) -> Vec<String> {
    let mut unseen = world.session.unseen.clone();
    let owner = |inum| world.netns_ref(inum).owner;
    let namespaces = world.unreadable();
    unseen.extend(
        namespaces.map(|(inum, cause)| format!("links and routes of {}: {cause}", owner(inum))),
    );
    if let Some(peers) = world.peers(world.session.netns) {
        unseen.extend(peers.unread.iter().cloned());
        if peers.more > 0 {
            unseen.push(format!(
                "{} connections more than could be kept",
                peers.more
            ));
        }
    }
    unseen
}

/// The pools of all daemons together.
fn sum(pools: &[PoolUse]) -> Option<Pools> {
    let total = |of: fn(&PoolUse) -> u64| pools.iter().map(of).sum();
    (!pools.is_empty()).then(|| Pools {
        total: total(|it| it.total),
        used: total(|it| it.used),
        free: total(|it| it.free),
    })
}

//! `address-pool`: how many networks the daemon can still make.

use std::fmt::Write as _;

use crate::{
    finding::{CiJob, Finding, Kind, Particulars},
    remedy,
    world::pools::{HeldBy, Holder, PoolUse, Room},
};

use super::{Purpose, Situation};

/// Subnets left when it is time to say so: one project with a few networks, and no other can start.
const FEW: u64 = 3;

pub(super) fn find(situation: Situation<'_>) -> Vec<Finding> {
    let short = situation.world.pools_with(is_short).into_iter();
    let watching = situation.purpose == Purpose::Watch;
    let short = short.filter(|it| !(watching && is_the_hosts(it)));
    short.map(|pools| finding(situation, pools)).collect()
}

pub(super) fn over(told: &Finding) -> String {
    let daemon = match &told.particulars {
        Some(Particulars::Pools(pools)) => pools.daemon.as_str(),
        _ => "the daemon",
    };
    format!("The address pools of docker at {daemon} are not short any more.")
}

/// A daemon whose pools were made for two or three networks is not short of them with the first.
const fn is_short(Room { total, free }: Room) -> bool {
    free == 0 || (free <= FEW && total - free > free)
}

/// Whether the host itself has most of what is taken: a VPN that covers the pools comes and goes.
fn is_the_hosts(pools: &PoolUse) -> bool {
    let networks = pools
        .holders
        .iter()
        .filter(|it| matches!(it.by, HeldBy::Network { .. }));
    2 * (networks.count() as u64) < pools.used
}

fn finding(situation: Situation<'_>, mut pools: PoolUse) -> Finding {
    let world = situation.world;
    let id = format!("address-pool-{}-{}", pools.netns, pools.daemon);
    let netns = world.netns_ref(pools.netns);
    let mut finding = Finding::new(Kind::AddressPool, id, netns, reason(&pools), situation.now);
    finding.remedies = remedy::bigger_pools(world, pools.netns, &pools.daemon)
        .into_iter()
        .collect();
    name_jobs(situation, &mut pools);
    finding.ci = most_of_it(&pools).or_else(|| world.job_of_netns(pools.netns));
    finding.particulars = Some(Particulars::Pools(Box::new(pools)));
    finding
}

/// Says of each network whose it is.
fn name_jobs(situation: Situation<'_>, pools: &mut PoolUse) {
    let docker = &situation.world.docker;
    let PoolUse {
        daemon, holders, ..
    } = pools;
    for holder in holders {
        let HeldBy::Network { id, job, .. } = &mut holder.by else {
            continue;
        };
        let network = docker.network(daemon, id);
        let found = network.and_then(|it| situation.world.job_of_network(daemon, it));
        *job = found.map(Box::new);
    }
}

/// The job that has more than half of what is taken, if one has.
fn most_of_it(pools: &PoolUse) -> Option<CiJob> {
    let of = |holder: &'_ Holder| match &holder.by {
        HeldBy::Network { job, .. } => job.as_deref().cloned(),
        HeldBy::Route(_) | HeldBy::Nameserver => None,
    };
    let jobs: Vec<CiJob> = pools.holders.iter().filter_map(of).collect();
    let is_one = |job: &CiJob, other: &CiJob| {
        job.job_id.is_some() && (&job.system, &job.job_id) == (&other.system, &other.job_id)
    };
    let has_most = |job: &&CiJob| {
        let its = jobs.iter().filter(|other| is_one(job, other));
        2 * its.count() as u64 > pools.used
    };
    jobs.iter().find(has_most).cloned()
}

fn reason(pools: &PoolUse) -> String {
    let PoolUse {
        daemon,
        total,
        used,
        free,
        ..
    } = pools;
    let unused = pools.holders.iter().filter(|it| it.is_unused()).count();
    let unused = match unused {
        0 => String::new(),
        1 => ", 1 of them by a network without a running container".to_owned(),
        _ => format!(", {unused} of them by networks without a running container"),
    };
    if *free > 0 {
        let networks = if *free == 1 { "network" } else { "networks" };
        return format!(
            "Docker at {daemon} can make {free} more {networks}: {used} of the {total} subnets of its \
             address pools are taken{unused}."
        );
    }
    let all = match total {
        1 => "the only subnet of its address pools is".to_owned(),
        2 => "both subnets of its address pools are".to_owned(),
        _ => format!("all {total} subnets of its address pools are"),
    };
    let mut text = format!("Docker at {daemon} can make no more networks: {all} taken");
    let _ = write!(
        text,
        "{unused}. Who tries is told \"{}\".",
        pools.generation.exhausted()
    );
    text
}

impl Holder {
    /// Whether it is a network that no running container uses, and that could go.
    #[must_use]
    pub fn is_unused(&self) -> bool {
        matches!(
            self.by,
            HeldBy::Network {
                containers: 0,
                is_default: false,
                ..
            }
        )
    }
}

#[cfg(test)]
mod tests;

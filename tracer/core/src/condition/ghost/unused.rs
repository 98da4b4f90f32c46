//! Networks that nobody uses and that are no ghosts: told with their age, and counted as nothing.

use std::collections::BTreeSet;

use crate::{
    finding::UnusedNetwork,
    input::{DaemonStatus, DockerNetwork},
    time::Timestamp,
    world::World,
};

use super::{
    group::{self, is_alive},
    leftover,
};

/// Every unused network of every daemon that answers, by daemon and id.
pub(crate) fn unused(world: &World, now: Timestamp) -> Vec<UnusedNetwork> {
    let groups = group::all(world);
    let left = groups
        .iter()
        .filter(|(bond, group)| leftover::is_left(world, now, *bond, group));
    let ghosts: BTreeSet<&str> = left
        .flat_map(|(_, group)| group.networks.iter().map(|it| it.id.as_str()))
        .collect();
    let answers = |daemon: &str| {
        let mut daemons = world.docker.daemons();
        daemons
            .any(|(known, status)| known == daemon && matches!(status, DaemonStatus::Reachable(_)))
    };
    let networks = world.docker.networks();
    networks
        .filter(|(daemon, network)| answers(daemon) && is_idle(world, daemon, network))
        .filter(|(_, network)| !ghosts.contains(network.id.as_str()))
        .map(|(daemon, network)| UnusedNetwork {
            name: network.name.clone(),
            id: network.id.clone(),
            daemon: daemon.to_owned(),
            compose_project: network.compose_project().map(str::to_owned),
            subnets: network.subnets.iter().map(|it| it.subnet).collect(),
            since: since(world, daemon, network),
        })
        .collect()
}

/// docker0 is there for whoever names no network: it is always wanted.
fn is_idle(world: &World, daemon: &str, network: &DockerNetwork) -> bool {
    let is_default = network
        .options
        .get("com.docker.network.bridge.default_bridge");
    let mut endpoints = network.endpoints.iter();
    network.driver == "bridge"
        && is_default.is_none_or(|value| value != "true")
        && !endpoints.any(|endpoint| is_alive(world, daemon, endpoint))
}

/// When the last container that is still known ended in it, or when it was made.
fn since(world: &World, daemon: &str, network: &DockerNetwork) -> Option<Timestamp> {
    let containers = world.docker.containers(daemon);
    let of_it = containers.filter(|container| {
        let mut endpoints = container.endpoints.iter();
        endpoints.any(|it| it.network == network.id || it.network == network.name)
    });
    let ended = of_it.filter_map(|container| container.finished).max();
    ended.max(network.created)
}

//! Networks that nobody uses and that are no ghosts: told with their age, and counted as nothing.

use std::collections::{BTreeMap, BTreeSet};

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
    let ended = ended(world);
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
            since: since(&ended, daemon, network),
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

/// When the last container that is still known ended in each network, by daemon and what the container
/// calls the network.
type Ended<'a> = BTreeMap<(&'a str, &'a str), Timestamp>;

fn ended(world: &World) -> Ended<'_> {
    let mut latest = Ended::new();
    for (daemon, _) in world.docker.daemons() {
        for container in world.docker.containers(daemon) {
            let Some(finished) = container.finished else {
                continue;
            };
            for endpoint in &container.endpoints {
                let known = latest.entry((daemon, &endpoint.network)).or_default();
                *known = finished.max(*known);
            }
        }
    }
    latest
}

/// When the last container that is still known ended in it, or when it was made.
fn since(ended: &Ended<'_>, daemon: &str, network: &DockerNetwork) -> Option<Timestamp> {
    let names = [network.id.as_str(), network.name.as_str()];
    let known = names.map(|name| ended.get(&(daemon, name)).copied());
    known.into_iter().flatten().max().max(network.created)
}

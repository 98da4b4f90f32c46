//! A daemon before and after: the same process, the same store, and what is missing.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::{
    finding::{DaemonState, Names},
    input::{DaemonInfo, DockerContainer, DockerNetwork, EngineProcess, EngineProgram},
    time::Timestamp,
    world::World,
};

use super::Ended;

/// Networks that docker makes itself.
const PREDEFINED: [&str; 3] = ["bridge", "host", "none"];
/// Drivers of the two that it makes once in the life of a data root: their ids tell one from the
/// other. (`bridge` is made anew at each start.)
const LASTING: [&str; 2] = ["host", "null"];

/// A daemon as it was when it answered last.
pub(super) struct Before<'a> {
    pub(super) info: DaemonInfo,
    pub(super) networks: Vec<&'a DockerNetwork>,
    pub(super) containers: Vec<&'a DockerContainer>,
    /// Containers that ran when its end began, by id.
    pub(super) ran: BTreeSet<&'a str>,
}

/// A daemon as it came back.
#[derive(Clone, Copy)]
pub(super) struct After<'a> {
    pub(super) info: &'a DaemonInfo,
    pub(super) networks: &'a [DockerNetwork],
    pub(super) containers: &'a [DockerContainer],
}

impl<'a> Before<'a> {
    pub(super) fn of(
        world: &'a World,
        daemon: &'a str,
        info: DaemonInfo,
        stopped: &'a VecDeque<(Timestamp, String)>,
    ) -> Self {
        let networks = world.docker.networks();
        let networks = networks.filter(|(endpoint, _)| *endpoint == daemon);
        let containers: Vec<_> = world.docker.containers(daemon).collect();
        let running = containers.iter().filter(|it| it.is_running());
        let running = running.map(|it| it.id.as_str());
        Self {
            info,
            ran: running
                .chain(stopped.iter().map(|(_, id)| id.as_str()))
                .collect(),
            networks: networks.map(|(_, network)| network).collect(),
            containers,
        }
    }

    pub(super) fn state(&self) -> DaemonState {
        let networks = self.networks.iter().copied();
        state(&self.info, networks, self.containers.len())
    }

    /// Networks that are not there any more, apart from docker's own.
    pub(super) fn missing_networks(&self, after: &After<'_>) -> Vec<&'a DockerNetwork> {
        let there: BTreeSet<&str> = after.networks.iter().map(|it| it.id.as_str()).collect();
        let missing = self.networks.iter().copied();
        missing
            .filter(|network| is_made_by_users(network) && !there.contains(network.id.as_str()))
            .collect()
    }

    pub(super) fn missing_containers(&self, after: &After<'_>) -> Names {
        let there: BTreeSet<&str> = after.containers.iter().map(|it| it.id.as_str()).collect();
        let missing = self.containers.iter();
        missing
            .filter(|container| !there.contains(container.id.as_str()))
            .map(|container| container.name.clone())
            .collect()
    }

    /// Containers that ran and do not run any more.
    pub(super) fn stopped(&self, after: &After<'_>) -> Names {
        let idle = after.containers.iter().filter(|it| !it.is_running());
        idle.filter(|container| self.ran.contains(container.id.as_str()))
            .map(|container| container.name.clone())
            .collect()
    }
}

impl After<'_> {
    pub(super) fn state(&self) -> DaemonState {
        state(self.info, self.networks.iter(), self.containers.len())
    }
}

/// Whether another process answers than before. One that was hung, or whose socket was moved, is the
/// same daemon.
pub(super) fn is_another_process(
    before: &Before<'_>,
    after: &After<'_>,
    ended: &[Ended],
    alive: &BTreeMap<u32, EngineProcess>,
) -> bool {
    let dockerd = |ended: &&Ended| ended.process.program == EngineProgram::Dockerd;
    match (before.info.pid, after.info.pid) {
        // Where the old one lives on, the socket came to lead to another daemon.
        (Some(old), Some(new)) => old != new && !alive.contains_key(&old),
        _ if ended.iter().any(|it| dockerd(&it)) => true,
        // Of a daemon far away this is the only trace that a start leaves.
        _ => {
            let old = default_bridge(before.networks.iter().copied());
            let new = default_bridge(after.networks.iter());
            old.is_some() && new.is_some() && old != new
        }
    }
}

/// Whether the daemon came back to another store than it had.
pub(super) fn is_another_store(before: &Before<'_>, after: &After<'_>) -> bool {
    let old = lasting(before.networks.iter().copied());
    let new = lasting(after.networks.iter());
    if !old.is_empty() && !new.is_empty() {
        return old.is_disjoint(&new);
    }
    let differ =
        |old: &Option<String>, new: &Option<String>| old.is_some() && new.is_some() && old != new;
    differ(&before.info.data_root, &after.info.data_root) || differ(&before.info.id, &after.info.id)
}

fn state<'a>(
    info: &DaemonInfo,
    networks: impl Iterator<Item = &'a DockerNetwork>,
    containers: usize,
) -> DaemonState {
    DaemonState {
        id: info.id.clone(),
        data_root: info.data_root.clone(),
        driver: info.driver.clone(),
        version: info.version.clone(),
        networks: networks.filter(|it| is_made_by_users(it)).count() as u64,
        containers: containers as u64,
        images: info.images,
    }
}

fn is_made_by_users(network: &DockerNetwork) -> bool {
    !PREDEFINED.contains(&network.name.as_str())
}

fn default_bridge<'a>(mut networks: impl Iterator<Item = &'a DockerNetwork>) -> Option<&'a str> {
    let found = networks.find(|network| network.name == "bridge");
    found.map(|network| network.id.as_str())
}

fn lasting<'a>(networks: impl Iterator<Item = &'a DockerNetwork>) -> BTreeSet<&'a str> {
    networks
        .filter(|network| LASTING.contains(&network.driver.as_str()))
        .map(|network| network.id.as_str())
        .collect()
}

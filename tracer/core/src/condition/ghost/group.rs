//! What belongs together: the networks and containers of a compose project, or of a CI job.

use std::collections::BTreeMap;

use crate::{
    finding::{CiJob, Leftover},
    input::{DaemonStatus, DockerContainer, DockerEndpoint, DockerNetwork},
    time::Timestamp,
    world::{
        World,
        jobs::{labels, names},
    },
};

use super::short;

/// What holds a group together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Bond<'a> {
    /// A compose project, by name. Hostile text.
    Project(&'a str),
    /// A job whose runner labelled it, by its id. Hostile text.
    Job(&'a str),
}

/// Networks and containers of one daemon that belong together.
#[derive(Clone, Debug, Default)]
pub(super) struct Group<'a> {
    pub(super) daemon: &'a str,
    pub(super) networks: Vec<&'a DockerNetwork>,
    pub(super) containers: Vec<&'a DockerContainer>,
}

/// Every group of every daemon that answers.
pub(super) fn all(world: &World) -> Vec<(Bond<'_>, Group<'_>)> {
    let mut all = Vec::new();
    for (daemon, status) in world.docker.daemons() {
        let answers = matches!(status, DaemonStatus::Reachable(_));
        let speaks = answers && !world.docker.is_alias(daemon);
        if speaks && world.docker.listed(daemon).is_some() {
            all.extend(of_daemon(world, daemon));
        }
    }
    all
}

fn of_daemon<'a>(world: &'a World, daemon: &'a str) -> BTreeMap<Bond<'a>, Group<'a>> {
    let mut groups: BTreeMap<Bond<'a>, Group<'a>> = BTreeMap::new();
    let new = || Group {
        daemon,
        ..Group::default()
    };
    for (endpoint, network) in world.docker.networks() {
        if endpoint == daemon
            && let Some(bond) = of_network(network)
        {
            groups
                .entry(bond)
                .or_insert_with(new)
                .networks
                .push(network);
        }
    }
    for container in world.docker.containers(daemon) {
        if let Some(bond) = of_container(container) {
            groups
                .entry(bond)
                .or_insert_with(new)
                .containers
                .push(container);
        }
    }
    for group in groups.values_mut() {
        group.networks.sort_by_key(|it| (it.created, &it.id));
        group.containers.sort_by_key(|it| (&it.name, &it.id));
    }
    groups
}

fn of_network(network: &DockerNetwork) -> Option<Bond<'_>> {
    let project = network.compose_project().map(Bond::Project);
    let job = || labels::job_id(&network.labels).or_else(|| names::job_id(&network.name));
    project.or_else(|| job().map(Bond::Job))
}

fn of_container(container: &DockerContainer) -> Option<Bond<'_>> {
    let project = container.compose_project().map(Bond::Project);
    let kept = labels::is_cache(&container.labels);
    let job = || labels::job_id(&container.labels).filter(|_| !kept);
    project.or_else(|| job().map(Bond::Job))
}

impl<'a> Group<'a> {
    /// Whether anybody uses any of it: one of its containers runs, or somebody else's in its networks.
    pub(super) fn is_in_use(&self, world: &World) -> bool {
        let mut endpoints = self.networks.iter().flat_map(|network| &network.endpoints);
        self.containers.iter().any(|it| it.is_running())
            || endpoints.any(|endpoint| is_alive(world, self.daemon, endpoint))
    }

    /// When the last thing happened to any of it, as far as docker tells.
    pub(super) fn last_change(&self) -> Option<Timestamp> {
        let made = self.networks.iter().filter_map(|it| it.created);
        let ran = self.containers.iter();
        let ran = ran.flat_map(|it| [it.created, it.started, it.finished]);
        made.chain(ran.flatten()).max()
    }

    /// What is left, containers first.
    pub(super) fn leftovers(&self) -> Vec<Leftover> {
        let containers = self.containers.iter().map(|container| Leftover {
            what: "container",
            name: container.name.clone(),
            id: container.id.clone(),
            state: Some(container.state.clone()),
        });
        let networks = self.networks.iter().map(|network| network_left(network));
        containers.chain(networks).collect()
    }

    /// Folder the project was started in.
    pub(super) fn working_dir(&self) -> Option<&'a str> {
        self.containers.iter().find_map(|it| it.working_dir())
    }

    /// The job behind it.
    pub(super) fn job(&self, world: &World) -> Option<CiJob> {
        let of_network = |network: &&DockerNetwork| world.job_of_network(self.daemon, network);
        let of_container = |it: &&DockerContainer| world.job_of(self.daemon, it);
        let by_network = self.networks.iter().find_map(of_network);
        by_network.or_else(|| self.containers.iter().find_map(of_container))
    }

    /// The first of its networks, or else of its containers: it stands for all.
    pub(super) fn key(&self) -> Option<&'a str> {
        let network = self.networks.first().map(|it| it.id.as_str());
        let container = || self.containers.first().map(|it| it.id.as_str());
        network.or_else(container).map(short)
    }
}

pub(super) fn network_left(network: &DockerNetwork) -> Leftover {
    Leftover {
        what: "network",
        name: network.name.clone(),
        id: network.id.clone(),
        state: None,
    }
}

/// Whether there is a container behind the endpoint that may run. One that is not known yet may.
pub(super) fn is_alive(world: &World, daemon: &str, endpoint: &DockerEndpoint) -> bool {
    let container = world.docker.container(daemon, &endpoint.container);
    match container {
        Some(container) => container.is_running(),
        None => !is_phantom(endpoint),
    }
}

/// Whether docker itself knows no container behind the endpoint: then it gives the endpoint's own id.
/// <https://github.com/moby/moby/blob/v20.10.24/api/server/router/network/network_routes.go#L440>
pub(super) fn is_phantom(endpoint: &DockerEndpoint) -> bool {
    endpoint.container.starts_with("ep-")
}

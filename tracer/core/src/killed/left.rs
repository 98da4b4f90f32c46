//! What a killed process left behind: what its project has on the host while nobody runs it.

use std::collections::BTreeSet;

use crate::{
    finding::{Finding, Left, Particulars},
    world::{World, kills::Kill, processes::same_project},
};

/// Names that are listed.
const LISTED: usize = 32;

/// What is left by now; nothing as long as the process, or another one for the project, lives.
pub(super) fn of(world: &World, kill: &Kill) -> Left {
    let Some(name) = kill.project.as_deref() else {
        return Left::default();
    };
    let is_run = || world.processes.busy_with(name).next().is_some();
    if world.processes.lives(kill.target.pid) || is_run() {
        return Left::default();
    }
    let is_its = |project: Option<&str>| project.is_some_and(|it| same_project(it, name));
    let docker = &world.docker;
    let networks = docker.networks().map(|(_, network)| network);
    let networks: BTreeSet<String> = networks
        .filter(|network| is_its(network.compose_project()))
        .map(|network| network.name.clone())
        .collect();
    let daemons = docker.daemons().map(|(endpoint, _)| endpoint);
    let containers: BTreeSet<(String, String)> = daemons
        .flat_map(|endpoint| docker.containers(endpoint))
        .filter(|container| is_its(container.compose_project()))
        .map(|container| (container.name.clone(), container.state.clone()))
        .collect();
    Left {
        networks: networks.into_iter().take(LISTED).collect(),
        containers: containers.into_iter().take(LISTED).collect(),
    }
}

/// What a finding says is left.
pub(super) fn in_finding(finding: &Finding) -> Left {
    match &finding.particulars {
        Some(Particulars::Signal(killing)) => killing.left.clone(),
        _ => Left::default(),
    }
}

//! Processes that bring compose projects up or make networks: a runner tells its job in their
//! environment, whatever executor it has.

use crate::{
    finding::CiJob,
    input::{DockerNetwork, ProcessInfo},
    world::World,
};

use super::variables;

/// The job of the command that made the network, that is busy with its project, or was until it was
/// killed.
pub(super) fn job(world: &World, network: &DockerNetwork) -> Option<CiJob> {
    let project = network.compose_project();
    let killed = || {
        let kill = world.kills.of_project(project?)?;
        of(world.processes.get(kill.target.pid)?)
    };
    let made = || of(world.processes.maker(network)?);
    let busy = || world.processes.busy_with(project?).find_map(of);
    made().or_else(killed).or_else(busy)
}

/// What the environment of a process says of its job.
pub(super) fn of(info: &ProcessInfo) -> Option<CiJob> {
    Some(CiJob {
        known_by: format!("the environment of {} (pid {})", info.name, info.pid),
        ..variables::job(&info.variables)?
    })
}

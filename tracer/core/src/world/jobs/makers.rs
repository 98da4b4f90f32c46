//! Processes that bring compose projects up: a runner tells its job in their environment, whatever
//! executor it has.

use crate::{
    finding::CiJob,
    input::ProcessInfo,
    world::{World, processes},
};

/// The job of the compose command that is busy with the project, or was until it was killed.
pub(super) fn job(world: &World, project: &str) -> Option<CiJob> {
    let is_its = |info: &&ProcessInfo| {
        let known = processes::project(info);
        known.is_some_and(|known| processes::same_project(&known, project))
    };
    let mut living = world.processes.living().filter(is_its);
    let killed = || {
        let kill = world.kills.of_project(project)?;
        of(world.processes.get(kill.target.pid)?)
    };
    killed().or_else(|| living.find_map(of))
}

/// What the environment of a process says of its job.
fn of(info: &ProcessInfo) -> Option<CiJob> {
    let variable = |name: &str| {
        let value = info.variables.get(name);
        value.filter(|value| !value.is_empty()).cloned()
    };
    Some(CiJob {
        system: "gitlab".to_owned(),
        job_id: Some(variable("CI_JOB_ID")?),
        job_url: variable("CI_JOB_URL"),
        pipeline_id: variable("CI_PIPELINE_ID"),
        project_id: variable("CI_PROJECT_ID"),
        project_path: variable("CI_PROJECT_PATH"),
        known_by: format!("the environment of {} (pid {})", info.name, info.pid),
        uncertain: false,
    })
}

//! What a job makes through a daemon's socket that is mounted into its container: it was made while
//! the job ran, in the folder its project is checked out in.

use crate::{finding::CiJob, input::DockerContainer, time::Timestamp, world::World};

use super::{folders, labels};

/// A job's container that could command the daemon, at the time in question.
struct Run<'a> {
    job: CiJob,
    container: &'a DockerContainer,
}

/// The job that made something of this daemon at `made`, in the folder, if compose tells that: the only
/// one of its project, or the only one at all, that ran then with the daemon's socket.
pub(super) fn maker(
    world: &World,
    daemon: &str,
    made: Timestamp,
    folder: Option<&str>,
) -> Option<CiJob> {
    let project = folder.map(folders::project);
    // In a folder that no runner made somebody else was at work.
    let project = match project {
        Some(None) => return None,
        Some(Some(path)) => Some(path),
        None => None,
    };
    let runs = running(world, daemon, made);
    let fits = |run: &&Run<'_>| project.is_none_or(|path| is_of(&run.job, path));
    let mut fitting = runs.iter().filter(fits);
    let first = fitting.next()?;
    if fitting.any(|other| other.job != first.job) {
        return None;
    }
    Some(CiJob {
        known_by: how(first, folder),
        uncertain: project.is_none(),
        project_path: project.map(str::to_owned),
        ..first.job.clone()
    })
}

/// Containers of jobs that ran at the time, with the daemon's socket.
fn running<'a>(world: &'a World, daemon: &'a str, made: Timestamp) -> Vec<Run<'a>> {
    let present = world.docker.commanding(daemon).map(|it| (it, None));
    let past = world.docker.past_jobs(daemon);
    let past = past.map(|(it, removed)| (it, Some(removed)));
    let ran_then = |(it, removed): &(&DockerContainer, Option<Timestamp>)| {
        let from = it.started.or(it.created);
        let over = it.finished.filter(|_| !it.is_running());
        let to = over.or(*removed);
        from.is_some_and(|from| from <= made) && to.is_none_or(|to| made <= to)
    };
    let run = |(container, _): (&'a DockerContainer, Option<Timestamp>)| {
        labels::job(&container.labels).map(|job| Run { job, container })
    };
    let past = past.filter(|(it, _)| it.has_socket);
    let all = present.chain(past).filter(ran_then);
    all.filter_map(run).collect()
}

/// Whether the job is of the project that is checked out there: its page is below the project's.
fn is_of(job: &CiJob, path: &str) -> bool {
    let page = job.job_url.as_deref().and_then(|url| url.split_once("/-/"));
    let place = page.and_then(|(project, _)| project.split_once("://"));
    let Some((_, place)) = place else {
        return false;
    };
    // GitLab may be served below a path of its own: the longest end of the page's path counts.
    let mut ends = place.match_indices('/').map(|(at, _)| &place[at + 1..]);
    ends.any(|project| {
        project.contains('/')
            && path
                .strip_prefix(project)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

fn how(run: &Run<'_>, folder: Option<&str>) -> String {
    let name = &run.container.name;
    match folder {
        Some(folder) => format!(
            "its working directory {folder} and container {name}, which ran then with the daemon's \
             socket"
        ),
        None => format!(
            "the time: container {name} ran then with the daemon's socket, and no other job's did"
        ),
    }
}

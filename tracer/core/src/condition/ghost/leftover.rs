//! Networks and containers of a compose project that nobody will finish or take away, and of jobs that
//! are over.
//!
//! What distinguishes them from a project that was stopped for the night, or is just coming up: that
//! one ran as a whole, and this one changes every few seconds. Docker does not tell who stopped a
//! container, so how one ended proves nothing: `docker stop` kills what ignores SIGTERM.

use std::path::Path;

use ipnet::IpNet;

use crate::{
    finding::{CiJob, Evidence, EvidenceKind, Finding, Ghost, GhostClass, Verdict},
    input::{DockerContainer, ProcessInfo},
    killed::{SIGKILL, SIGTERM},
    remedy::ghost as remedy,
    time::{SECOND, Timestamp},
    world::{
        World,
        jobs::{self, labels},
        kills::Kill,
    },
};

use super::{
    Purpose, SETTLED, Situation, creator, finding,
    group::{self, Bond, Group},
    log, prefixes, said, with_network,
};

/// Without anybody seen giving up, nothing happens for this long before something is called left: an
/// image may be pulled between a project's network and its first container.
const PATIENCE: u64 = 600 * SECOND;

/// Docker starts what it was told to start, even when whoever told it is gone a moment later.
const AFTERMATH: u64 = 10 * SECOND;

/// Why nobody will come for it.
enum Abandoned<'a> {
    /// Whoever brought the project up was killed.
    Killed(&'a Kill),
    /// The project has networks, and no container at all.
    NoContainer,
    /// A container was made and never ran.
    NeverStarted(&'a DockerContainer),
    /// The job that made it is over.
    JobOver(CiJob),
}

pub(super) fn find(situation: Situation<'_>) -> Vec<Finding> {
    let groups = group::all(situation.world);
    groups
        .iter()
        .filter_map(|(bond, group)| left(situation, *bond, group))
        .collect()
}

/// Whether the group was left behind, and is not merely unused.
pub(super) fn is_left(world: &World, now: Timestamp, bond: Bond<'_>, group: &Group<'_>) -> bool {
    abandoned(world, now, Purpose::Check, bond, group).is_some()
}

fn left(situation: Situation<'_>, bond: Bond<'_>, group: &Group<'_>) -> Option<Finding> {
    let Situation {
        world,
        now,
        purpose,
        ..
    } = situation;
    let why = abandoned(world, now, purpose, bond, group)?;
    let kill = match &why {
        Abandoned::Killed(kill) => Some(*kill),
        _ => None,
    };
    let job = group.job(world);
    let mut networks = group.networks.iter();
    let maker = networks.find_map(|network| world.processes.maker(network));
    let ghost = Ghost {
        class: match bond {
            Bond::Project(_) => GhostClass::LeftoverProject,
            Bond::Job(_) => GhostClass::LeftoverJob,
        },
        since: group.last_change(),
        holds: holds(group),
        leftovers: group.leftovers(),
        creator: maker
            .map(creator::of)
            .or_else(|| kill.map(|kill| creator::of_party(&kill.target))),
        working_dir: group
            .working_dir()
            .or_else(|| maker?.directory.as_deref())
            .or_else(|| kill?.target.directory.as_deref())
            .map(str::to_owned),
    };
    let netns = world.docker.place(group.daemon);
    let netns = netns.unwrap_or(world.session.netns);
    let told = finding(
        situation,
        netns,
        group.key()?,
        ghost,
        reason(bond, group, &why),
    );
    let mut told = Finding {
        verdict: kill.map_or(Verdict::Suspected, |_| Verdict::Confirmed),
        evidence: evidence(group, &why),
        remedies: remedy::leftovers(
            group.daemon,
            guard(bond),
            &group.containers,
            &group.networks,
        )
        .into_iter()
        .collect(),
        ..told
    };
    if let Some(network) = group.networks.first() {
        told = with_network(situation, group.daemon, network, told);
        told = log::with_bridge(situation, &network.bridge_name(), told);
    }
    told.evidence.sort_by_key(|piece| (piece.at, piece.kind));
    Some(Finding {
        ci: told.ci.clone().or(job),
        ..told
    })
}

fn abandoned<'a>(
    world: &'a World,
    now: Timestamp,
    purpose: Purpose,
    bond: Bond<'_>,
    group: &Group<'a>,
) -> Option<Abandoned<'a>> {
    let last = group.last_change()?;
    if group.is_in_use(world) {
        return None;
    }
    let job = group.job(world);
    if is_at_work(world, bond, group, job.as_ref()) {
        return None;
    }
    if let Some(kill) = killer(world, bond, group) {
        let settled = kill.last().max(last).plus(SETTLED);
        return (now >= settled).then_some(Abandoned::Killed(kill));
    }
    if now < last.plus(PATIENCE) {
        return None;
    }
    if job.as_ref().is_some_and(|job| is_running(world, job)) {
        return None;
    }
    // A daemon that runs inside of a job's container is over with the job.
    let place = world.docker.place(group.daemon);
    let job = job.filter(|_| place.and_then(|place| world.job_of_netns(place)).is_none());
    // What has no network holds no addresses; of a project it is nobody's trouble.
    if matches!(bond, Bond::Project(_)) && group.networks.is_empty() {
        return None;
    }
    // Of a job that has no container of its own nothing tells that it is over.
    if let Some(job) = job.filter(|_| purpose == Purpose::Check || matches!(bond, Bond::Job(_))) {
        return Some(Abandoned::JobOver(job));
    }
    // `compose create`, `compose run --rm` and a prune leave the same: worth a word to who asks.
    if purpose == Purpose::Watch || !never_came_up(group) {
        return None;
    }
    let first = group.containers.first();
    Some(first.map_or(Abandoned::NoContainer, |it| Abandoned::NeverStarted(it)))
}

/// Whether none of its containers ever ran. Where one did, stopped ones may hold what somebody wants.
fn never_came_up(group: &Group<'_>) -> bool {
    group.containers.iter().all(|it| never_ran(it))
}

fn never_ran(container: &DockerContainer) -> bool {
    container.state == "created" && container.started.is_none()
}

/// Whether a process is busy with it at this moment: it pulls, builds, or is between two steps.
fn is_at_work(world: &World, bond: Bond<'_>, group: &Group<'_>, job: Option<&CiJob>) -> bool {
    let busy = match bond {
        Bond::Project(name) => world.processes.busy_with(name).next().is_some(),
        Bond::Job(_) => false,
    };
    let id = job.and_then(|job| job.job_id.as_deref());
    let is_its = |process: &ProcessInfo| {
        let of_job = process.variables.get("CI_JOB_ID").map(String::as_str);
        of_job.is_some() && of_job == id
    };
    // Of what a shell made only its folder tells whose it is.
    let folder = group.working_dir();
    let works_there = |process: &ProcessInfo| folder.is_some_and(|it| is_checkout(process, it));
    busy || world.processes.living().any(is_its)
        || world
            .processes
            .jobs()
            .any(|it| is_its(it) || works_there(it))
}

/// Whether the process is part of a job that has its project checked out in the folder or above it.
fn is_checkout(process: &ProcessInfo, folder: &str) -> bool {
    let variable = process.variables.get("CI_PROJECT_DIR");
    let own = variable.or(process.directory.as_ref());
    own.is_some_and(|own| jobs::is_checkout(own) && Path::new(folder).starts_with(own))
}

/// The killing that ended whoever was bringing the project up, if nobody has done so since. Ctrl-C is
/// no killing: compose stops what it started, and whoever typed it knows.
fn killer<'a>(world: &'a World, bond: Bond<'_>, group: &Group<'_>) -> Option<&'a Kill> {
    let Bond::Project(name) = bond else {
        return None;
    };
    let made = group.networks.first()?.created?;
    let kill = world.kills.of_project(name)?;
    // Told to end, compose stops what runs: a service manager does that to a project that is up.
    let half_way =
        || group.containers.is_empty() || group.containers.iter().any(|it| never_ran(it));
    let ends = |(_, number, _): &(Timestamp, u32, i32)| {
        *number == SIGKILL || *number == SIGTERM && half_way()
    };
    let mut starts = group.containers.iter().filter_map(|it| it.started);
    let ran_since = starts.any(|started| started > kill.last().plus(AFTERMATH));
    let is_it = kill.signals.iter().any(ends) && made <= kill.last() && !ran_since;
    is_it.then_some(kill)
}

/// Whether a container of the job itself runs, whatever daemon runs it.
fn is_running(world: &World, job: &CiJob) -> bool {
    let of_job = |it: &&DockerContainer| {
        let known = labels::job_id(&it.labels);
        known.is_some() && known == job.job_id.as_deref()
    };
    let daemons = world.docker.daemons();
    let mut containers = daemons.flat_map(|(daemon, _)| world.docker.containers(daemon));
    containers.any(|it| of_job(&it) && it.is_running())
}

fn holds(group: &Group<'_>) -> Vec<IpNet> {
    let networks = group.networks.iter();
    let subnets = networks.flat_map(|network| &network.subnets);
    subnets.map(|subnet| subnet.subnet).collect()
}

/// What tells, at the moment of the command, whether any of it runs again: a filter of `docker ps`.
fn guard(bond: Bond<'_>) -> String {
    match bond {
        Bond::Project(name) => format!("label=com.docker.compose.project={name}"),
        Bond::Job(id) => format!("label={}={id}", labels::JOB_ID),
    }
}

fn reason(bond: Bond<'_>, group: &Group<'_>, why: &Abandoned<'_>) -> String {
    let what = what(group);
    let whose = match bond {
        Bond::Project(name) => format!("compose project {name}"),
        Bond::Job(id) => format!("CI job {id}"),
    };
    match why {
        Abandoned::Killed(kill) => format!(
            "{what} left of {whose}: {} was killed, and nothing of it runs.",
            kill.target.name
        ),
        Abandoned::NoContainer => {
            format!("{what} left of {whose}, which has no container any more.")
        }
        Abandoned::NeverStarted(container) => format!(
            "{what} left of {whose}, which never came up: its container {} was made and not \
             started, and nothing of it runs.",
            container.name
        ),
        Abandoned::JobOver(job) => {
            let job = match (bond, &job.job_id) {
                (Bond::Project(_), Some(id)) => format!(" of CI job {id}"),
                (Bond::Project(_), None) => " of a CI job".to_owned(),
                (Bond::Job(_), _) => String::new(),
            };
            format!("{what} left of {whose}{job}, and nothing of it runs any more.")
        }
    }
}

/// "Network shop_default (172.22.0.0/16) is", the subject of a sentence.
fn what(group: &Group<'_>) -> String {
    match group.networks.as_slice() {
        [] => {
            let (verb, plural) = number(group.containers.len());
            format!("{} container{plural} {verb}", group.containers.len())
        }
        [network] => format!("Network {} ({}) is", network.name, prefixes(&holds(group))),
        [first, rest @ ..] => {
            format!(
                "Networks {} and {} more ({}) are",
                first.name,
                rest.len(),
                prefixes(&holds(group))
            )
        }
    }
}

const fn number(count: usize) -> (&'static str, &'static str) {
    if count == 1 { ("is", "") } else { ("are", "s") }
}

fn evidence(group: &Group<'_>, why: &Abandoned<'_>) -> Vec<Evidence> {
    let event = EvidenceKind::DockerEvent;
    let mut evidence = Vec::new();
    for network in &group.networks {
        if let Some(at) = network.created {
            evidence.push(said(
                event,
                at,
                format!("docker made network {}", network.name),
            ));
        }
    }
    if let Abandoned::Killed(kill) = why {
        evidence.push(kill.evidence());
    }
    if let Abandoned::NeverStarted(container) = why
        && let Some(at) = container.created
    {
        let text = format!("container {} was made, and never started", container.name);
        evidence.push(said(event, at, text));
    }
    for container in &group.containers {
        if let (Some(at), Some(code)) = (container.finished, container.exit_code) {
            let text = format!("container {} ended with status {code}", container.name);
            evidence.push(said(event, at, text));
        }
    }
    evidence
}

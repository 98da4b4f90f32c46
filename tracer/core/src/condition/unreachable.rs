//! `daemon-unreachable`: a daemon that cannot be asked, and exactly why.

use crate::{
    finding::{DaemonTrouble, Finding, Kind, Particulars},
    input::{Cause, Sidecar, Unreachable},
    time::{SECOND, Timestamp},
    world::{World, docker::is_inner},
};

use super::{Purpose, Situation};

/// A daemon that hangs for less than this is not missed; whoever asks once does not wait.
const PATIENCE: u64 = 3 * SECOND;
/// One that was told to end, or has ended, is on its way back as a rule, and then its restart is told, with
/// what it is like now: docker gives its containers 15 s, and takes 11 s to start after a SIGKILL. Only one
/// that stays away for longer is missed.
const PATIENCE_RESTART: u64 = 30 * SECOND;
/// A daemon beside a job may still be making its certificates when it is first looked at; the next look
/// comes within this.
const PATIENCE_SIDECAR: u64 = 15 * SECOND;
pub(super) fn find(situation: Situation<'_>) -> Vec<Finding> {
    let Situation {
        world,
        now,
        purpose,
        ..
    } = situation;
    let patience = |endpoint: &str, since: Timestamp| match purpose {
        Purpose::Check => 0,
        Purpose::Watch if is_ending(world, endpoint, since) => PATIENCE_RESTART,
        Purpose::Watch => PATIENCE,
    };
    let beside = world
        .docker
        .sidecars()
        .filter(|(_, since)| purpose == Purpose::Check || now >= since.plus(PATIENCE_SIDECAR));
    let beside = beside.map(|(sidecar, since)| sidecar_finding(world, sidecar, since, now));
    world
        .docker
        .away()
        .filter(|(endpoint, why, since)| {
            let due = since.plus(patience(endpoint, *since));
            matters(world, endpoint) && why.cause != Cause::NotYet && now >= due
        })
        .map(|(endpoint, why, since)| finding(world, endpoint, why, since, now))
        .chain(beside)
        .collect()
}

/// Whether the daemon's process has ended, or was told to shortly before it was missed.
fn is_ending(world: &World, endpoint: &str, since: Timestamp) -> bool {
    let pid = world.docker.info(endpoint).and_then(|info| info.pid);
    let kill = pid.and_then(|pid| world.kills.of_process(pid));
    let told = kill.is_some_and(|kill| kill.last().plus(PATIENCE_RESTART) >= since);
    told || world.docker.ended(endpoint).is_some()
}

/// A host may have no docker at all: its socket is missed by those only who were told of it or had
/// it. A daemon that was found through a process ends with that, as jobs do.
fn matters(world: &World, endpoint: &str) -> bool {
    let told = world.session.daemons.iter().any(|told| told == endpoint);
    let had = world.docker.info(endpoint).is_some();
    told || had && !is_inner(endpoint)
}

fn finding(
    world: &World,
    endpoint: &str,
    why: &Unreachable,
    since: Timestamp,
    now: Timestamp,
) -> Finding {
    let pid = world.docker.info(endpoint).and_then(|info| info.pid);
    let ended = world.docker.ended(endpoint).and(pid);
    let ended = ended.map(|pid| format!("; its process (pid {pid}) has ended"));
    let reason = format!(
        "Docker at {endpoint} cannot be asked: {}{}.",
        why.sentence,
        ended.unwrap_or_default()
    );
    let id = format!("daemon-unreachable-{endpoint}");
    let netns = world.netns_ref(world.session.netns);
    let known = world.docker.info(endpoint).is_some();
    let unknown = if known {
        "what became of its networks and containers since then"
    } else {
        "its networks and containers: no finding can name them before it answers"
    };
    let mut finding = Finding::new(Kind::DaemonUnreachable, id, netns, reason, now);
    finding.start = since;
    // One inside a job's container is the job's.
    finding.ci = world
        .docker
        .place(endpoint)
        .and_then(|place| world.job_of_netns(place));
    finding.unknown = vec![unknown.to_owned()];
    finding.particulars = Some(particulars(endpoint, why));
    finding
}

/// A job that cannot use the daemon beside it.
fn sidecar_finding(world: &World, sidecar: &Sidecar, since: Timestamp, now: Timestamp) -> Finding {
    let Sidecar {
        netns,
        owner,
        process,
        endpoint,
        why,
        variables,
    } = sidecar;
    let place = world.netns_ref_of(*netns, Some(owner));
    let reason = format!(
        "Docker at {endpoint} cannot be asked by {} in {}: {}.",
        process.name, place.owner, why.sentence
    );
    let id = format!("daemon-unreachable-{netns:08x}-{}-{endpoint}", process.pid);
    let mut finding = Finding::new(Kind::DaemonUnreachable, id, place, reason, now);
    finding.start = since;
    finding.ci = world.job_of_place(*netns, owner, variables);
    finding.process = Some(process.clone());
    finding.particulars = Some(particulars(endpoint, why));
    finding
}

fn particulars(endpoint: &str, why: &Unreachable) -> Particulars {
    Particulars::Daemon(DaemonTrouble {
        endpoint: endpoint.to_owned(),
        cause: why.cause,
        remedy: why.remedy.clone(),
        mount: why.mount.as_deref().cloned(),
    })
}

pub(super) fn over(told: &Finding) -> String {
    match &told.particulars {
        Some(Particulars::Daemon(trouble)) => {
            let endpoint = &trouble.endpoint;
            match &told.process {
                // Whether it answers is not asked from here.
                Some(process) => format!(
                    "Nothing keeps {} from docker at {endpoint} any more.",
                    process.name
                ),
                None => format!("Docker at {endpoint} answers again."),
            }
        }
        _ => "The daemon answers again.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::input::{Body, Daemon, DaemonInfo, DaemonStatus, NetnsOwner, Process, Session};

    const TOLD: &str = "tcp://docker:2376";
    const DEFAULT: &str = "unix:///var/run/docker.sock";
    const FOUND: &str = "unix:///proc/7/root/run/docker.sock";

    fn world() -> World {
        let mut world = World::default();
        let session = Session {
            daemons: vec![TOLD.to_owned()],
            ..Session::default()
        };
        world.apply(Timestamp(0), &Body::Session(session));
        world
    }

    fn tell(world: &mut World, seconds: u64, endpoint: &str, status: DaemonStatus) {
        let endpoint = endpoint.to_owned();
        let daemon = Daemon { endpoint, status };
        world.apply(Timestamp(seconds * SECOND), &Body::Daemon(daemon));
    }

    fn away(cause: Cause) -> DaemonStatus {
        DaemonStatus::Unreachable(Unreachable::new(cause, "it is away".to_owned()))
    }

    fn said(world: &World, seconds: u64, purpose: Purpose) -> Vec<String> {
        let found = find(Situation {
            world,
            now: Timestamp(seconds * SECOND),
            purpose,
            losing: &BTreeSet::new(),
            counters: &std::collections::BTreeMap::new(),
            told: &std::collections::BTreeMap::new(),
        });
        found.into_iter().map(|finding| finding.reason).collect()
    }

    #[test]
    fn a_daemon_one_was_told_of_is_missed_after_a_while_and_at_once_by_who_asks_once() {
        let mut world = world();
        tell(&mut world, 10, TOLD, away(Cause::Refused));
        assert_eq!(said(&world, 12, Purpose::Watch), Vec::<String>::new());
        let told = ["Docker at tcp://docker:2376 cannot be asked: it is away."];
        assert_eq!(said(&world, 13, Purpose::Watch), told);
        assert_eq!(said(&world, 10, Purpose::Check), told);
        // Another cause does not begin it anew.
        tell(&mut world, 14, TOLD, away(Cause::NoAnswer));
        assert_eq!(said(&world, 14, Purpose::Watch).len(), 1);
        tell(
            &mut world,
            15,
            TOLD,
            DaemonStatus::Reachable(Box::default()),
        );
        assert_eq!(said(&world, 20, Purpose::Watch), Vec::<String>::new());
    }

    #[test]
    fn a_daemon_whose_process_ended_is_given_the_time_to_come_back() {
        let mut world = world();
        let info = DaemonInfo {
            pid: Some(812),
            ..DaemonInfo::default()
        };
        let reachable = || DaemonStatus::Reachable(Box::new(info.clone()));
        tell(&mut world, 1, TOLD, reachable());
        tell(&mut world, 10, TOLD, away(Cause::Closed));
        let ended = Body::EngineProcessEnded {
            daemon: TOLD.to_owned(),
            pid: 812,
            bystanders: Vec::new(),
        };
        world.apply(Timestamp(11 * SECOND), &ended);
        assert_eq!(said(&world, 39, Purpose::Watch), Vec::<String>::new());
        let told = [
            "Docker at tcp://docker:2376 cannot be asked: it is away; its process (pid 812) has ended.",
        ];
        assert_eq!(said(&world, 40, Purpose::Watch), told);
        assert_eq!(said(&world, 12, Purpose::Check), told);
        tell(&mut world, 41, TOLD, reachable());
        tell(&mut world, 50, TOLD, away(Cause::Closed));
        assert_eq!(said(&world, 53, Purpose::Watch).len(), 1);
    }

    #[test]
    fn a_host_without_docker_misses_none_until_it_had_one() {
        let mut world = world();
        tell(&mut world, 1, DEFAULT, away(Cause::NoSocket));
        assert_eq!(said(&world, 9, Purpose::Check), Vec::<String>::new());
        tell(
            &mut world,
            10,
            DEFAULT,
            DaemonStatus::Reachable(Box::default()),
        );
        tell(&mut world, 11, DEFAULT, away(Cause::NoSocket));
        assert_eq!(said(&world, 14, Purpose::Watch).len(), 1);
    }

    #[test]
    fn a_job_whose_certificates_are_hidden_is_told_of_until_they_are_not() {
        let mut world = world();
        let process = Process {
            pid: 7,
            name: "sh".to_owned(),
        };
        let sidecar = Sidecar {
            netns: 7,
            owner: NetnsOwner::Process(process.clone()),
            process,
            endpoint: TOLD.to_owned(),
            why: Unreachable::new(Cause::CertificateMissing, "key.pem is missing".to_owned()),
            variables: [("CI_JOB_ID".to_owned(), "4711".to_owned())].into(),
        };
        let tell = |world: &mut World, seconds: u64, list: &[Sidecar]| {
            let body = Body::Sidecars(list.to_vec());
            world.apply(Timestamp(seconds * SECOND), &body);
        };
        tell(&mut world, 10, std::slice::from_ref(&sidecar));
        assert_eq!(said(&world, 20, Purpose::Watch), Vec::<String>::new());
        let told = [
            "Docker at tcp://docker:2376 cannot be asked by sh in process 7 (sh): key.pem is missing.",
        ];
        assert_eq!(said(&world, 10, Purpose::Check), told);
        tell(&mut world, 20, &[sidecar]);
        assert_eq!(said(&world, 25, Purpose::Watch), told);
        tell(&mut world, 30, &[]);
        assert_eq!(said(&world, 90, Purpose::Watch), Vec::<String>::new());
    }

    #[test]
    fn a_daemon_that_was_found_and_one_that_was_not_asked_yet_are_not_missed() {
        let mut world = world();
        tell(
            &mut world,
            1,
            FOUND,
            DaemonStatus::Reachable(Box::default()),
        );
        tell(&mut world, 2, FOUND, away(Cause::Ended));
        tell(&mut world, 2, TOLD, away(Cause::NotYet));
        assert_eq!(said(&world, 90, Purpose::Check), Vec::<String>::new());
    }
}

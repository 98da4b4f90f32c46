//! Findings of every kind name the CI job they belong to.

use std::collections::BTreeMap;

use tracer_common::{Event, Hook, event_flags};
use tracer_core::{
    finding::{CiJob, Finding, Kind, Particulars},
    input::{
        AddressPool, Body, Cause, DaemonInfo, DaemonStatus, DockerNetwork, EngineProgram, HookLoss,
        Netns, NetnsOwner, Process, ProcessInfo, Session, Unreachable,
    },
    time::SECOND,
    world::pools::HeldBy,
};

use crate::{
    common::{ENDPOINT, HOST, network},
    daemons::{Life, container, info, networks},
    doubtful::{REGISTRY, connect, forward},
    elsewhere::{container_owns_the_pcs_address, dropped_on_arrival, misrouted},
    story::{ACK, PC, SYN, Story, segment},
};

/// Every kind there is: [`story_of`] does not compile with one missing.
const KINDS: [Kind; 13] = [
    Kind::ReplyBlackhole,
    Kind::RequestBlackhole,
    Kind::ForwardBlackhole,
    Kind::Misdelivery,
    Kind::ReversePathDrop,
    Kind::SubnetOverlap,
    Kind::GhostNetwork,
    Kind::AddressPool,
    Kind::DaemonRestarted,
    Kind::DaemonStateLost,
    Kind::DaemonUnreachable,
    Kind::ProcessKilled,
    Kind::EventsLost,
];
const JOB: &str = "4711";
const UNREADABLE: u32 = 8;

fn variables() -> BTreeMap<String, String> {
    [("CI_JOB_ID".to_owned(), JOB.to_owned())].into()
}

/// Where all of it happens is the network namespace of a job's pod.
fn move_into_a_job(story: &mut Story) {
    let process = Process {
        pid: 77,
        name: "sh".to_owned(),
    };
    story.tell(Body::Session(Session {
        netns: 1,
        daemons: vec![ENDPOINT.to_owned()],
        ..Session::default()
    }));
    for (inum, unreadable) in [(HOST, None), (UNREADABLE, Some("not permitted".to_owned()))] {
        story.tell(Body::Netns(Netns {
            inum,
            owner: NetnsOwner::Process(process.clone()),
            unreadable,
            variables: variables(),
        }));
    }
}

/// What is said of this kind when it happens in a job.
fn story_of(kind: Kind) -> Vec<Finding> {
    let mut life = Life::begin(Some(1));
    let story = &mut life.0;
    move_into_a_job(story);
    match kind {
        Kind::ReplyBlackhole => story.lose_segment(PC),
        Kind::RequestBlackhole => {
            connect(story, REGISTRY);
            story.after(SECOND);
            connect(story, REGISTRY);
            story.after(2 * SECOND)
        }
        Kind::ForwardBlackhole => {
            let event = forward(REGISTRY, 4, 80, 51_514, SYN | ACK);
            story.event(&Event {
                ingress_ifindex: 2,
                flags: event.flags | event_flags::INGRESS,
                ..event
            });
            story.after(SECOND / 20)
        }
        Kind::Misdelivery => {
            container_owns_the_pcs_address(story);
            story.event(&misrouted())
        }
        Kind::ReversePathDrop => {
            story.event(&dropped_on_arrival(0));
            story.after(SECOND);
            story.event(&dropped_on_arrival(1));
            story.after(2 * SECOND)
        }
        Kind::SubnetOverlap => {
            story.tell(Body::Session(Session {
                netns: 1,
                protected: vec!["172.22.10.119/32".parse().expect("prefix")],
                ..Session::default()
            }));
            story.after(SECOND)
        }
        Kind::GhostNetwork => {
            story.tell(Body::DockerListing {
                daemon: ENDPOINT.to_owned(),
                networks: Vec::new(),
                containers: Vec::new(),
            });
            story.after(4 * SECOND)
        }
        Kind::AddressPool => fill_the_pools(&mut life),
        Kind::DaemonRestarted => come_back(life, "old"),
        Kind::DaemonStateLost => come_back(life, "new"),
        Kind::DaemonUnreachable => {
            life.lose();
            life.0.after(4 * SECOND)
        }
        Kind::ProcessKilled => {
            life.signal(9, &[(812, "gitlab-runner")], &[(9, "docker-compose")]);
            life.0.after(SECOND)
        }
        Kind::EventsLost => {
            let event = Event {
                netns: UNREADABLE,
                ..segment(Hook::NeighSend, 3, PC, 22)
            };
            let said = story.event(&event);
            said.into_iter().chain(story.after(3 * SECOND)).collect()
        }
    }
}

fn come_back(mut life: Life, root: &str) -> Vec<Finding> {
    life.end(1);
    life.lose();
    life.back(info(Some(2), root), &networks(root, 2, root == "old"), &[])
}

/// The daemon has one subnet to give, and a network has it.
fn fill_the_pools(life: &mut Life) -> Vec<Finding> {
    let pool = AddressPool {
        base: "172.22.0.0/16".parse().expect("prefix"),
        size: 16,
    };
    let info = DaemonInfo {
        pools: vec![pool],
        ..info(Some(1), "old")
    };
    life.status(DaemonStatus::Reachable(Box::new(info)));
    life.0.after(SECOND)
}

fn of_kind(kind: Kind) -> Finding {
    let said = story_of(kind);
    let found = said.iter().find(|finding| finding.kind == kind).cloned();
    found.unwrap_or_else(|| panic!("no {} in {said:#?}", kind.name()))
}

#[test]
fn a_finding_of_every_kind_names_its_job() {
    for kind in KINDS {
        let finding = of_kind(kind);
        let job = finding.ci.as_ref();
        let id = job.and_then(|job| job.job_id.as_deref());
        assert_eq!(id, Some(JOB), "{}: {job:?}", kind.name());
        assert!(!job.expect("a job").known_by.is_empty());
    }
}

/// What happens on the host, and of which nothing tells whose it is, is no job's.
#[test]
fn what_nobody_tells_the_job_of_has_none() {
    let mut story = Story::begin();
    let lost = story.lose_segment(PC);
    assert_eq!(lost.len(), 1);
    assert_eq!(lost[0].ci, None);
    let loss = HookLoss {
        hook: "kfree_skb".to_owned(),
        rejected: 1,
        ..HookLoss::default()
    };
    let said = story.tell(Body::Loss(loss));
    assert!(said.len() == 1 && said[0].ci.is_none(), "{said:#?}");
}

/// The label of GitLab's runner on a network of the host.
fn labelled(job: &str) -> DockerNetwork {
    let label = "com.gitlab.gitlab-runner.job.id".to_owned();
    DockerNetwork {
        labels: [(label, job.to_owned())].into(),
        ..network(false)
    }
}

fn id(job: Option<&CiJob>) -> Option<&str> {
    job?.job_id.as_deref()
}

#[test]
fn the_job_that_made_a_network_is_told_with_whom_it_covers_and_with_the_pool_it_holds() {
    let mut life = Life::begin(Some(1));
    let made = Body::DockerNetwork {
        daemon: ENDPOINT.to_owned(),
        network: labelled("98123"),
    };
    life.0.tell(made);
    let session = Session {
        netns: HOST,
        protected: vec!["172.22.10.119/32".parse().expect("prefix")],
        ..Session::default()
    };
    life.0.tell(Body::Session(session));
    let said = life.0.after(SECOND);
    let overlap = said.iter().find(|it| it.kind == Kind::SubnetOverlap);
    assert_eq!(id(overlap.expect("overlap").ci.as_ref()), Some("98123"));

    let said = fill_the_pools(&mut life);
    let full = said.iter().find(|it| it.kind == Kind::AddressPool);
    let full = full.expect("full pools");
    let Some(Particulars::Pools(pools)) = &full.particulars else {
        panic!("{full:#?}");
    };
    let holders = pools.holders.iter().filter_map(|holder| match &holder.by {
        HeldBy::Network { job, .. } => id(job.as_deref()),
        _ => None,
    });
    assert_eq!(holders.collect::<Vec<_>>(), ["98123"]);
    assert_eq!(id(full.ci.as_ref()), Some("98123"), "it holds all of them");
}

/// A job's own script stopped the daemon: what the daemon's end is told with is that job.
#[test]
fn whose_process_stopped_the_daemon_is_told() {
    let mut life = Life::begin(Some(1));
    let shell = ProcessInfo {
        pid: 500,
        name: "bash".to_owned(),
        variables: variables(),
        ..ProcessInfo::default()
    };
    life.0.tell(Body::JobProcesses(vec![shell]));
    life.start(Some(1), EngineProgram::Dockerd);
    life.signal(15, &[(501, "kill"), (500, "bash")], &[(1, "dockerd")]);
    let said = life.0.after(SECOND);
    let killed = said.iter().find(|it| it.kind == Kind::ProcessKilled);
    assert_eq!(
        id(killed.and_then(|it| it.ci.as_ref())),
        Some(JOB),
        "{said:#?}"
    );
    let why = Unreachable::new(Cause::Closed, "it closed the connection".to_owned());
    life.end(1);
    life.status(DaemonStatus::Unreachable(why));
    let containers = [container("web", "running")];
    let said = life.back(info(Some(2), "old"), &networks("old", 2, true), &containers);
    let back = said.iter().find(|it| it.kind == Kind::DaemonRestarted);
    let job = back.and_then(|it| it.ci.as_ref());
    assert_eq!(id(job), Some(JOB), "{said:#?}");
    let how =
        "the environment of bash (pid 500), a parent of kill (pid 501), which sent the signal";
    assert_eq!(job.map(|job| job.known_by.as_str()), Some(how));
}

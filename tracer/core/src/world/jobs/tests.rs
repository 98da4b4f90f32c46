use super::*;
use crate::{
    input::{Body, Netns, Pod, Process, Session},
    time::Timestamp,
};

const DAEMON: &str = "unix:///var/run/docker.sock";
const JOB: &str = "com.gitlab.gitlab-runner.";
const FOLDER: &str = "com.docker.compose.project.working_dir";

fn text(pairs: &[(&str, &str)]) -> std::collections::BTreeMap<String, String> {
    let pairs = pairs.iter();
    pairs
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

/// A job's container that can command the daemon, from 10 to 20.
fn job(number: u32, project: &str) -> DockerContainer {
    let url = format!("https://gitlab.example.com/{project}/-/jobs/{number}");
    let id = number.to_string();
    DockerContainer {
        id: format!("build-{number}"),
        name: format!("runner-{number}-build"),
        state: "exited".to_owned(),
        labels: text(&[
            (&format!("{JOB}job.id"), &id),
            (&format!("{JOB}job.url"), &url),
        ]),
        has_socket: true,
        started: Some(Timestamp(10)),
        finished: Some(Timestamp(20)),
        ..DockerContainer::default()
    }
}

/// What compose made in the folder at the time.
fn made(folder: &str, at: u64) -> (DockerNetwork, DockerContainer) {
    let project = [("com.docker.compose.project", "shop")];
    let network = DockerNetwork {
        id: "n".to_owned(),
        name: "shop_default".to_owned(),
        labels: text(&project),
        created: Some(Timestamp(at)),
        ..DockerNetwork::default()
    };
    let container = DockerContainer {
        id: "web".to_owned(),
        labels: text(&[project[0], (FOLDER, folder)]),
        created: Some(Timestamp(at)),
        ..DockerContainer::default()
    };
    (network, container)
}

fn world(networks: Vec<DockerNetwork>, containers: Vec<DockerContainer>) -> World {
    let mut world = World::default();
    let listing = Body::DockerListing {
        daemon: DAEMON.to_owned(),
        networks,
        containers,
    };
    world.apply(Timestamp(30), &listing);
    world
}

fn of_network(folder: &str, at: u64, jobs: &[DockerContainer]) -> Option<CiJob> {
    let (network, container) = made(folder, at);
    let containers = jobs.iter().cloned().chain([container]);
    let world = world(vec![network.clone()], containers.collect());
    world.job_of_network(DAEMON, &network)
}

#[test]
fn a_job_with_a_mounted_socket_made_what_lies_in_its_projects_folder() {
    let jobs = [job(1, "shop/backend"), job(2, "shop/frontend")];
    let found = of_network("/builds/shop/backend/deploy", 15, &jobs).unwrap();
    assert_eq!(found.job_id.as_deref(), Some("1"));
    assert!(!found.uncertain && found.known_by.contains("/builds/shop/backend"));
    // Below a relative URL root the project's path is the same.
    let rooted = job(3, "gitlab/shop/backend");
    assert_eq!(
        of_network("/builds/shop/backend", 15, &[rooted])
            .unwrap()
            .job_id
            .as_deref(),
        Some("3")
    );
}

#[test]
fn a_job_that_did_not_run_then_or_is_one_of_several_made_nothing_for_sure() {
    let jobs = [job(1, "shop/backend"), job(2, "shop/backend")];
    for (at, jobs) in [(15, &jobs[..]), (25, &jobs[..1]), (5, &jobs[..1])] {
        let found = of_network("/builds/shop/backend", at, jobs).unwrap();
        assert_eq!((found.job_id, found.uncertain), (None, true));
        assert_eq!(found.project_path.as_deref(), Some("shop/backend"));
    }
    let unable = DockerContainer {
        has_socket: false,
        ..job(1, "shop/backend")
    };
    assert_eq!(
        of_network("/builds/shop/backend", 15, &[unable])
            .unwrap()
            .job_id,
        None
    );
}

#[test]
fn what_somebody_made_at_home_is_no_jobs() {
    assert_eq!(
        of_network("/home/ann/shop", 15, &[job(1, "shop/backend")]),
        None
    );
}

#[test]
fn without_a_folder_the_only_job_of_the_time_is_told_as_uncertain() {
    let network = DockerNetwork {
        id: "n".to_owned(),
        created: Some(Timestamp(15)),
        ..DockerNetwork::default()
    };
    let mut world = world(vec![network.clone()], vec![job(1, "shop/backend")]);
    // The runner removes its containers when the job is over.
    let gone = Body::DockerContainerGone {
        daemon: DAEMON.to_owned(),
        id: "build-1".to_owned(),
    };
    world.apply(Timestamp(40), &gone);
    let found = world.job_of_network(DAEMON, &network).unwrap();
    assert_eq!(
        (found.job_id.as_deref(), found.uncertain),
        (Some("1"), true)
    );
}

#[test]
fn what_a_daemon_in_a_pod_makes_is_of_the_pods_project() {
    let pod = Pod {
        namespace: "ci".to_owned(),
        name: "runner-z3wu8uu-project-77-concurrent-0-ab12cd34".to_owned(),
        container: None,
    };
    let process = Process {
        pid: 1,
        name: "pause".to_owned(),
    };
    let owner = NetnsOwner::Container {
        id: "f".repeat(64),
        pod: Some(pod),
        process,
    };
    let netns = Netns {
        inum: 7,
        owner,
        unreadable: None,
        variables: std::collections::BTreeMap::new(),
    };
    let mut world = World::default();
    let session = Session {
        netns: 1,
        ..Session::default()
    };
    world.apply(Timestamp(1), &Body::Session(session));
    world.apply(Timestamp(1), &Body::Netns(netns));
    let daemon = "unix:///proc/7/root/run/docker.sock".to_owned();
    world.apply(
        Timestamp(1),
        &Body::DaemonFound {
            daemon: daemon.clone(),
            netns: 7,
        },
    );
    let found = world
        .job_of_network(&daemon, &DockerNetwork::default())
        .unwrap();
    assert_eq!(found.project_id.as_deref(), Some("77"));
    let owner = "pod ci/runner-z3wu8uu-project-77-concurrent-0-ab12cd34";
    assert_eq!(world.netns_ref(7).owner, owner);
}

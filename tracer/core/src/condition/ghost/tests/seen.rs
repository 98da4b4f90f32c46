//! What processes, namespaces and other endpoints tell of what was left behind.

use super::*;
use crate::input::{EmptySandbox, ProcessInfo};

/// A compose client of project shop that began a moment before the network was made.
fn client(arguments: &str, began: u64) -> ProcessInfo {
    ProcessInfo {
        pid: 4711,
        name: "docker-compose".to_owned(),
        arguments: arguments.split(' ').map(str::to_owned).collect(),
        directory: Some("/builds/shop/backend".to_owned()),
        cgroup: Some("/system.slice/gitlab-runner.service".to_owned()),
        began: Some(at(began)),
        user: Some("gitlab-runner".to_owned()),
        variables: labels(&[("CI_JOB_ID", "98123")]),
        ..ProcessInfo::default()
    }
}

/// A project without any container, and who was seen.
fn after(client: &ProcessInfo, ended: u64) -> (Finding, Ghost) {
    let mut world = listed(vec![network()], Vec::new());
    world.apply(at(MADE - 1), &Body::Process(client.clone()));
    world.apply(at(ended), &Body::ProcessGone(client.pid));
    only(ask(&world, LATER, Purpose::Check))
}

#[test]
fn whoever_was_seen_to_make_it_is_told() {
    let up = client("docker-compose -p shop up -d", MADE - 1);
    let (finding, ghost) = after(&up, MADE + 1);
    assert_eq!(
        ghost.creator.as_deref(),
        Some(
            "docker-compose -p shop up -d (pid 4711), by gitlab-runner, in /builds/shop/backend, \
             control group /system.slice/gitlab-runner.service"
        )
    );
    assert_eq!(ghost.working_dir.as_deref(), Some("/builds/shop/backend"));
    let job = finding.ci.unwrap();
    assert_eq!(job.job_id.as_deref(), Some("98123"));
    assert_eq!(job.known_by, "the environment of docker-compose (pid 4711)");
}

#[test]
fn who_came_later_was_gone_or_only_looked_on_made_nothing() {
    for (arguments, began, ended) in [
        ("docker-compose -p shop up", MADE + 60, MADE + 70),
        ("docker-compose -p shop up", MADE - 60, MADE - 50),
        ("docker-compose -p shop ps", MADE - 1, MADE + 1),
        ("docker-compose -p shop-2 up", MADE - 1, MADE + 1),
    ] {
        let (finding, ghost) = after(&client(arguments, began), ended);
        assert_eq!((ghost.creator, finding.ci), (None, None), "{arguments}");
    }
}

#[test]
fn a_project_in_the_checkout_of_a_job_that_lives_is_no_ghost() {
    let of_job = DockerContainer {
        labels: labels(&[
            ("com.docker.compose.project", "shop"),
            (
                "com.docker.compose.project.working_dir",
                "/home/runner/builds/t1/0/shop/backend/deploy",
            ),
        ]),
        ..container("shop_web_1", "exited")
    };
    let mut world = listed(vec![network()], vec![of_job]);
    let (finding, _) = only(ask(&world, LATER, Purpose::Check));
    let path = finding.ci.and_then(|job| job.project_path);
    assert_eq!(path.as_deref(), Some("shop/backend/deploy"));
    for (folder, lives) in [
        ("/home/runner/builds/t1/0/shop/backend", true),
        ("/home/runner/builds/t1/1/shop/backend", false),
        ("/home/runner/builds/t1/0/shop/back", false),
        ("/home/runner", false),
        ("/", false),
    ] {
        let shell = ProcessInfo {
            pid: 500,
            name: "bash".to_owned(),
            directory: Some(folder.to_owned()),
            ..ProcessInfo::default()
        };
        world.apply(at(LATER), &Body::JobProcesses(vec![shell]));
        let ghosts = ask(&world, LATER, Purpose::Check);
        assert_eq!(ghosts.is_empty(), lives, "{folder}");
    }
}

#[test]
fn a_namespace_that_stays_empty_is_told_with_what_ends_it() {
    let sandbox = EmptySandbox {
        netns: HOST,
        inum: 4_026_532_325,
        path: "/run/docker/netns/37f0b5ec1ec7".to_owned(),
        pid: 812,
        elsewhere: false,
    };
    let mut world = listed(Vec::new(), Vec::new());
    world.apply(at(3), &change(NetChange::LinkGone(3)));
    world.apply(at(100), &Body::EmptySandboxes(vec![sandbox.clone()]));
    assert!(watch(&world, 109).is_empty(), "a container may be starting");
    assert_eq!(ask(&world, 100, Purpose::Check).len(), 1);
    let (finding, ghost) = only(watch(&world, 110));
    assert_eq!(ghost.class, GhostClass::OrphanNamespace);
    assert_eq!(
        finding.remedies[0].command,
        "test \"$(stat -c %i /run/docker/netns/37f0b5ec1ec7)\" = 4026532325 &&\n\
         ! readlink /proc/[0-9]*/task/[0-9]*/ns/net 2> /dev/null | grep -qxF 'net:[4026532325]' &&\n\
         umount /run/docker/netns/37f0b5ec1ec7 &&\nrm -- /run/docker/netns/37f0b5ec1ec7"
    );
    let elsewhere = EmptySandbox {
        elsewhere: true,
        ..sandbox
    };
    world.apply(at(120), &Body::EmptySandboxes(vec![elsewhere]));
    let (finding, _) = only(watch(&world, 130));
    let command = &finding.remedies[0].command;
    let inside = "nsenter -t 812 -m -p -- umount /run/docker/netns/37f0b5ec1ec7";
    assert!(command.contains(inside), "{command}");
    world.apply(at(140), &Body::EmptySandboxes(Vec::new()));
    assert!(watch(&world, 200).is_empty());
}

#[test]
fn what_one_daemon_says_by_two_endpoints_is_told_once() {
    const OTHER: &str = "unix:///run/link.sock";
    let info = DaemonInfo {
        netns: Some(HOST),
        id: Some("A6JK".to_owned()),
        data_root: Some("/var/lib/docker".to_owned()),
        ..DaemonInfo::default()
    };
    let mut world = host(&[link(3, BRIDGE, "bridge")], info.clone());
    let say = |world: &mut World, endpoint: &str, info: &DaemonInfo| {
        let status = DaemonStatus::Reachable(Box::new(info.clone()));
        world.apply(
            at(2),
            &Body::Daemon(Daemon {
                endpoint: endpoint.to_owned(),
                status,
            }),
        );
        let body = Body::DockerListing {
            daemon: endpoint.to_owned(),
            networks: vec![network()],
            containers: vec![container("shop_web_1", "created")],
        };
        world.apply(at(2), &body);
    };
    say(&mut world, DAEMON, &info);
    say(&mut world, OTHER, &info);
    let (alone, _) = only(ask(&world, LATER, Purpose::Check));
    // The one that spoke for it goes: the other does, and the ghost is the same.
    let away = Unreachable::new(crate::input::Cause::Ended, "it ended".to_owned());
    for endpoint in [DAEMON, OTHER] {
        let mut world = world.clone();
        let status = DaemonStatus::Unreachable(away.clone());
        let endpoint = endpoint.to_owned();
        world.apply(at(3), &Body::Daemon(Daemon { endpoint, status }));
        let (still, _) = only(ask(&world, LATER, Purpose::Check));
        assert_eq!(still.id, alone.id);
    }
    // Two that share what they call themselves, as old engines of one configuration do.
    let another = DaemonInfo {
        data_root: Some("/srv/docker".to_owned()),
        ..info
    };
    say(&mut world, OTHER, &another);
    assert_eq!(ask(&world, LATER, Purpose::Check).len(), 2);
}

#[test]
fn a_forgotten_bridge_whose_subnet_a_new_network_has_is_a_duplicate() {
    const NEW: &str = "feedfeedfeed";
    let links = [
        link(3, BRIDGE, "bridge"),
        link(4, "br-feedfeedfeed", "bridge"),
    ];
    let mut world = host(&links, DaemonInfo::default());
    let new = DockerNetwork {
        id: NEW.to_owned(),
        name: "other".to_owned(),
        labels: BTreeMap::new(),
        ..network()
    };
    world.apply(at(2), &listing(vec![new], Vec::new()));
    let (finding, ghost) = only(watch(&world, 10));
    assert_eq!(ghost.class, GhostClass::DuplicateSubnet);
    assert_eq!(ghost.leftovers[0].name, BRIDGE);
    let duplicate = finding
        .evidence
        .iter()
        .find(|it| it.kind == EvidenceKind::DuplicateRoute);
    assert_eq!(duplicate.unwrap().detail["wins"], BRIDGE);
    assert!(
        finding
            .reason
            .ends_with("nobody on other can be reached from this host."),
        "{}",
        finding.reason
    );
    assert_eq!(finding.remedies[0].id, "delete-bridge");
}

//! What differs from kind to kind.

use serde_json::json;
use tracer_core::finding::{CiJob, Concerned, ContainerRef, ContainerRole, Finding, Kind};

use super::{Line, nothing_empty, read, texts, value};
use crate::sink::fixtures;

fn latest(life: &[Finding; 3]) -> Line {
    read(&life[1])
}

#[test]
fn every_kind_is_a_connection_that_was_denied_until_it_is_over() {
    for (life, kind, direction) in [
        (fixtures::request::life(), "request-blackhole", "egress"),
        (fixtures::forward::life(), "forward-blackhole", "outbound"),
        (fixtures::misdelivery::life(), "misdelivery", "egress"),
        (
            fixtures::reverse_path::life(),
            "reverse-path-drop",
            "ingress",
        ),
        (fixtures::duplicate::life(), "request-blackhole", "egress"),
        (fixtures::ipv6::life(), "reply-blackhole", "egress"),
    ] {
        for (step, outcome) in life.iter().zip(["failure", "failure", "success"]) {
            nothing_empty(&value(step), "");
            let line = read(step);
            assert_eq!(
                (line.event.action.as_str(), line.event.outcome.as_str()),
                (kind, outcome)
            );
            assert_eq!(line.event.types, texts(&["connection", "denied"]));
            assert_eq!(line.network.unwrap().direction, direction, "{kind}");
            assert_eq!(line.bridgetrace.finding.kind, kind);
        }
    }
}

#[test]
fn a_request_of_a_job_tells_its_job_and_its_namespace() {
    let own = latest(&fixtures::request::life()).bridgetrace;
    let job = own.ci.unwrap();
    assert_eq!(
        (job.system.as_str(), job.job_id.as_deref()),
        ("gitlab", Some("98123"))
    );
    let url = "https://gitlab.example.com/shop/backend/-/jobs/98123";
    assert_eq!(job.job_url.as_deref(), Some(url));
    assert_eq!(
        (job.pipeline_id.as_deref(), job.project_id.as_deref()),
        (Some("40112"), Some("77"))
    );
    // A connection that is being made gives up sooner, by settings of its own.
    assert!(own.gives_up.is_none());
    let container = own.netns.container.unwrap();
    assert_eq!((own.netns.inum, container.id.len()), (4_026_532_841, 64));
    assert!(container.name.ends_with("-docker-0"));
}

#[test]
fn pools_tell_what_is_left_and_who_has_the_rest() {
    for step in fixtures::pools::life() {
        nothing_empty(&value(&step), "");
    }
    let [opened, full, _] = fixtures::pools::life().map(|step| read(&step));
    assert_eq!(opened.event.action, "address-pool");
    let pools = opened.bridgetrace.pools.unwrap();
    assert_eq!((pools.total, pools.used, pools.free), (31, 29, 2));
    assert_eq!(pools.daemon, "unix:///var/run/docker.sock");
    let next = texts(&["192.168.224.0/20", "192.168.240.0/20"]);
    assert_eq!((pools.next_subnets.unwrap(), pools.certain), (next, false));
    let possible = texts(&["192.168.224.0/20", "192.168.240.0/20"]);
    assert_eq!(
        (pools.next_possible.unwrap(), pools.next_possible_more),
        (possible, None)
    );
    let holders = pools.holders.unwrap();
    let ghost = &holders[2];
    assert_eq!(ghost.subnet, "172.19.0.0/16");
    assert_eq!(ghost.network.as_deref(), Some("job-19_default"));
    assert_eq!(ghost.compose_project.as_deref(), Some("job-19"));
    assert!(ghost.containers == Some(0) && ghost.network_id.is_some());
    let job = ghost.ci.as_ref().and_then(|job| job.job_id.as_deref());
    assert!(job == Some("4711") && holders[3].ci.is_none());
    let [route, nameserver] = &holders[14..] else {
        panic!("two that are no networks");
    };
    assert_eq!(route.device.as_deref(), Some("tun0"));
    assert_eq!(nameserver.nameserver, Some(true));
    assert!(full.bridgetrace.pools.unwrap().next_subnets.is_none());
}

#[test]
fn a_ghost_tells_what_is_left_and_whose_it_is() {
    for step in fixtures::ghost::life() {
        nothing_empty(&value(&step), "");
    }
    let line = latest(&fixtures::ghost::life());
    assert_eq!(line.event.action, "ghost-network");
    assert!(line.source.is_none() && line.network.is_some());
    let own = line.bridgetrace;
    assert_eq!(own.counts.packets, 415);
    let job = own.ci.unwrap();
    assert_eq!((job.uncertain, job.job_id), (Some(true), None));
    assert_eq!(job.project_path.as_deref(), Some("shop/backend"));
    let known_by = "its working directory /builds/shop/backend";
    assert_eq!(job.known_by.as_deref(), Some(known_by));
    let ghost = own.ghost.unwrap();
    assert_eq!(
        (ghost.class.as_str(), ghost.age_s),
        ("leftover-project", Some(1889))
    );
    assert!(ghost.since.is_some() && ghost.creator.is_none());
    assert_eq!(ghost.holds.unwrap(), texts(&["172.22.0.0/16"]));
    assert_eq!(ghost.working_dir.as_deref(), Some("/builds/shop/backend"));
    let left = ghost.leftovers.unwrap();
    let whats: Vec<&str> = left.iter().map(|it| it.what.as_str()).collect();
    assert_eq!(whats, ["container", "network"]);
    assert_eq!(
        (left[0].name.as_str(), left[0].state.as_deref()),
        ("shop_web_1", Some("created"))
    );
    assert_eq!(left[1].id.len(), 64);
}

#[test]
fn a_forwarded_packet_has_a_container_and_its_service_but_no_process() {
    let line = latest(&fixtures::forward::life());
    assert_eq!(line.container.unwrap().name, "shop-web-1");
    assert_eq!(line.service.unwrap().name, "web");
    assert_eq!(line.source.unwrap().ip, "172.18.0.3");
    assert!(line.process.is_none() && line.bridgetrace.gives_up.is_none());
    let (ingress, egress) = (line.observer.ingress, line.observer.egress);
    assert_eq!(ingress.unwrap().interface.name, "eno8303");
    assert_eq!(egress.unwrap().interface.name, "br-80cb5a0c07bc");
}

#[test]
fn a_request_that_died_on_arrival_left_by_no_device() {
    let line = latest(&fixtures::reverse_path::life());
    assert_eq!(line.source.unwrap().ip, "172.22.10.119");
    assert!(line.observer.egress.is_none());
    let evidence = line.bridgetrace.evidence.unwrap();
    let way_back = evidence.iter().find(|piece| piece.kind == "reverse-path");
    let detail = way_back.unwrap().detail.as_ref().unwrap();
    assert_eq!(
        (&detail["device"], &detail["bridge"]),
        (&json!("eno8303"), &json!("br-80cb5a0c07bc"))
    );
}

#[test]
fn a_container_has_the_part_the_core_gave_it() {
    for (life, role) in [
        (fixtures::forward::life(), "sender"),
        (fixtures::misdelivery::life(), "receiver"),
        (fixtures::duplicate::life(), "cut-off"),
        (fixtures::reverse_path::life(), "resident"),
    ] {
        let part = latest(&life).bridgetrace.container.unwrap();
        assert_eq!(part.role, role);
    }
}

#[test]
fn a_killed_process_names_both_sides() {
    let line = read(&fixtures::killed::life()[0]);
    assert_eq!(line.event.category, texts(&["process"]));
    assert!(line.network.is_none() && line.bridgetrace.ci.is_some());
    let signal = line.bridgetrace.signal.unwrap();
    assert_eq!((signal.name.as_str(), signal.number), ("SIGTERM", 15));
    assert_eq!(
        (signal.code.as_str(), signal.project.as_deref()),
        ("SI_USER", Some("shop"))
    );
    let (target, sender) = (signal.target, signal.sender.unwrap());
    assert_eq!(
        (target.role.as_deref(), target.pid),
        (Some("compose"), 4711)
    );
    assert_eq!(target.executable.as_deref(), Some("/usr/bin/python3.11"));
    assert_eq!(
        target.working_directory.as_deref(),
        Some("/builds/shop/backend")
    );
    assert_eq!(target.args.unwrap().last().map(String::as_str), Some("up"));
    assert_eq!((sender.name.as_str(), sender.pid), ("gitlab-runner", 812));
    assert_eq!(sender.user.as_deref(), Some("root"));
    assert_eq!(sender.ancestry.unwrap()[0].name, "systemd");
    assert!(sender.cgroup.is_some() && sender.container.is_none());
}

#[test]
fn what_a_killed_process_left_is_there_until_it_is_gone() {
    let [opened, updated, resolved] = fixtures::killed::life();
    nothing_empty(&value(&updated), "");
    let left = |step| read(step).bridgetrace.signal.unwrap().left;
    assert!(left(&opened).is_none() && left(&resolved).is_none());
    let left = left(&updated).unwrap();
    assert_eq!(left.networks, Some(texts(&["shop_default"])));
    let container = &left.containers.unwrap()[0];
    assert_eq!(
        (container.name.as_str(), container.state.as_str()),
        ("shop_db_1", "created")
    );
}

#[test]
fn ipv6_is_told_as_such() {
    let network = latest(&fixtures::ipv6::life()).network.unwrap();
    assert_eq!(
        (network.family.as_str(), network.transport.as_str()),
        ("ipv6", "ipv6-icmp")
    );
}

#[test]
fn what_is_known_of_nobody_is_absent() {
    let mut finding = fixtures::opened();
    let nobody = ContainerRef {
        id: String::new(),
        name: String::new(),
        service: Some(String::new()),
    };
    finding.netns.container = Some(nobody.clone());
    finding.container = Some(Concerned {
        role: ContainerRole::Resident,
        container: nobody,
    });
    finding.ci = Some(CiJob {
        job_id: Some(String::new()),
        ..CiJob::default()
    });
    finding.evidence[0]
        .detail
        .extend([("wins", json!([])), ("loses", json!(""))]);
    let value = value(&finding);
    nothing_empty(&value, "");
    assert!(value.get("container").is_none() && value.get("service").is_none());
    assert!(value["bridgetrace"].get("ci").is_none());
}

#[test]
fn a_daemon_tells_its_cause_and_what_hides_its_certificates() {
    let [opened, resolved] = fixtures::daemon::unreachable();
    nothing_empty(&value(&opened), "");
    let line = read(&opened);
    assert_eq!(line.event.action, "daemon-unreachable");
    assert_eq!(line.event.outcome, "failure");
    let daemon = line.bridgetrace.daemon.unwrap();
    assert_eq!(daemon.endpoint, "tcp://docker:2376");
    assert_eq!(daemon.cause.as_deref(), Some("certificate-missing"));
    assert!(daemon.remedy.unwrap().contains("emptyDir"));
    let mount = daemon.mount.unwrap();
    assert_eq!(
        (mount.point.as_str(), mount.fs_type.as_str()),
        ("/certs/client", "tmpfs")
    );
    assert_eq!(mount.source.as_deref(), Some("tmpfs"));
    assert_eq!(mount.root.as_deref(), Some("/"));
    assert_eq!(mount.files.unwrap(), ["ca.pem"]);
    assert_eq!(read(&resolved).event.outcome, "success");
}

/// A finding about what was not seen has no packet, so it has no direction either.
#[test]
fn what_was_not_seen_went_nowhere() {
    let mut finding = fixtures::opened();
    finding.kind = Kind::EventsLost;
    assert!(value(&finding)["network"].get("direction").is_none());
}

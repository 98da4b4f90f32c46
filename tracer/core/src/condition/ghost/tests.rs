use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::finding::{Party, Verdict};
use crate::input::{
    Address, Body, Counter, Daemon, DaemonInfo, DockerContainer, DockerEndpoint, DockerSubnet,
    NetChange, Nexthop, Peer, Route, Session, Unreachable,
};
use crate::world::kills::{By, Kill};
use crate::world::processes::Role;

const HOST: u32 = 7;
const DAEMON: &str = "unix:///var/run/docker.sock";
const ID: &str = "80cb5a0c07bc80cb5a0c07bc80cb5a0c07bc80cb5a0c07bc80cb5a0c07bc80cb";
const BRIDGE: &str = "br-80cb5a0c07bc";
const MADE: u64 = 1000;

fn at(seconds: u64) -> Timestamp {
    Timestamp(seconds * SECOND)
}

fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let pairs = pairs.iter();
    pairs
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

/// `shop_default`, made by compose.
fn network() -> DockerNetwork {
    DockerNetwork {
        id: ID.to_owned(),
        name: "shop_default".to_owned(),
        driver: "bridge".to_owned(),
        subnets: vec![DockerSubnet {
            subnet: "172.22.0.0/16".parse().unwrap(),
            gateway: None,
        }],
        labels: labels(&[("com.docker.compose.project", "shop")]),
        created: Some(at(MADE)),
        ..DockerNetwork::default()
    }
}

/// A container of project shop.
fn container(name: &str, state: &str) -> DockerContainer {
    let ran = (state != "created").then(|| at(MADE + 2));
    DockerContainer {
        id: format!("{:0>64}", name.len()),
        name: name.to_owned(),
        state: state.to_owned(),
        labels: labels(&[
            ("com.docker.compose.project", "shop"),
            ("com.docker.compose.project.working_dir", "/srv/shop"),
        ]),
        created: Some(at(MADE + 1)),
        started: ran,
        finished: ran
            .filter(|_| state == "exited")
            .map(|ran| ran.plus(SECOND)),
        exit_code: (state == "exited").then_some(137),
        ..DockerContainer::default()
    }
}

fn link(ifindex: u32, name: &str, kind: &str) -> Link {
    Link {
        ifindex,
        name: name.to_owned(),
        kind: Some(kind.to_owned()),
        ..Link::default()
    }
}

fn change(change: NetChange) -> Body {
    Body::Net {
        netns: HOST,
        change,
    }
}

/// A host with these links, told of at 1, and a daemon that answers, from 2 on.
fn host(links: &[Link], info: DaemonInfo) -> World {
    let mut world = World::default();
    let session = Session {
        netns: HOST,
        ..Session::default()
    };
    world.apply(at(1), &Body::Session(session));
    world.apply(at(1), &change(NetChange::Resync));
    for link in links {
        world.apply(at(1), &change(NetChange::Link(link.clone())));
        let address = Address {
            ifindex: link.ifindex,
            address: "172.22.0.1/16".parse().unwrap(),
        };
        world.apply(at(1), &change(NetChange::Address(address)));
        // As the kernel makes it of the address.
        let route = Route {
            table: 254,
            scope: 253,
            destination: "172.22.0.0/16".parse().unwrap(),
            nexthops: vec![Nexthop {
                ifindex: link.ifindex,
                gateway: None,
                linkdown: false,
            }],
            ..Route::default()
        };
        world.apply(at(1), &change(NetChange::Route(route)));
    }
    world.apply(at(1), &change(NetChange::Synced));
    let info = DaemonInfo {
        netns: Some(HOST),
        ..info
    };
    world.apply(at(2), &reachable(DaemonStatus::Reachable(Box::new(info))));
    world
}

fn reachable(status: DaemonStatus) -> Body {
    Body::Daemon(Daemon {
        endpoint: DAEMON.to_owned(),
        status,
    })
}

fn listing(networks: Vec<DockerNetwork>, containers: Vec<DockerContainer>) -> Body {
    Body::DockerListing {
        daemon: DAEMON.to_owned(),
        networks,
        containers,
    }
}

fn listed(networks: Vec<DockerNetwork>, containers: Vec<DockerContainer>) -> World {
    let mut world = host(&[link(3, BRIDGE, "bridge")], DaemonInfo::default());
    world.apply(at(2), &listing(networks, containers));
    world
}

fn ask(world: &World, seconds: u64, purpose: Purpose) -> Vec<Finding> {
    let counter = Counter {
        unresolved: 415,
        ..Counter::zero(HOST, 3, IpAddr::from([172, 22, 10, 119]))
    };
    let place = Place {
        netns: HOST,
        ifindex: 3,
    };
    find(Situation {
        world,
        now: at(seconds),
        purpose,
        losing: &BTreeSet::new(),
        counters: &BTreeMap::from([((place, 0, counter.remote), counter)]),
        told: &BTreeMap::new(),
    })
}

fn watch(world: &World, seconds: u64) -> Vec<Finding> {
    ask(world, seconds, Purpose::Watch)
}

/// The only finding, and what is particular about it.
fn only(found: Vec<Finding>) -> (Finding, Ghost) {
    let [finding] = <[Finding; 1]>::try_from(found).expect("one ghost");
    let Some(Particulars::Ghost(ghost)) = finding.particulars.clone() else {
        panic!("no ghost: {finding:?}");
    };
    (finding, ghost)
}

mod killed;
mod logged;
mod seen;

const LATER: u64 = MADE + 700;

#[test]
fn a_project_without_any_container_was_left_behind() {
    let world = listed(vec![network()], Vec::new());
    let asked = |seconds| ask(&world, seconds, Purpose::Check);
    assert!(asked(MADE + 60).is_empty(), "it may still come up");
    assert!(watch(&world, LATER).is_empty(), "nothing went wrong");
    let (finding, ghost) = only(asked(LATER));
    assert_eq!(ghost.class, GhostClass::LeftoverProject);
    assert_eq!(ghost.since, Some(at(MADE)));
    assert_eq!(prefixes(&ghost.holds), "172.22.0.0/16");
    assert_eq!((finding.counts.packets, finding.counts.remotes), (415, 1));
    assert_eq!(
        finding.reason,
        "Network shop_default (172.22.0.0/16) is left of compose project shop, which has no \
         container any more."
    );
    let command = &finding.remedies.first().unwrap().command;
    assert_eq!(
        command,
        "test -z \"$(docker -H unix:///var/run/docker.sock ps -q --filter \
         label=com.docker.compose.project=shop)\" &&\n\
         docker -H unix:///var/run/docker.sock network rm -- 80cb5a0c07bc"
    );
}

#[test]
fn a_project_whose_container_never_started_was_left_behind() {
    let containers = vec![container("shop_web_1", "created")];
    let world = listed(vec![network()], containers);
    let (finding, ghost) = only(ask(&world, LATER, Purpose::Check));
    assert_eq!(ghost.working_dir.as_deref(), Some("/srv/shop"));
    let left: Vec<&str> = ghost.leftovers.iter().map(|it| it.what).collect();
    assert_eq!(left, ["container", "network"]);
    let command = &finding.remedies.first().unwrap().command;
    let (containers, networks) = (command.find(" rm -- 000"), command.find(" network rm "));
    assert!(containers.is_some() && containers < networks, "{command}");
}

/// `docker compose stop`, or a power cut: all of it ran, and may run again.
#[test]
fn a_project_that_was_stopped_is_unused_and_no_ghost() {
    let containers = vec![
        container("shop_web_1", "exited"),
        container("shop_database_1", "exited"),
    ];
    let world = listed(vec![network()], containers);
    for purpose in [Purpose::Watch, Purpose::Check] {
        assert!(ask(&world, LATER, purpose).is_empty());
    }
    let unused = unused(&world, at(LATER));
    assert_eq!(unused.len(), 1);
    assert_eq!(unused[0].compose_project.as_deref(), Some("shop"));
}

#[test]
fn what_a_job_left_is_a_ghost_once_the_job_is_over() {
    let job = |state: &str| DockerContainer {
        id: "f".repeat(64),
        name: "runner-build".to_owned(),
        labels: labels(&[(crate::world::jobs::labels::JOB_ID, "4711")]),
        ..container("runner-build", state)
    };
    let name = "runner-abc-project-42-concurrent-0-job-4711-network";
    let of_job = || DockerNetwork {
        name: name.to_owned(),
        labels: BTreeMap::new(),
        ..network()
    };
    let running = listed(vec![of_job()], vec![job("running")]);
    assert!(watch(&running, LATER).is_empty());
    let (finding, ghost) = only(watch(&listed(vec![of_job()], vec![job("exited")]), LATER));
    assert_eq!(ghost.class, GhostClass::LeftoverJob);
    let ci = finding.ci.unwrap();
    assert_eq!(
        (ci.job_id.as_deref(), ci.project_id.as_deref()),
        (Some("4711"), Some("42"))
    );
    assert!(finding.remedies[0].command.contains("job.id=4711"));
}

#[test]
fn what_somebody_uses_is_no_ghost() {
    let endpoint = DockerEndpoint {
        network: ID.to_owned(),
        container: "other".to_owned(),
        container_name: "other".to_owned(),
        addresses: Vec::new(),
        mac: None,
    };
    let used = DockerNetwork {
        endpoints: vec![endpoint],
        ..network()
    };
    let world = listed(vec![used], vec![container("shop_web_1", "created")]);
    assert!(watch(&world, LATER).is_empty());
    assert!(unused(&world, at(LATER)).is_empty());
}

#[test]
fn a_bridge_that_its_daemon_forgot_is_a_ghost() {
    let mut world = listed(vec![network()], Vec::new());
    let away = reachable(DaemonStatus::Unreachable(Unreachable::not_yet()));
    world.apply(at(50), &away);
    assert!(watch(&world, 55).is_empty(), "nobody can be asked");
    let info = DaemonInfo {
        netns: Some(HOST),
        ..DaemonInfo::default()
    };
    world.apply(at(60), &reachable(DaemonStatus::Reachable(Box::new(info))));
    assert!(
        watch(&world, 70).is_empty(),
        "it has not said yet what it has"
    );
    world.apply(at(80), &listing(Vec::new(), Vec::new()));
    assert!(watch(&world, 81).is_empty());
    let (finding, ghost) = only(watch(&world, 84));
    assert_eq!(ghost.class, GhostClass::UnknownBridge);
    let maker = "docker, for network shop_default of compose project shop";
    assert_eq!(ghost.creator.as_deref(), Some(maker));
    assert_eq!(finding.counts.packets, 415);
    let remedy = finding.remedies.first().unwrap();
    assert_eq!(
        remedy.command,
        "docker -H unix:///var/run/docker.sock version > /dev/null &&\n\
         ! docker -H unix:///var/run/docker.sock network inspect 80cb5a0c07bc > /dev/null 2>&1 &&\n\
         test -z \"$(ip -o link show master br-80cb5a0c07bc)\" &&\n\
         ip link del br-80cb5a0c07bc type bridge"
    );
    assert!(!remedy.undo.is_empty());
    world.apply(at(90), &away);
    assert!(watch(&world, 95).is_empty() && !is_knowable(&world, &finding));
    world.apply(at(96), &change(NetChange::LinkGone(3)));
    assert!(is_knowable(&world, &finding));
}

#[test]
fn strangers_bridges_and_those_with_ports_are_nobodys_ghosts() {
    for name in [
        "virbr0",
        "buildkit0",
        "cni0",
        "cbr0",
        "podman0",
        "lab-net",
        "br-lan",
    ] {
        let mut world = host(&[link(3, name, "bridge")], DaemonInfo::default());
        world.apply(at(2), &listing(Vec::new(), Vec::new()));
        assert!(ask(&world, 50, Purpose::Check).is_empty(), "{name}");
    }
    let port = Link {
        master: Some(3),
        ..link(4, "veth1", "veth")
    };
    let mut world = host(&[link(3, BRIDGE, "bridge"), port], DaemonInfo::default());
    world.apply(at(2), &listing(Vec::new(), Vec::new()));
    assert!(ask(&world, 50, Purpose::Check).is_empty());
}

#[test]
fn a_bridge_that_comes_later_or_may_be_another_daemons_is_no_ghost() {
    let mut world = host(&[], DaemonInfo::default());
    world.apply(at(2), &listing(Vec::new(), Vec::new()));
    world.apply(at(10), &change(NetChange::Link(link(3, BRIDGE, "bridge"))));
    assert!(watch(&world, 100).is_empty());
    let info = DaemonInfo {
        neighbours: vec![4711],
        ..DaemonInfo::default()
    };
    let mut world = host(&[link(3, BRIDGE, "bridge")], info);
    world.apply(at(2), &listing(Vec::new(), Vec::new()));
    assert!(ask(&world, 100, Purpose::Check).is_empty());
}

#[test]
fn two_networks_with_one_subnet_are_told_and_the_idle_one_may_go() {
    let other = "1111111111112222222222223333333333334444444444445555555555556666";
    let bridges = [
        link(3, BRIDGE, "bridge"),
        link(4, "br-111111111111", "bridge"),
    ];
    let mut world = host(&bridges, DaemonInfo::default());
    let twin = DockerNetwork {
        id: other.to_owned(),
        name: "twin".to_owned(),
        labels: BTreeMap::new(),
        ..network()
    };
    world.apply(at(2), &listing(vec![network(), twin], Vec::new()));
    let (finding, ghost) = only(watch(&world, 10));
    assert_eq!(ghost.class, GhostClass::DuplicateSubnet);
    assert!(
        finding.remedies[0]
            .command
            .ends_with("network rm -- 80cb5a0c07bc")
    );
}

#[test]
fn an_endpoint_without_a_container_is_a_phantom_after_a_while() {
    let endpoint = DockerEndpoint {
        network: ID.to_owned(),
        container: "ep-5f1e8a2b".to_owned(),
        container_name: "shop_web_1".to_owned(),
        addresses: vec![IpAddr::from([172, 22, 0, 2])],
        mac: None,
    };
    let haunted = DockerNetwork {
        endpoints: vec![endpoint],
        ..network()
    };
    let world = listed(vec![haunted], Vec::new());
    assert!(watch(&world, 11).is_empty());
    let (finding, ghost) = only(watch(&world, 13));
    assert_eq!(ghost.class, GhostClass::PhantomEndpoint);
    let command = &finding.remedies[0].command;
    assert!(
        command.contains("network disconnect -f -- 80cb5a0c07bc shop_web_1"),
        "{command}"
    );
}

#[test]
fn a_pair_of_interfaces_that_no_container_took_is_orphaned() {
    let end = |ifindex, peer, name: &str| Link {
        peer: Some(Peer {
            ifindex: peer,
            nsid: None,
        }),
        ..link(ifindex, name, "veth")
    };
    let told = |one: Link, other: Link| {
        let mut world = host(&[one, other], DaemonInfo::default());
        world.apply(at(2), &listing(Vec::new(), Vec::new()));
        (watch(&world, 10), watch(&world, 11))
    };
    let (early, found) = told(end(4, 5, "veth0a1b2c3"), end(5, 4, "veth4d5e6f7"));
    let (finding, ghost) = only(found);
    assert!(early.is_empty() && ghost.class == GhostClass::OrphanVeth);
    assert!(
        finding.remedies[0]
            .command
            .ends_with("ip link del veth0a1b2c3 type veth")
    );
    let used = Link {
        up: true,
        ..end(5, 4, "veth4d5e6f7")
    };
    assert!(told(end(4, 5, "veth0a1b2c3"), used).1.is_empty());
    assert!(
        told(end(4, 5, "veth-mine"), end(5, 4, "veth-other"))
            .1
            .is_empty()
    );
}

//! What a look at a host with very many networks costs: the rules run whenever something changes.

use std::time::{Duration, Instant};

use super::*;
use crate::input::ProcessInfo;

const FEW: u32 = 200;
/// Linear is 16 times as long, and each network with every other 256 times.
const MANY: u32 = 16 * FEW;
const AT_MOST: u32 = 45;

/// A project of its own for each network, with a container that was made and not started; a bridge that nobody
/// knows beside every one, and some who were seen at work.
fn world(networks: u32) -> World {
    let name = |number: u32| format!("shop{number}");
    let id = |number: u32| format!("{number:064x}").chars().rev().collect::<String>();
    let mut links = Vec::new();
    let mut all = Vec::new();
    let mut containers = Vec::new();
    for number in 0..networks {
        let project = labels(&[("com.docker.compose.project", &name(number))]);
        let made = DockerNetwork {
            id: id(number),
            name: format!("{}_default", name(number)),
            labels: project.clone(),
            endpoints: vec![DockerEndpoint {
                container: format!("ep-{number}"),
                container_name: name(number),
                addresses: Vec::new(),
                network: id(number),
                mac: None,
            }],
            ..network()
        };
        links.push(link(2 * number + 2, &made.bridge_name(), "bridge"));
        let unknown = format!("br-{number:011x}f");
        links.push(link(2 * number + 3, &unknown, "bridge"));
        containers.push(DockerContainer {
            id: id(number),
            name: name(number),
            labels: project,
            ..container("web", "created")
        });
        all.push(made);
    }
    let mut world = host(&[], DaemonInfo::default());
    for (number, link) in (0_u32..).zip(links) {
        let first = Ipv4Addr::from(0x0a00_0001 + (number << 8));
        let address = Address {
            ifindex: link.ifindex,
            address: format!("{first}/24").parse().unwrap(),
        };
        world.apply(at(1), &change(NetChange::Link(link)));
        world.apply(at(1), &change(NetChange::Address(address)));
    }
    world.apply(at(2), &listing(all, containers));
    for pid in 1..20 {
        let process = ProcessInfo {
            pid,
            name: "docker-compose".to_owned(),
            arguments: ["docker-compose", "-p", "other", "up"]
                .map(str::to_owned)
                .into(),
            ..ProcessInfo::default()
        };
        world.apply(at(2), &Body::Process(process));
    }
    world
}

/// The shortest of three looks: others are at work on this machine.
fn look(world: &World) -> Duration {
    let looks = (0..3).map(|_| {
        let start = Instant::now();
        let found = ask(world, LATER, Purpose::Check);
        assert_eq!(found.len(), 3 * world.docker.networks().count());
        start.elapsed()
    });
    looks.min().unwrap()
}

#[test]
fn a_look_takes_as_long_as_there_are_networks() {
    let (few, many) = (look(&world(FEW)), look(&world(MANY)));
    assert!(many < few * AT_MOST, "{FEW}: {few:?}, {MANY}: {many:?}");
}

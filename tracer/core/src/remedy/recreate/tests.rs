//! Which remedy a network gets, and what it may hold.

use std::collections::BTreeMap;

use super::*;
use crate::{
    input::{Body, DockerContainer},
    time::Timestamp,
    world::World,
};

/// What labels of compose begin with.
const LABEL: &str = "com.docker.compose.";
const DAEMON: &str = "unix:///var/run/docker.sock";

fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let label = |(key, value): &(&str, &str)| (format!("{LABEL}{key}"), (*value).to_owned());
    pairs.iter().map(label).collect()
}

fn network(name: &str, key: &str, version: &str) -> DockerNetwork {
    DockerNetwork {
        id: "80cb5a0c07bc".to_owned(),
        name: name.to_owned(),
        driver: "bridge".to_owned(),
        subnets: vec![DockerSubnet {
            subnet: "172.22.0.0/16".parse().unwrap(),
            gateway: None,
        }],
        labels: labels(&[("project", "ldap"), ("network", key), ("version", version)]),
        ..DockerNetwork::default()
    }
}

fn suggested(network: &DockerNetwork) -> Remedy {
    possible(network).unwrap()
}

fn possible(network: &DockerNetwork) -> Option<Remedy> {
    let mut world = World::default();
    let container = DockerContainer {
        id: "c1".to_owned(),
        labels: labels(&[
            ("project", "ldap"),
            ("project.working_dir", "/srv/my project"),
            ("project.config_files", "docker-compose.yml"),
        ]),
        ..DockerContainer::default()
    };
    let body = Body::DockerContainer {
        daemon: DAEMON.to_owned(),
        container,
    };
    world.apply(Timestamp(0), &body);
    let case = Case {
        world: &world,
        netns: 1,
        victims: &[],
        route: None,
        expected: None,
        network: Some((DAEMON, network)),
        bridge: None,
        inhabitant: None,
        rival: false,
    };
    remedy(&case)
}

#[test]
fn a_project_is_moved_through_its_own_file() {
    let remedy = suggested(&network("ldap_default", "default", "2.21.0"));
    assert_eq!(remedy.id, "compose-subnet");
    assert!(
        remedy.command.contains("cd -- '/srv/my project'"),
        "{}",
        remedy.command
    );
    assert!(
        remedy.command.contains("\n  \"default\":\n"),
        "{}",
        remedy.command
    );
    assert!(
        remedy.command.contains("docker compose -p ldap"),
        "{}",
        remedy.command
    );
}

#[test]
fn ipv6_subnets_stay_when_a_network_is_made_anew() {
    let mut network = network("corp", "corp", "1.29.2");
    let subnet = "fd00:1::/64".parse().unwrap();
    network.subnets.insert(
        0,
        DockerSubnet {
            subnet,
            gateway: None,
        },
    );
    let remedy = suggested(&network);
    let stays = " --ipv6 --subnet 10.202.0.0/24 --subnet fd00:1::/64";
    assert!(remedy.command.contains(stays), "{}", remedy.command);
    let back = " --ipv6 --subnet fd00:1::/64 --subnet 172.22.0.0/16";
    assert!(remedy.undo.contains(back), "{}", remedy.undo);
}

#[test]
fn a_named_network_of_compose_1_is_made_anew_since_its_key_is_not_known() {
    let remedy = suggested(&network("corp", "corp", "1.29.2"));
    assert_eq!(remedy.id, "recreate-network");
    assert!(
        remedy.effect.contains("ipam: {config: [{subnet: 10."),
        "{}",
        remedy.effect
    );
    let remedy = suggested(&network("corp", "default", "2.21.0"));
    assert_eq!(remedy.id, "compose-subnet");
}

#[test]
fn a_key_that_is_not_plain_never_reaches_a_file() {
    for key in ["a b", "`id`", "a: b", "", "$(id)", "é"] {
        let remedy = suggested(&network("ldap_default", key, "2.21.0"));
        assert_eq!(remedy.id, "recreate-network", "{key}");
        assert!(!remedy.command.contains("<<"), "{}", remedy.command);
    }
}

#[test]
fn what_cannot_be_typed_is_not_offered() {
    let hostile = "x\nEOF\ntouch canary\n";
    assert!(possible(&network("ldap_default", hostile, "2.21.0")).is_none());
    assert!(possible(&network("--help", "a b", "2.21.0")).is_none());
}

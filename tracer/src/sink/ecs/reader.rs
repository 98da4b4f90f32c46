//! A second reading of the contract, independent of the structs that write it: what it does not
//! know it refuses.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use tracer_core::finding::Finding;

use super::Record;
use crate::sink::{escape, fixtures};

macro_rules! strict {
    ($($name:ident { $($(#[$meta:meta])* $field:ident: $type:ty,)* })*) => {$(
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct $name { $($(#[$meta])* $field: $type,)* }
    )*};
}

strict! {
    Line {
        #[serde(rename = "@timestamp")] timestamp: String,
        ecs: Version,
        event: Event,
        message: String,
        host: Name,
        observer: Observer,
        source: Option<Peer>,
        destination: Option<Peer>,
        network: Option<Network>,
        process: Option<Process>,
        container: Option<Container>,
        bridgetrace: Own,
    }
    Version { version: String, }
    Event {
        kind: String,
        category: Vec<String>,
        #[serde(rename = "type")] types: Vec<String>,
        action: String,
        outcome: String,
        reason: String,
        sequence: u64,
        start: String,
        end: Option<String>,
        module: String,
        dataset: String,
    }
    Name { name: String, }
    Observer { product: String, version: String, ingress: Option<Side>, egress: Option<Side>, }
    Side { interface: Interface, }
    Interface { name: String, id: String, }
    Peer { ip: String, port: Option<u16>, }
    Network {
        #[serde(rename = "type")] family: String,
        transport: String,
        direction: String,
        name: String,
        community_id: String,
    }
    Process { pid: u32, name: String, }
    Container { id: String, name: String, }
    Own {
        schema: u32,
        finding: Head,
        netns: Netns,
        route: Option<Route>,
        expected_route: Option<Route>,
        bridge: Option<Bridge>,
        docker_network: Option<DockerNetwork>,
        evidence: Option<Vec<Evidence>>,
        counts: Counts,
        victims: Option<Vec<Victim>>,
        unknown: Option<Vec<String>>,
        remedies: Option<Vec<Remedy>>,
        lost_events: u64,
    }
    Head { id: String, kind: String, phase: String, verdict: String, }
    Netns { inum: u32, owner: String, }
    Route { prefix: String, gateway: Option<String>, device: String, table: u32, }
    Bridge { name: String, ifindex: u32, carrier: bool, owner: String, }
    DockerNetwork {
        id: String,
        name: String,
        subnets: Vec<String>,
        daemon: String,
        compose_project: Option<String>,
        created: Option<String>,
        endpoints: Vec<Attached>,
    }
    Attached { container: String, ip: Option<String>, }
    Evidence { kind: String, at: String, detail: Option<BTreeMap<String, Value>>, }
    Counts { packets: u64, flows: u64, remotes: u64, }
    Victim { ip: String, packets: u64, }
    Remedy { id: String, command: String, undo: String, effect: String, risk: String, }
}

fn value(finding: &Finding) -> Value {
    let origin = fixtures::origin();
    let line = escape::json_line(&Record::new(&origin, finding)).unwrap();
    serde_json::from_slice(&line).unwrap()
}

fn read(finding: &Finding) -> Line {
    serde_json::from_value(value(finding)).unwrap()
}

#[test]
fn the_swallowed_ssh_replies_read_back() {
    let line = read(&fixtures::confirmed());
    assert_eq!(line.timestamp, "2026-11-21T00:01:12.500000000Z");
    assert_eq!(line.ecs.version, "9.0.0");
    let event = line.event;
    assert_eq!(
        (event.kind.as_str(), event.action.as_str()),
        ("alert", "reply-blackhole")
    );
    assert_eq!(
        (event.category, event.types),
        (texts(&["network"]), texts(&["connection", "denied"]))
    );
    assert_eq!(
        (event.outcome.as_str(), event.sequence, event.end),
        ("failure", 2, None)
    );
    assert_eq!(event.start, "2026-11-20T23:59:59.123456789Z");
    assert_eq!(
        (event.module.as_str(), event.dataset.as_str()),
        ("bridgetrace", "bridgetrace.finding")
    );
    assert!(line.message.starts_with(event.reason.trim_end_matches('.')));
    assert!(line.message.ends_with(fixtures::HOST_ROUTE));

    assert_eq!(
        (line.host.name.as_str(), line.observer.product.as_str()),
        ("r550", "bridgetrace")
    );
    assert_eq!(line.observer.version, "0.1.0");
    let (ingress, egress) = (
        line.observer.ingress.unwrap(),
        line.observer.egress.unwrap(),
    );
    assert_eq!(
        (
            ingress.interface.name.as_str(),
            ingress.interface.id.as_str()
        ),
        ("eno8303", "2")
    );
    assert_eq!(
        (egress.interface.name.as_str(), egress.interface.id.as_str()),
        ("br-80cb5a0c07bc", "8")
    );
    let (source, destination) = (line.source.unwrap(), line.destination.unwrap());
    assert_eq!(
        (source.ip.as_str(), source.port),
        ("172.42.10.112", Some(22))
    );
    assert_eq!(
        (destination.ip.as_str(), destination.port),
        ("172.22.10.119", Some(51514))
    );
    let network = line.network.unwrap();
    assert_eq!(
        (network.family.as_str(), network.transport.as_str()),
        ("ipv4", "tcp")
    );
    assert_eq!(
        (network.direction.as_str(), network.name.as_str()),
        ("egress", "XXXX-openldap_default")
    );
    assert!(network.community_id.starts_with("1:"));
    let (process, container) = (line.process.unwrap(), line.container.unwrap());
    assert_eq!((process.pid, process.name.as_str()), (812, "sshd"));
    assert_eq!(
        (container.id.len(), container.name.as_str()),
        (64, "openldap")
    );
    own(line.bridgetrace);
}

fn own(own: Own) {
    assert_eq!(own.schema, 1);
    assert_eq!(
        (own.finding.kind.as_str(), own.finding.phase.as_str()),
        ("reply-blackhole", "updated")
    );
    assert_eq!(
        (own.finding.id.as_str(), own.finding.verdict.as_str()),
        (fixtures::ID, "confirmed")
    );
    assert_eq!(
        (own.netns.inum, own.netns.owner.as_str()),
        (4_026_531_840, "host")
    );
    let (route, expected) = (own.route.unwrap(), own.expected_route.unwrap());
    assert_eq!(
        (route.prefix.as_str(), route.gateway, route.table),
        ("172.22.0.0/16", None, 254)
    );
    assert_eq!(route.device, "br-80cb5a0c07bc");
    assert_eq!(
        (expected.prefix.as_str(), expected.device.as_str()),
        ("0.0.0.0/0", "eno8303")
    );
    assert_eq!(
        (expected.gateway.as_deref(), expected.table),
        (Some("172.42.10.1"), 254)
    );
    let bridge = own.bridge.unwrap();
    assert_eq!(
        (bridge.name.as_str(), bridge.ifindex, bridge.carrier),
        ("br-80cb5a0c07bc", 8, true)
    );
    assert_eq!(bridge.owner, "docker");
    let network = own.docker_network.unwrap();
    assert_eq!(
        (network.id.len(), network.name.as_str()),
        (64, "XXXX-openldap_default")
    );
    assert_eq!(network.subnets, texts(&["172.22.0.0/16"]));
    assert_eq!(network.daemon, "unix:///var/run/docker.sock");
    assert_eq!(network.compose_project.as_deref(), Some("XXXX-openldap"));
    assert_eq!(
        network.created.as_deref(),
        Some("2026-11-20T23:59:58.402000000Z")
    );
    let attached = &network.endpoints[0];
    assert_eq!(
        (attached.container.as_str(), attached.ip.as_deref()),
        ("openldap", Some("172.22.0.2"))
    );
    let evidence = own.evidence.unwrap();
    let kinds: Vec<_> = evidence
        .iter()
        .map(|evidence| evidence.kind.as_str())
        .collect();
    assert_eq!(kinds[..2], ["route-into-bridge", "ingress-asymmetry"]);
    let drop = evidence
        .iter()
        .find(|evidence| evidence.kind == "drop")
        .unwrap();
    assert_eq!(drop.detail.as_ref().unwrap()["reason"], "NEIGH_FAILED");
    assert!(drop.at.ends_with('Z'));
    assert_eq!(
        (own.counts.packets, own.counts.flows, own.counts.remotes),
        (415, 3, 1)
    );
    assert!(own.victims.is_none() && own.unknown.is_none());
    let remedy = &own.remedies.unwrap()[0];
    assert_eq!(
        (remedy.id.as_str(), remedy.command.as_str()),
        ("host-route", fixtures::HOST_ROUTE)
    );
    assert!(remedy.undo.starts_with("ip route del"));
    assert!(!remedy.effect.is_empty() && !remedy.risk.is_empty());
    assert_eq!(own.lost_events, 0);
}

#[test]
fn a_finding_of_which_little_is_known_has_no_empty_fields() {
    let finding = fixtures::minimal();
    let line = read(&finding);
    assert!(line.source.is_none() && line.destination.is_none() && line.network.is_none());
    assert!(line.process.is_none() && line.container.is_none());
    assert!(line.observer.ingress.is_none() && line.observer.egress.is_none());
    assert_eq!(line.bridgetrace.netns.owner, "host");
    for finding in [
        finding,
        fixtures::opened(),
        fixtures::unknown_owner(),
        fixtures::events_lost(),
    ] {
        nothing_empty(&value(&finding), "");
    }
}

#[test]
fn a_network_without_containers_says_so() {
    let mut finding = fixtures::opened();
    finding.docker_network.as_mut().unwrap().endpoints.clear();
    let endpoints = &value(&finding)["bridgetrace"]["docker_network"]["endpoints"];
    assert_eq!(endpoints, &Value::Array(Vec::new()));
}

#[test]
fn several_victims_are_listed() {
    let victims = read(&fixtures::many_victims()).bridgetrace.victims.unwrap();
    assert_eq!(
        (victims.len(), victims[0].ip.as_str(), victims[0].packets),
        (80, "172.22.10.1", 105)
    );
}

#[test]
fn what_is_over_or_unseen_does_not_claim_a_failure() {
    let resolved = read(&fixtures::resolved());
    assert_eq!(resolved.event.outcome, "success");
    assert_eq!(
        resolved.event.end.as_deref(),
        Some("2026-11-21T00:02:11.123456789Z")
    );
    let lost = read(&fixtures::events_lost());
    assert_eq!(
        (lost.event.action.as_str(), lost.event.outcome.as_str()),
        ("events-lost", "unknown")
    );
    assert_eq!(lost.event.types, texts(&["info"]));
    assert_eq!(lost.bridgetrace.lost_events, 1824);
    assert!(!lost.bridgetrace.unknown.unwrap().is_empty());
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(ToString::to_string).collect()
}

fn nothing_empty(value: &Value, path: &str) {
    match value {
        Value::Null => panic!("{path} is null"),
        Value::String(text) => assert!(!text.is_empty(), "{path} is empty"),
        Value::Array(items) => {
            assert!(
                !items.is_empty() || path.ends_with(".endpoints"),
                "{path} is empty"
            );
            items.iter().for_each(|item| nothing_empty(item, path));
        }
        Value::Object(members) => {
            assert!(!members.is_empty(), "{path} is empty");
            members
                .iter()
                .for_each(|(key, member)| nothing_empty(member, &format!("{path}.{key}")));
        }
        _ => {}
    }
}

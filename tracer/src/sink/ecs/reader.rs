//! A second reading of the contract, independent of the structs that write it: what it does not
//! know it refuses.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use tracer_core::finding::Finding;

use super::Record;
use crate::sink::{escape, fixtures};

mod daemon_life;
mod kinds;
mod reply;
mod sparse;

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
        service: Option<Name>,
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
        // Those of a packet are absent where none is told of.
        #[serde(rename = "type", default)] family: String,
        #[serde(default)] transport: String,
        #[serde(default)] direction: String,
        name: Option<String>,
        #[serde(default)] community_id: String,
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
        container: Option<Part>,
        ci: Option<Ci>,
        gives_up: Option<GivesUp>,
        daemon: Option<Daemon>,
        ghost: Option<Ghost>,
        pools: Option<Pools>,
        signal: Option<Signal>,
        evidence: Option<Vec<Evidence>>,
        counts: Counts,
        victims: Option<Vec<Victim>>,
        unknown: Option<Vec<String>>,
        remedies: Option<Vec<Remedy>>,
        lost_events: u64,
    }
    Head { id: String, kind: String, phase: String, verdict: String, }
    Netns { inum: u32, owner: String, container: Option<Container>, }
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
    Ci {
        system: String,
        job_id: Option<String>,
        job_url: Option<String>,
        pipeline_id: Option<String>,
        project_id: Option<String>,
        project_path: Option<String>,
        known_by: Option<String>,
        uncertain: Option<bool>,
    }
    Pools {
        daemon: String,
        total: u64,
        used: u64,
        free: u64,
        next_subnets: Option<Vec<String>>,
        next_possible: Option<Vec<String>>,
        next_possible_more: Option<u64>,
        certain: bool,
        holders: Option<Vec<Holder>>,
    }
    Holder {
        subnet: String,
        network: Option<String>,
        network_id: Option<String>,
        compose_project: Option<String>,
        containers: Option<u64>,
        device: Option<String>,
        nameserver: Option<bool>,
        ci: Option<Ci>,
    }
    Ghost {
        class: String,
        since: Option<String>,
        age_s: Option<u64>,
        holds: Option<Vec<String>>,
        leftovers: Option<Vec<Leftover>>,
        creator: Option<String>,
        working_dir: Option<String>,
    }
    Leftover {
        #[serde(rename = "type")] what: String,
        name: String,
        id: String,
        state: Option<String>,
    }
    Part { role: String, }
    Daemon {
        endpoint: String,
        cause: Option<String>,
        remedy: Option<String>,
        mount: Option<Mount>,
        program: Option<String>,
        pid: Option<u32>,
        unit: Option<String>,
        before: Option<DaemonState>,
        after: Option<DaemonState>,
        away_since: Option<String>,
        down_s: Option<f64>,
        vanished: Option<Vanished>,
        stopped: Option<Vec<String>>,
        stopped_total: Option<u64>,
        orphans: Option<Vec<String>>,
        orphans_total: Option<u64>,
        old_data: Option<String>,
        old_containers: Option<u64>,
        stopped_by: Option<StoppedBy>,
        during: Option<Vec<Manager>>,
    }
    StoppedBy {
        how: String,
        signal: Option<String>,
        number: Option<u32>,
        then: Option<String>,
        sender: Option<Party>,
        sender_ended: Option<bool>,
        package_managers: Option<Vec<Process>>,
    }
    Mount {
        point: String,
        source: Option<String>,
        root: Option<String>,
        fs_type: String,
        files: Option<Vec<String>>,
    }
    DaemonState {
        id: Option<String>,
        data_root: Option<String>,
        version: Option<String>,
        networks: u64,
        containers: u64,
        images: Option<u64>,
    }
    Vanished {
        networks: Option<Vec<String>>,
        networks_total: Option<u64>,
        containers: Option<Vec<String>>,
        containers_total: Option<u64>,
        images: u64,
    }
    Manager {
        pid: u32,
        name: String,
        command: Option<String>,
        unit: Option<String>,
        parents: Option<Vec<Process>>,
    }
    GivesUp { after_s: u64, sysctl: String, value: u32, }
    Evidence { kind: String, at: String, detail: Option<BTreeMap<String, Value>>, }
    Counts { packets: u64, flows: u64, remotes: u64, }
    Victim { ip: String, packets: u64, }
    Signal {
        name: String,
        number: u32,
        code: String,
        sender: Option<Party>,
        target: Party,
        project: Option<String>,
        left: Option<Left>,
    }
    Party {
        role: Option<String>,
        pid: u32,
        name: String,
        executable: Option<String>,
        args: Option<Vec<String>>,
        user: Option<String>,
        working_directory: Option<String>,
        cgroup: Option<String>,
        container: Option<Container>,
        ancestry: Option<Vec<Process>>,
    }
    Left { networks: Option<Vec<String>>, containers: Option<Vec<LeftContainer>>, }
    LeftContainer { name: String, state: String, }
    Remedy { id: String, command: String, undo: Option<String>, effect: String, risk: String, }
}

fn value(finding: &Finding) -> Value {
    let origin = fixtures::origin();
    let line = escape::json_line(&Record::new(&origin, finding)).unwrap();
    serde_json::from_slice(&line).unwrap()
}

fn read(finding: &Finding) -> Line {
    serde_json::from_value(value(finding)).unwrap()
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

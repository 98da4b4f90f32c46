//! The host of incident I-1 in the core's own terms: uplink `eno8303` (2), docker bridge (3). Few
//! things with few names, so that inputs meet.

use std::net::IpAddr;

use tracer_core::{
    Core,
    finding::Finding,
    input::{
        Address, Body, DockerEndpoint, DockerNetwork, DockerSubnet, Input, Link, NetChange,
        Nexthop, Route,
    },
    time::Timestamp,
};

pub(crate) const HOST: u32 = 100;
pub(crate) const ENDPOINT: &str = "unix:///var/run/docker.sock";
pub(crate) const ID: &str = "80cb5a0c07bc80cb5a0c07bc";

pub(crate) fn route(prefix: &str, ifindex: u32, gateway: Option<IpAddr>) -> Route {
    Route {
        table: 254,
        destination: prefix.parse().expect("valid"),
        scope: 253,
        protocol: 2,
        nexthops: vec![Nexthop {
            ifindex,
            gateway,
            linkdown: false,
        }],
        ..Route::default()
    }
}

pub(crate) fn link(ifindex: u32) -> Link {
    let (name, kind) = match ifindex {
        1 => ("lo", None),
        2 => ("eno8303", None),
        3 => ("br-80cb5a0c07bc", Some("bridge")),
        _ => ("br-other", Some("bridge")),
    };
    Link {
        ifindex,
        name: name.to_owned(),
        kind: kind.map(str::to_owned),
        up: true,
        carrier: true,
        ..Link::default()
    }
}

pub(crate) fn network(endpoint: bool) -> DockerNetwork {
    let member = DockerEndpoint {
        network: ID.to_owned(),
        container: "c1".to_owned(),
        container_name: "openldap".to_owned(),
        addresses: vec![IpAddr::from([172, 22, 0, 2])],
        mac: None,
    };
    DockerNetwork {
        id: ID.to_owned(),
        name: "XXXX-openldap_default".to_owned(),
        driver: "bridge".to_owned(),
        subnets: vec![DockerSubnet {
            subnet: "172.22.0.0/16".parse().expect("valid"),
            gateway: None,
        }],
        endpoints: if endpoint { vec![member] } else { Vec::new() },
        ..DockerNetwork::default()
    }
}

/// A start that makes outages likely.
pub(crate) fn healthy(now: u64) -> Vec<Input> {
    let gateway = Some(IpAddr::from([172, 42, 10, 1]));
    let mut changes = vec![NetChange::Resync];
    changes.extend((1..5).map(|i| NetChange::Link(link(i))));
    changes.push(NetChange::Address(Address {
        ifindex: 2,
        address: "172.42.10.112/24".parse().expect("valid"),
    }));
    changes.push(NetChange::Route(route("0.0.0.0/0", 2, gateway)));
    changes.push(NetChange::Route(route("172.22.0.0/16", 3, None)));
    changes.push(NetChange::Synced);
    let input = |change| Input {
        at: Timestamp(now),
        body: Body::Net {
            netns: HOST,
            change,
        },
    };
    changes.into_iter().map(input).collect()
}

pub(crate) fn run(inputs: &[Input]) -> Vec<Finding> {
    let mut core = Core::default();
    inputs
        .iter()
        .flat_map(|input| core.observe(input))
        .collect()
}

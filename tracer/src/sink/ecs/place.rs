//! Where it happened: namespace, routes, bridge, and the docker network behind it.

use std::net::IpAddr;

use serde::Serialize;
use tracer_core::finding;

use super::who::Container;
use crate::sink::time;

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Netns<'a> {
    /// Inode number of the network namespace.
    inum: u32,
    /// `host`, or whose it is.
    #[serde(skip_serializing_if = "str::is_empty")]
    owner: &'a str,
    /// The container whose namespace it is, e.g. that of a docker in docker.
    #[serde(skip_serializing_if = "Option::is_none")]
    container: Option<Container<'a>>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Route<'a> {
    prefix: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    gateway: Option<IpAddr>,
    #[serde(skip_serializing_if = "str::is_empty")]
    device: &'a str,
    table: u32,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Bridge<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
    ifindex: u32,
    /// Without carrier no running container uses it.
    carrier: bool,
    /// `docker`, `libvirt`, … or `unknown`.
    #[serde(skip_serializing_if = "str::is_empty")]
    owner: &'a str,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct DockerNetwork<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    subnets: Vec<String>,
    /// Endpoint of its daemon.
    #[serde(skip_serializing_if = "str::is_empty")]
    daemon: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    compose_project: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<String>,
    /// Containers attached; empty when docker says there are none.
    endpoints: Vec<Attached<'a>>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Attached<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    container: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip: Option<IpAddr>,
}

impl<'a> Netns<'a> {
    pub(super) fn new(netns: &'a finding::NetnsRef) -> Self {
        Self {
            inum: netns.inum,
            owner: &netns.owner,
            container: netns.container.as_ref().and_then(Container::new),
        }
    }
}

impl<'a> Route<'a> {
    pub(super) fn new(route: &'a finding::RouteRef) -> Self {
        Self {
            prefix: route.prefix.to_string(),
            gateway: route.gateway,
            device: &route.device,
            table: route.table,
        }
    }
}

impl<'a> Bridge<'a> {
    pub(super) fn new(bridge: &'a finding::Bridge) -> Self {
        Self {
            name: &bridge.name,
            ifindex: bridge.ifindex,
            carrier: bridge.carrier,
            owner: &bridge.owner,
        }
    }
}

impl<'a> DockerNetwork<'a> {
    pub(super) fn new(network: &'a finding::NetworkRef) -> Self {
        let project = network.compose_project.as_deref();
        Self {
            id: &network.id,
            name: &network.name,
            subnets: network.subnets.iter().map(ToString::to_string).collect(),
            daemon: &network.daemon,
            compose_project: project.filter(|project| !project.is_empty()),
            created: network.created.map(time::rfc3339),
            endpoints: network
                .endpoints
                .iter()
                .map(|(container, ip)| Attached { container, ip: *ip })
                .collect(),
        }
    }
}

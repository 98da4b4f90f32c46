//! Answers of the engine as inputs. Everything in them is optional and hostile.

mod history;
mod ports;

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
};

use bollard::models::{
    ContainerInspectResponse, ContainerSummary, EndpointResource, EndpointSettings, IpamConfig,
    NetworkInspect, SystemInfo, SystemInfoDefaultAddressPools,
};
use ipnet::IpNet;
use tracer_core::{
    input::{AddressPool, DockerContainer, DockerEndpoint, DockerNetwork, DockerSubnet},
    time::Timestamp,
};

/// An inspected network. Without an id it is none.
pub(super) fn network(inspected: NetworkInspect) -> Option<DockerNetwork> {
    let id = inspected.id.filter(|id| !id.is_empty())?;
    let ipam = inspected
        .ipam
        .and_then(|ipam| ipam.config)
        .unwrap_or_default();
    let mut endpoints: Vec<DockerEndpoint> = inspected
        .containers
        .unwrap_or_default()
        .into_iter()
        .map(|(container, resource)| attached(&id, container, resource))
        .collect();
    endpoints.sort_by(|a, b| a.container.cmp(&b.container));
    Some(DockerNetwork {
        name: inspected.name.unwrap_or_default(),
        driver: inspected.driver.unwrap_or_default(),
        subnets: ipam.iter().filter_map(subnet).collect(),
        labels: sorted(inspected.labels),
        options: sorted(inspected.options),
        internal: inspected.internal.unwrap_or_default(),
        created: inspected.created.as_deref().and_then(time),
        endpoints,
        id,
    })
}

/// Pools of its own that an engine cuts subnets from.
pub(super) fn pools(info: &SystemInfo) -> Vec<AddressPool> {
    let pools = info.default_address_pools.iter().flatten();
    let pool = |pool: &SystemInfoDefaultAddressPools| {
        Some(AddressPool {
            base: pool.base.as_deref()?.parse().ok()?,
            size: u8::try_from(pool.size?).ok()?,
        })
    };
    pools.filter_map(pool).collect()
}

/// A container from the listing.
pub(super) fn listed(summary: ContainerSummary) -> Option<DockerContainer> {
    let id = summary.id.filter(|id| !id.is_empty())?;
    let name = own_name(summary.names.unwrap_or_default());
    let settings = summary
        .network_settings
        .and_then(|settings| settings.networks);
    let ending = summary.status.as_deref().and_then(history::exit_code);
    let mounts = summary.mounts.unwrap_or_default();
    Some(DockerContainer {
        created: summary.created.and_then(history::seconds),
        exit_code: ending,
        has_socket: history::has_socket(&mounts),
        image: summary.image.unwrap_or_default(),
        state: summary
            .state
            .map(|state| state.to_string())
            .unwrap_or_default(),
        labels: sorted(summary.labels),
        endpoints: endpoints(&id, &name, settings),
        name,
        id,
        ports: ports::listed(summary.ports),
        started: None,
        finished: None,
    })
}

/// An inspected container.
pub(super) fn container(inspected: ContainerInspectResponse) -> Option<DockerContainer> {
    let id = inspected.id.filter(|id| !id.is_empty())?;
    let name = own_name(inspected.name.into_iter().collect());
    let config = inspected.config.unwrap_or_default();
    let state = inspected.state.unwrap_or_default();
    let settings = inspected.network_settings.unwrap_or_default();
    let mounts = inspected.mounts.unwrap_or_default();
    let status = state.status.map(|status| status.to_string());
    let status = status.unwrap_or_default();
    Some(DockerContainer {
        created: inspected.created.as_deref().and_then(time),
        started: state.started_at.as_deref().and_then(time),
        finished: state.finished_at.as_deref().and_then(time),
        exit_code: state.exit_code.filter(|_| status == "exited"),
        has_socket: history::has_socket(&mounts),
        image: config.image.or(inspected.image).unwrap_or_default(),
        state: status,
        labels: sorted(config.labels),
        endpoints: endpoints(&id, &name, settings.networks),
        name,
        id,
        ports: ports::inspected(settings.ports),
    })
}

/// Links (`--link`) add names like `/other/alias`; a container's own has one slash.
fn own_name(names: Vec<String>) -> String {
    let own = |name: &String| {
        name.strip_prefix('/')
            .is_some_and(|rest| !rest.contains('/'))
    };
    let name = names.iter().find(|name| own(name)).or(names.first());
    name.map(|name| name.strip_prefix('/').unwrap_or(name).to_owned())
        .unwrap_or_default()
}

fn endpoints(
    id: &str,
    name: &str,
    networks: Option<HashMap<String, EndpointSettings>>,
) -> Vec<DockerEndpoint> {
    let mut all: Vec<DockerEndpoint> = networks
        .unwrap_or_default()
        .into_iter()
        .filter_map(|(network, settings)| endpoint(id, name, &network, settings))
        .collect();
    all.sort_by(|a, b| a.network.cmp(&b.network));
    all
}

/// Of a container that never ran the network is known by its name only.
fn endpoint(
    container: &str,
    container_name: &str,
    network_name: &str,
    settings: EndpointSettings,
) -> Option<DockerEndpoint> {
    let known = settings.network_id.filter(|id| !id.is_empty());
    let network = known.unwrap_or_else(|| network_name.to_owned());
    (!network.is_empty()).then(|| DockerEndpoint {
        network,
        container: container.to_owned(),
        container_name: container_name.to_owned(),
        addresses: addresses([settings.ip_address, settings.global_ipv6_address]),
        mac: settings.mac_address.filter(|mac| !mac.is_empty()),
    })
}

fn attached(network: &str, container: String, resource: EndpointResource) -> DockerEndpoint {
    DockerEndpoint {
        network: network.to_owned(),
        container,
        container_name: resource.name.unwrap_or_default(),
        addresses: addresses([resource.ipv4_address, resource.ipv6_address]),
        mac: resource.mac_address.filter(|mac| !mac.is_empty()),
    }
}

fn addresses(texts: [Option<String>; 2]) -> Vec<IpAddr> {
    let texts = texts.iter().flatten();
    texts.filter_map(|text| address(text)).collect()
}

/// An address, with or without the length of its prefix.
fn address(text: &str) -> Option<IpAddr> {
    text.split('/').next()?.parse().ok()
}

fn subnet(range: &IpamConfig) -> Option<DockerSubnet> {
    let subnet: IpNet = range.subnet.as_deref()?.parse().ok()?;
    let gateway = range.gateway.as_deref().and_then(address);
    Some(DockerSubnet {
        subnet: subnet.trunc(),
        gateway,
    })
}

fn sorted(map: Option<HashMap<String, String>>) -> BTreeMap<String, String> {
    map.unwrap_or_default().into_iter().collect()
}

/// RFC 3339; the year 1 stands for "never".
fn time(text: &str) -> Option<Timestamp> {
    let time: jiff::Timestamp = text.parse().ok()?;
    u64::try_from(time.as_nanosecond()).ok().map(Timestamp)
}

#[cfg(test)]
mod tests;

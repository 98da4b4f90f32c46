//! Answers of the engine as inputs. Everything in them is optional and hostile.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
};

use bollard::models::{
    ContainerInspectResponse, ContainerSummary, EndpointResource, EndpointSettings, IpamConfig,
    NetworkInspect,
};
use ipnet::IpNet;
use tracer_core::{
    input::{DockerContainer, DockerEndpoint, DockerNetwork, DockerSubnet},
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

/// A container from the listing.
pub(super) fn listed(summary: ContainerSummary) -> Option<DockerContainer> {
    let id = summary.id.filter(|id| !id.is_empty())?;
    let name = own_name(summary.names.unwrap_or_default());
    let settings = summary
        .network_settings
        .and_then(|settings| settings.networks);
    Some(DockerContainer {
        image: summary.image.unwrap_or_default(),
        state: summary
            .state
            .map(|state| state.to_string())
            .unwrap_or_default(),
        labels: sorted(summary.labels),
        endpoints: endpoints(&id, &name, settings),
        name,
        id,
        ports: Vec::new(),
    })
}

/// An inspected container.
pub(super) fn container(inspected: ContainerInspectResponse) -> Option<DockerContainer> {
    let id = inspected.id.filter(|id| !id.is_empty())?;
    let name = own_name(inspected.name.into_iter().collect());
    let config = inspected.config.unwrap_or_default();
    let state = inspected.state.and_then(|state| state.status);
    let settings = inspected
        .network_settings
        .and_then(|settings| settings.networks);
    Some(DockerContainer {
        image: config.image.or(inspected.image).unwrap_or_default(),
        state: state.map(|status| status.to_string()).unwrap_or_default(),
        labels: sorted(config.labels),
        endpoints: endpoints(&id, &name, settings),
        name,
        id,
        ports: Vec::new(),
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
mod tests {
    use super::*;

    fn from_json<T: serde::de::DeserializeOwned>(json: &str) -> T {
        serde_json::from_str(json).expect("an answer of the engine")
    }

    #[test]
    fn a_network_keeps_all_that_matters() {
        let network = network(from_json(
            r#"{"Name":"x_default","Id":"80cb5a0c07bc","Created":"2026-11-20T23:59:59.5+02:00",
                "Driver":"bridge","IPAM":{"Config":[{"Subnet":"172.22.0.0/16","Gateway":"172.22.0.1"},
                {"Subnet":"fd00::/64","Gateway":"fd00::1/64"},{"Subnet":"nonsense"}]},"Internal":true,
                "Containers":{"b":{"Name":"two","IPv4Address":"172.22.0.3/16","IPv6Address":"",
                "MacAddress":"02:42:ac:16:00:03"},"a":{"Name":"one","IPv4Address":"172.22.0.2/16"}},
                "Options":{"com.docker.network.bridge.name":"mine"},"Labels":{"k":"v"}}"#,
        ))
        .expect("network");
        assert_eq!(network.bridge_name(), "mine");
        assert_eq!(network.subnets.len(), 2);
        assert_eq!(
            network.subnets[1].gateway,
            Some("fd00::1".parse().expect("address"))
        );
        assert_eq!(network.created, Some(Timestamp(1_795_211_999_500_000_000)));
        assert!(network.internal);
        let names: Vec<_> = network
            .endpoints
            .iter()
            .map(|it| &*it.container_name)
            .collect();
        assert_eq!(names, ["one", "two"]);
        assert_eq!(
            network.endpoints[1].addresses,
            ["172.22.0.3".parse::<IpAddr>().expect("ip")]
        );
        assert_eq!(network.endpoints[0].mac, None);
    }

    #[test]
    fn a_listed_container_goes_by_its_own_name() {
        let container = listed(from_json(
            r#"{"Id":"c1","Names":["/web/alias","/db"],"Image":"pg","State":"running","Labels":null,
                "NetworkSettings":{"Networks":{"x":{"NetworkID":"n1","IPAddress":"172.22.0.2",
                "GlobalIPv6Address":""}}}}"#,
        ))
        .expect("container");
        assert_eq!((&*container.name, &*container.state), ("db", "running"));
        assert_eq!(container.endpoints[0].network, "n1");
        assert_eq!(container.endpoints[0].addresses.len(), 1);
    }

    #[test]
    fn an_inspected_container_says_the_same_as_a_listed_one() {
        let container = container(from_json(
            r#"{"Id":"c1","Name":"/db","Image":"sha256:0","State":{"Status":"exited"},
                "Config":{"Image":"pg","Labels":{"k":"v"}},"NetworkSettings":{"Networks":{"x":{
                "NetworkID":"","IPAddress":""}}}}"#,
        ))
        .expect("container");
        assert_eq!((&*container.name, &*container.image), ("db", "pg"));
        assert_eq!(container.state, "exited");
        assert_eq!(container.endpoints[0].network, "x");
        assert!(container.endpoints[0].addresses.is_empty());
    }

    #[test]
    fn nothing_is_known_of_what_has_no_id() {
        assert_eq!(network(NetworkInspect::default()), None);
        assert_eq!(listed(ContainerSummary::default()), None);
        assert_eq!(container(ContainerInspectResponse::default()), None);
    }

    #[test]
    fn the_year_one_is_no_time() {
        assert_eq!(time("0001-01-01T00:00:00Z"), None);
        assert_eq!(time("yesterday"), None);
    }
}

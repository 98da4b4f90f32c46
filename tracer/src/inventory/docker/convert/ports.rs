//! Ports of the host that lead to a container.

use bollard::models::{PortMap, PortSummary, PortSummaryTypeEnum};
use tracer_core::input::PublishedPort;

/// IP protocol numbers of what docker publishes.
const TCP: u8 = 6;
const UDP: u8 = 17;
const SCTP: u8 = 132;

/// The ports of a listed container.
pub(super) fn listed(ports: Option<Vec<PortSummary>>) -> Vec<PublishedPort> {
    let port =
        |port: PortSummary| published(protocol(port.typ), port.public_port?, port.private_port);
    once_each(ports.into_iter().flatten().filter_map(port))
}

/// The ports of an inspected container: `80/tcp` and where it is bound on the host.
pub(super) fn inspected(ports: Option<PortMap>) -> Vec<PublishedPort> {
    let mut all = Vec::new();
    for (inside, bindings) in ports.unwrap_or_default() {
        let bound = bindings.unwrap_or_default();
        let hosts = bound
            .into_iter()
            .filter_map(|it| it.host_port?.parse().ok());
        all.extend(hosts.filter_map(|host| {
            let (container, proto) = inside.split_once('/').unwrap_or((&inside, "tcp"));
            published(named(proto), host, container.parse().ok()?)
        }));
    }
    once_each(all)
}

/// Port 0 is none: it asks for any.
fn published(proto: Option<u8>, host: u16, container: u16) -> Option<PublishedPort> {
    (host != 0 && container != 0).then_some(PublishedPort {
        proto: proto?,
        host,
        container,
    })
}

/// Bindings of IPv4 and IPv6, and of several addresses, are one port.
fn once_each(ports: impl IntoIterator<Item = PublishedPort>) -> Vec<PublishedPort> {
    let mut ports: Vec<_> = ports.into_iter().collect();
    ports.sort_by_key(|port| (port.proto, port.host, port.container));
    ports.dedup();
    ports
}

fn protocol(kind: Option<PortSummaryTypeEnum>) -> Option<u8> {
    match kind? {
        PortSummaryTypeEnum::TCP => Some(TCP),
        PortSummaryTypeEnum::UDP => Some(UDP),
        PortSummaryTypeEnum::SCTP => Some(SCTP),
        PortSummaryTypeEnum::EMPTY => None,
    }
}

fn named(proto: &str) -> Option<u8> {
    match proto {
        "tcp" => Some(TCP),
        "udp" => Some(UDP),
        "sctp" => Some(SCTP),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(proto: u8, host: u16, container: u16) -> PublishedPort {
        PublishedPort {
            proto,
            host,
            container,
        }
    }

    #[test]
    fn the_listing_and_the_inspection_agree() {
        let summary = r#"[{"IP":"0.0.0.0","PrivatePort":80,"PublicPort":8080,"Type":"tcp"},
            {"IP":"::","PrivatePort":80,"PublicPort":8080,"Type":"tcp"},
            {"PrivatePort":443,"Type":"tcp"},
            {"IP":"10.0.0.1","PrivatePort":53,"PublicPort":5353,"Type":"udp"}]"#;
        let map = r#"{"80/tcp":[{"HostIp":"0.0.0.0","HostPort":"8080"},{"HostIp":"::","HostPort":"8080"}],
            "443/tcp":null,"53/udp":[{"HostIp":"10.0.0.1","HostPort":"5353"}]}"#;
        let expected = [port(TCP, 8080, 80), port(UDP, 5353, 53)];
        let summary = serde_json::from_str(summary).expect("a listing");
        assert_eq!(listed(summary), expected);
        assert_eq!(
            inspected(serde_json::from_str(map).expect("a map")),
            expected
        );
    }

    #[test]
    fn nonsense_is_no_port() {
        let map = r#"{"80/tcp":[{"HostPort":""},{"HostPort":"0"},{"HostPort":"70000"},{}],"x/tcp":[{"HostPort":"1"}],
            "/":[{"HostPort":"1"}],"80/dccp":[{"HostPort":"1"}],"81":[{"HostPort":"1"}]}"#;
        let map = serde_json::from_str(map).expect("a map");
        assert_eq!(inspected(map), [port(TCP, 1, 81)]);
        assert!(listed(None).is_empty() && inspected(None).is_empty());
    }
}

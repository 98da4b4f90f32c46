//! `network.*`: what kind of packet was lost, and the flow hash other tools print too.

use std::net::IpAddr;

use serde::Serialize;
use tracer_core::finding::{Finding, Kind, Packet};

/// ICMP and ICMPv6, by IP protocol number.
const ICMP: u8 = 1;
const ICMPV6: u8 = 58;

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Network<'a> {
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(extend("enum" = ["ipv4", "ipv6"])))]
    family: Option<&'static str>,
    /// IANA's keyword of the protocol, in lower case.
    #[serde(skip_serializing_if = "Option::is_none")]
    transport: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(extend("enum" = ["egress", "ingress", "outbound"])))]
    direction: Option<&'static str>,
    /// Name of the docker network.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    /// Community ID, version 1, seed 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    community_id: Option<String>,
}

impl<'a> Network<'a> {
    /// Nothing when neither a packet nor a docker network is known.
    pub(super) fn new(finding: &'a Finding) -> Option<Self> {
        let packet = finding.packet.as_ref();
        let name = finding
            .docker_network
            .as_ref()
            .map(|network| network.name.as_str());
        let name = name.filter(|name| !name.is_empty());
        (packet.is_some() || name.is_some()).then(|| Self {
            family: packet.map(|packet| family(packet.destination)),
            transport: packet.and_then(|packet| transport(packet.proto)),
            direction: packet.and_then(|_| direction(finding.kind)),
            name,
            community_id: packet.and_then(community_id),
        })
    }
}

/// From the host's point of view where the lost packet begins or ends here. A forwarded one does
/// neither: for it the host is its containers' router, and ECS has routers tell which way a packet
/// crosses the perimeter. It comes from a container within and is for somebody outside.
const fn direction(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::ReplyBlackhole | Kind::RequestBlackhole | Kind::Misdelivery => Some("egress"),
        Kind::ForwardBlackhole => Some("outbound"),
        Kind::ReversePathDrop => Some("ingress"),
        _ => None,
    }
}

const fn family(address: IpAddr) -> &'static str {
    match address {
        IpAddr::V4(_) => "ipv4",
        IpAddr::V6(_) => "ipv6",
    }
}

/// IANA's keyword; none for numbers a host hardly ever sends, and for 0, which the kernel's
/// routing code uses for "not known yet".
pub(crate) const fn transport(proto: u8) -> Option<&'static str> {
    Some(match proto {
        ICMP => "icmp",
        2 => "igmp",
        4 => "ipv4",
        6 => "tcp",
        17 => "udp",
        33 => "dccp",
        41 => "ipv6",
        47 => "gre",
        50 => "esp",
        51 => "ah",
        ICMPV6 => "ipv6-icmp",
        89 => "ospf",
        103 => "pim",
        112 => "vrrp",
        132 => "sctp",
        136 => "udplite",
        _ => return None,
    })
}

/// The flow's hash, where the packet tells enough for other tools to compute the same one.
fn community_id(packet: &Packet) -> Option<String> {
    let ports = match (packet.proto, packet.icmp_type) {
        (ICMP | ICMPV6, kind) => {
            let kind = kind.filter(|kind| has_counterpart(packet.proto, *kind))?;
            // The code of a type with a counterpart is not part of the hash.
            Some((u16::from(kind), 0))
        }
        // Protocols whose ports are hashed: without them the hash would be another flow's.
        (6 | 17 | 132, _) => Some(packet.ports?),
        (0, _) => return None,
        _ => None,
    };
    community_id::calculate_community_id(
        0,
        packet.source,
        packet.destination,
        ports.map(|ports| ports.0),
        ports.map(|ports| ports.1),
        packet.proto,
        false,
    )
    .ok()
}

/// Whether the type is one half of a question and an answer: only then is the hash independent of
/// the code, which a finding does not carry.
const fn has_counterpart(proto: u8, kind: u8) -> bool {
    match proto {
        ICMP => matches!(kind, 0 | 8 | 9 | 10 | 13..=18),
        _ => matches!(kind, 128..=131 | 133..=136 | 139 | 140 | 144 | 145),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(proto: u8, source: (&str, u16), destination: (&str, u16)) -> Option<String> {
        let icmp = matches!(proto, ICMP | ICMPV6);
        community_id(&Packet {
            source: source.0.parse().unwrap(),
            destination: destination.0.parse().unwrap(),
            proto,
            ports: (!icmp && source.1 != 0).then_some((source.1, destination.1)),
            icmp_type: icmp.then(|| u8::try_from(source.1).unwrap()),
        })
    }

    /// From the baseline of <https://github.com/corelight/community-id-spec>.
    #[test]
    fn hashes_are_those_the_specification_publishes() {
        let is = |found: Option<String>, published: &str| {
            assert_eq!(found.as_deref(), Some(published));
        };
        let (here, there) = (("128.232.110.120", 34855), ("66.35.250.204", 80));
        is(hash(6, here, there), "1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
        is(hash(6, there, here), "1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
        let (here, there) = (("192.168.1.52", 54585), ("8.8.8.8", 53));
        is(hash(17, here, there), "1:d/FP5EW3wiY1vCndhwleRRKHowQ=");
        is(hash(17, there, here), "1:d/FP5EW3wiY1vCndhwleRRKHowQ=");
        let (here, there) = ("192.168.0.89", "192.168.0.1");
        is(
            hash(1, (here, 8), (there, 0)),
            "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=",
        );
        is(
            hash(1, (there, 0), (here, 0)),
            "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=",
        );
        let (here, there) = ("fe80::200:86ff:fe05:80da", "fe80::260:97ff:fe07:69ea");
        is(
            hash(58, (here, 135), (there, 0)),
            "1:dGHyGvjMfljg6Bppwm3bg0LO8TY=",
        );
        is(
            hash(58, (there, 136), (here, 0)),
            "1:dGHyGvjMfljg6Bppwm3bg0LO8TY=",
        );
    }

    #[test]
    fn no_hash_where_something_is_missing() {
        assert_eq!(
            hash(6, ("10.0.0.1", 0), ("10.0.0.2", 0)),
            None,
            "tcp without ports"
        );
        assert_eq!(
            hash(1, ("10.0.0.1", 3), ("10.0.0.2", 0)),
            None,
            "unreachable, code unknown"
        );
        assert_eq!(
            hash(0, ("10.0.0.1", 0), ("10.0.0.2", 0)),
            None,
            "protocol not known"
        );
        assert!(
            hash(47, ("10.0.0.1", 0), ("10.0.0.2", 0)).is_some(),
            "gre has no ports"
        );
    }

    #[test]
    fn keywords_are_ianas() {
        assert_eq!(transport(58), Some("ipv6-icmp"));
        assert_eq!(transport(0), None);
    }
}

//! The swallowed SSH replies, field by field.

use super::{Own, read, texts};
use crate::sink::fixtures;

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
        (network.direction.as_str(), network.name.as_deref()),
        ("egress", Some("XXXX-openldap_default"))
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
    assert_eq!(kinds[..2], ["route-into-bridge", "no-such-endpoint"]);
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
    let gives_up = own.gives_up.unwrap();
    assert_eq!(
        (gives_up.after_s, gives_up.sysctl.as_str(), gives_up.value),
        (925, "net.ipv4.tcp_retries2", 15)
    );
    assert!(own.victims.is_none() && own.unknown.is_none());
    let remedy = &own.remedies.unwrap()[0];
    assert_eq!(
        (remedy.id.as_str(), remedy.command.as_str()),
        ("host-route", fixtures::HOST_ROUTE)
    );
    assert!(remedy.undo.as_ref().unwrap().starts_with("ip route del"));
    assert!(!remedy.effect.is_empty() && !remedy.risk.is_empty());
    assert_eq!(own.lost_events, 0);
}

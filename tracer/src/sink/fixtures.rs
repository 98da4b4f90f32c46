//! Findings of the swallowed SSH replies, with the figures of the real outage.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
};

use serde_json::{Value, json};
use tracer_core::{
    finding::{
        Bridge, ContainerRef, Counts, Evidence, EvidenceKind, Finding, Interface, Kind, NetnsRef,
        NetworkRef, Packet, Phase, Remedy, RouteRef, Verdict, Victim,
    },
    input::Process,
    time::Timestamp,
};

use super::{Banner, ecs::Origin};

pub(crate) const ID: &str = "reply-blackhole-4026531840-8-1";
pub(crate) const HOST_ROUTE: &str = "ip route add 172.22.10.119/32 via 172.42.10.1 dev eno8303";
/// Clears the screen, rings, reverses what follows and ends with a forged line.
pub(crate) const HOSTILE: &str =
    "ldap\x1b[2J\x07\u{202e}drow\u{2028}\u{9b}31m\n23:59:59Z RESOLVED: all is well";
const CONTAINER: IpAddr = IpAddr::V4(Ipv4Addr::new(172, 22, 0, 2));
const BRIDGE: &str = "br-80cb5a0c07bc";
const NETWORK: &str = "80cb5a0c07bc4d1fbe7dd1c3a5f0e2969b7ad74b2f2d1c96b0f4ad6d0a3c5e11";
/// 2026-11-20T23:59:59.123456789Z
const START: Timestamp = Timestamp(1_795_219_199_123_456_789);

const fn after(millis: u64) -> Timestamp {
    START.plus(millis * 1_000_000)
}

pub(crate) fn origin() -> Origin {
    Origin {
        hostname: "r550".into(),
        version: "0.1.0".into(),
    }
}

pub(crate) fn banner() -> Banner {
    Banner {
        version: "0.1.0".into(),
        hostname: "r550".into(),
        bridges: 3,
        namespaces: 1,
        daemons: vec!["docker 20.10.24 at unix:///var/run/docker.sock".into()],
        unseen: vec![],
    }
}

pub(crate) fn blind_banner() -> Banner {
    Banner {
        bridges: 1,
        namespaces: 2,
        daemons: vec!["no docker at unix:///var/run/docker.sock: permission denied".into()],
        unseen: vec![
            "Reasons of drops: this kernel (5.10) does not tell them, so a drop is named by the place \
             in the kernel where it happened."
                .into(),
            "Bridges of network namespace 4026532177: its process ended.".into(),
        ],
        ..banner()
    }
}

/// The first lost reply: nothing is proven yet beyond the route.
pub(crate) fn opened() -> Finding {
    Finding {
        id: ID.into(),
        kind: Kind::ReplyBlackhole,
        phase: Phase::Opened,
        verdict: Verdict::Suspected,
        sequence: 1,
        at: after(2),
        start: START,
        end: None,
        reason: format!(
            "Replies to 172.22.10.119 are routed into {BRIDGE}, where nobody has that address, \
             instead of out by eno8303."
        ),
        unknown: vec![],
        netns: NetnsRef {
            inum: 4_026_531_840,
            owner: "host".into(),
        },
        packet: Some(packet(119)),
        ingress: Some(Interface {
            name: "eno8303".into(),
            ifindex: 2,
        }),
        egress: Some(Interface {
            name: BRIDGE.into(),
            ifindex: 8,
        }),
        process: Some(Process {
            pid: 812,
            name: "sshd".into(),
        }),
        container: Some(ContainerRef {
            id: "5f1e8a2b9c0d4e7f".repeat(4),
            name: "openldap".into(),
        }),
        route: Some(route("172.22.0.0/16", None, BRIDGE)),
        expected_route: Some(route("0.0.0.0/0", Some("172.42.10.1"), "eno8303")),
        bridge: Some(Bridge {
            name: BRIDGE.into(),
            ifindex: 8,
            carrier: true,
            owner: "docker".into(),
        }),
        docker_network: Some(network()),
        victims: vec![Victim {
            address: address(119),
            packets: 1,
        }],
        evidence: vec![
            evidence(EvidenceKind::RouteIntoBridge, START, &[]),
            evidence(EvidenceKind::IngressAsymmetry, START, &[]),
            evidence(EvidenceKind::NoSuchEndpoint, START, &[]),
        ],
        counts: Counts {
            packets: 1,
            flows: 1,
            remotes: 1,
        },
        remedies: remedies(),
        lost_events: 0,
    }
}

/// A minute later: nobody answered ARP and the kernel dropped what waited.
pub(crate) fn confirmed() -> Finding {
    let drop = [("reason", json!("NEIGH_FAILED")), ("count", json!(3))];
    let mut finding = Finding {
        phase: Phase::Updated,
        verdict: Verdict::Confirmed,
        sequence: 2,
        at: Timestamp(1_795_219_272_500_000_000),
        victims: vec![Victim {
            address: address(119),
            packets: 415,
        }],
        counts: Counts {
            packets: 415,
            flows: 3,
            remotes: 1,
        },
        ..opened()
    };
    finding
        .evidence
        .push(evidence(EvidenceKind::NeighbourFailed, after(3062), &[]));
    finding
        .evidence
        .push(evidence(EvidenceKind::Drop, after(3062), &drop));
    finding
}

/// All of it at once, as when the outage was under way before tracing began.
pub(crate) fn opened_confirmed() -> Finding {
    Finding {
        phase: Phase::Opened,
        sequence: 1,
        ..confirmed()
    }
}

pub(crate) fn resolved() -> Finding {
    Finding {
        phase: Phase::Resolved,
        sequence: 3,
        at: after(132_000),
        end: Some(after(132_000)),
        reason: "Replies reach 172.22.10.119 again after 132 s; 415 packets lost.".into(),
        ..confirmed()
    }
}

/// Docker cannot be asked.
pub(crate) fn unknown_owner() -> Finding {
    Finding {
        verdict: Verdict::Inconclusive,
        unknown: vec![
            "Whose bridge this is: unix:///var/run/docker.sock cannot be used, permission denied."
                .into(),
        ],
        docker_network: None,
        container: None,
        process: None,
        bridge: Some(Bridge {
            name: BRIDGE.into(),
            ifindex: 8,
            carrier: false,
            owner: "unknown".into(),
        }),
        packet: Some(Packet {
            proto: 1,
            ports: None,
            icmp_type: Some(0),
            ..packet(119)
        }),
        netns: NetnsRef {
            inum: 4_026_532_177,
            owner: "process dockerd (pid 4711)".into(),
        },
        evidence: vec![
            evidence(EvidenceKind::RouteIntoBridge, START, &[]),
            evidence(EvidenceKind::GhostBridge, START, &[]),
        ],
        remedies: remedies().into_iter().take(1).collect(),
        lost_events: 12,
        ..opened()
    }
}

/// Every name that somebody else chooses is an attack.
pub(crate) fn hostile() -> Finding {
    let mut finding = opened();
    finding.reason = format!("Replies to 172.22.10.119 are routed into {HOSTILE}.");
    finding.container = Some(ContainerRef {
        id: "5f1e8a2b9c0d4e7f".repeat(4),
        name: HOSTILE.into(),
    });
    finding.process = Some(Process {
        pid: 812,
        name: "ss\x1bhd\u{e9}".into(),
    });
    if let Some(network) = &mut finding.docker_network {
        network.name = HOSTILE.repeat(4);
        network.compose_project = Some(HOSTILE.into());
        network.endpoints = vec![(HOSTILE.into(), Some(CONTAINER))];
    }
    finding.remedies.truncate(1);
    for remedy in &mut finding.remedies {
        remedy.command.push_str(" # \u{202e}\x1b[2J");
    }
    finding
}

pub(crate) fn many_victims() -> Finding {
    let victims = (1..=80).map(|last| Victim {
        address: address(last),
        packets: 105,
    });
    Finding {
        phase: Phase::Updated,
        sequence: 3,
        at: after(90_000),
        victims: victims.collect(),
        counts: Counts {
            packets: 8400,
            flows: 500,
            remotes: 80,
        },
        reason: format!("Replies to 80 addresses of 172.22.0.0/16 are routed into {BRIDGE}."),
        ..confirmed()
    }
}

pub(crate) fn events_lost() -> Finding {
    Finding {
        id: "events-lost-1".into(),
        kind: Kind::EventsLost,
        verdict: Verdict::Inconclusive,
        sequence: 4,
        reason: "1824 events of neigh_event_send_done were lost: the ring buffer was full.".into(),
        unknown: vec![
            "Whether other replies were lost meanwhile; packets are counted all the same.".into(),
        ],
        lost_events: 1824,
        ..minimal()
    }
}

/// Only what every finding has.
pub(crate) fn minimal() -> Finding {
    Finding {
        unknown: vec![],
        packet: None,
        ingress: None,
        egress: None,
        process: None,
        container: None,
        route: None,
        expected_route: None,
        bridge: None,
        docker_network: None,
        victims: vec![],
        evidence: vec![],
        counts: Counts::default(),
        remedies: vec![],
        ..opened()
    }
}

fn address(last: u8) -> IpAddr {
    [172, 22, 10, last].into()
}

fn packet(last: u8) -> Packet {
    Packet {
        source: [172, 42, 10, 112].into(),
        destination: address(last),
        proto: 6,
        ports: Some((22, 51514)),
        icmp_type: None,
    }
}

fn route(prefix: &str, gateway: Option<&str>, device: &str) -> RouteRef {
    RouteRef {
        prefix: prefix.parse().unwrap(),
        gateway: gateway.map(|gateway| gateway.parse().unwrap()),
        device: device.into(),
        table: 254,
    }
}

fn network() -> NetworkRef {
    NetworkRef {
        id: NETWORK.into(),
        name: "XXXX-openldap_default".into(),
        subnets: vec!["172.22.0.0/16".parse().unwrap()],
        daemon: "unix:///var/run/docker.sock".into(),
        compose_project: Some("XXXX-openldap".into()),
        created: Some(Timestamp(1_795_219_198_402_000_000)),
        endpoints: vec![("openldap".into(), Some(CONTAINER))],
    }
}

fn evidence(kind: EvidenceKind, at: Timestamp, detail: &[(&'static str, Value)]) -> Evidence {
    Evidence {
        kind,
        at,
        detail: detail.iter().cloned().collect::<BTreeMap<_, _>>(),
    }
}

fn remedies() -> Vec<Remedy> {
    vec![
        Remedy {
            id: "host-route",
            command: HOST_ROUTE.into(),
            undo: HOST_ROUTE.replace("add", "del"),
            effect: "Lets 172.22.10.119 back in at once, until the next reboot.".into(),
            risk: "Containers of XXXX-openldap_default cannot be given that address meanwhile."
                .into(),
        },
        Remedy {
            id: "compose-subnet",
            command:
                "cat > docker-compose.override.yml <<'EOF'\nnetworks:\n  default:\n    ipam:\n\
                      \x20     config:\n        - subnet: 10.213.0.0/24\nEOF\n\
                      docker compose down && docker compose up -d"
                    .into(),
            undo: "rm docker-compose.override.yml && docker compose down && docker compose up -d"
                .into(),
            effect:
                "Moves the network to 10.213.0.0/24, which no route, network or peer seen here \
                     uses. Type it in the project's folder."
                    .into(),
            risk: "The containers of XXXX-openldap are stopped and started.".into(),
        },
        Remedy {
            id: "daemon-pools",
            command:
                "cat > /etc/docker/daemon.json <<'EOF'\n{\n  \"default-address-pools\": [\n    \
                      {\"base\": \"10.213.0.0/16\", \"size\": 24}\n  ]\n}\nEOF\n\
                      systemctl restart docker"
                    .into(),
            undo: "rm /etc/docker/daemon.json && systemctl restart docker".into(),
            effect: "Lets docker take future networks from 10.213.0.0/16, away from your clients."
                .into(),
            risk: "Restarts dockerd: containers without live-restore stop. Existing networks keep \
                   their subnets."
                .into(),
        },
    ]
}

//! Packets that do not meet an unanswering neighbour: misdelivered, dropped on arrival, or on the
//! wrong one of two bridges.

use std::net::IpAddr;

use tracer_common::{DropReason, Event, Flow, Hook, Way, event_flags, v4_mapped};
use tracer_core::{
    finding::{ContainerRole, EvidenceKind, Finding, Kind, Phase, Verdict},
    input::{Body, Counter, DockerEndpoint, DockerNetwork, NetChange, Sysctls},
    time::SECOND,
};

use crate::{
    common::{ENDPOINT, HOST, link, network, route},
    story::{ACK, PC, SYN, Story, has, only, segment},
};

/// A reply to the pc is routed into the bridge although the pc came in by the uplink.
pub(crate) fn misrouted() -> Event {
    Event {
        flags: event_flags::FLOW | event_flags::LOOKUP | event_flags::INGRESS,
        ingress_ifindex: 2,
        ..segment(Hook::FibLookup, 3, PC, 22)
    }
}

/// A container gets the pc's address.
pub(crate) fn container_owns_the_pcs_address(story: &mut Story) {
    let endpoint = DockerEndpoint {
        container: "c2".to_owned(),
        container_name: "thief".to_owned(),
        addresses: vec![IpAddr::from(PC)],
        ..network(true).endpoints[0].clone()
    };
    story.tell(Body::DockerNetwork {
        daemon: ENDPOINT.to_owned(),
        network: DockerNetwork {
            endpoints: vec![endpoint],
            ..network(false)
        },
    });
}

pub(crate) fn dropped_on_arrival(before: u64) -> Event {
    let flow = Flow {
        saddr: v4_mapped(PC),
        daddr: v4_mapped([172, 42, 10, 112]),
        sport: 51_514,
        dport: 22,
        proto: 6,
        tcp_flags: SYN,
        ..Flow::default()
    };
    Event {
        before,
        reason: DropReason::IpRpFilter as u8,
        flags: event_flags::FLOW | event_flags::LOOKUP | event_flags::INGRESS,
        ingress_ifindex: 2,
        flow,
        ..segment(Hook::SkbDrop, 3, PC, 0)
    }
}

#[test]
fn a_container_with_the_clients_address_gets_the_replies() {
    let mut story = Story::begin();
    container_owns_the_pcs_address(&mut story);
    let finding = only(story.event(&misrouted()));
    assert_eq!(
        (finding.kind, finding.verdict),
        (Kind::Misdelivery, Verdict::Confirmed)
    );
    assert_eq!(
        finding
            .container
            .as_ref()
            .map(|it| (it.role, it.container.name.as_str())),
        Some((ContainerRole::Receiver, "thief"))
    );
    assert!(has(&finding, EvidenceKind::EndpointHasAddress));
    assert!(!has(&finding, EvidenceKind::NoSuchEndpoint));
    story.now += 1;
    story.kernel(Hook::TcpReset, 3, PC, 22);
    let reset = only(story.after(SECOND));
    assert!(has(&reset, EvidenceKind::ResetByContainer));
    let counter = Counter {
        way: Way::Misdelivered as u32,
        misrouted: 4,
        delivered: 9,
        ..Counter::zero(HOST, 3, IpAddr::from(PC))
    };
    story.tell(Body::Counters(vec![counter]));
    let counted = only(story.after(20 * SECOND));
    assert_eq!(counted.counts.packets, 9);
}

#[test]
fn a_reset_that_is_told_before_the_reply_is_no_less_a_proof() {
    let mut story = Story::begin();
    container_owns_the_pcs_address(&mut story);
    assert_eq!(story.kernel(Hook::TcpReset, 3, PC, 22), Vec::new());
    let finding = only(story.event(&misrouted()));
    assert!(has(&finding, EvidenceKind::ResetByContainer));
    // One of long ago is of another connection.
    let mut story = Story::begin();
    container_owns_the_pcs_address(&mut story);
    story.kernel(Hook::TcpReset, 3, PC, 22);
    story.after(300 * SECOND);
    let finding = only(story.event(&misrouted()));
    assert!(!has(&finding, EvidenceKind::ResetByContainer));
}

#[test]
fn nobody_with_the_clients_address_leaves_the_word_to_the_neighbour() {
    let mut story = Story::begin();
    assert_eq!(story.event(&misrouted()), Vec::new());
    assert_eq!(story.after(SECOND), Vec::new());
}

#[test]
fn a_container_that_takes_the_address_turns_the_outage_into_another() {
    let mut story = Story::begin();
    let lost = Event {
        flags: event_flags::FLOW | event_flags::INGRESS,
        ingress_ifindex: 2,
        ..segment(Hook::NeighSend, 3, PC, 22)
    };
    assert_eq!(only(story.event(&lost)).kind, Kind::ReplyBlackhole);
    container_owns_the_pcs_address(&mut story);
    let told = story.event(&misrouted());
    let phases: Vec<_> = told.iter().map(|f| (f.kind, f.phase)).collect();
    assert_eq!(
        phases,
        [
            (Kind::ReplyBlackhole, Phase::Resolved),
            (Kind::Misdelivery, Phase::Opened)
        ]
    );
}

#[test]
fn one_packet_dropped_on_arrival_may_have_a_made_up_source() {
    let mut story = Story::begin();
    assert_eq!(story.event(&dropped_on_arrival(0)), Vec::new());
    assert_eq!(story.after(SECOND), Vec::new());
    assert_eq!(story.event(&dropped_on_arrival(1)), Vec::new());
    let finding = only(story.after(2 * SECOND));
    assert_eq!(
        (finding.kind, finding.verdict),
        (Kind::ReversePathDrop, Verdict::Confirmed)
    );
    assert_eq!(finding.counts.packets, 2);
    assert!(has(&finding, EvidenceKind::ReversePath) && has(&finding, EvidenceKind::Drop));
    assert!(
        finding.reason.contains("rp_filter is only the messenger"),
        "{}",
        finding.reason
    );
    assert!(
        finding
            .remedies
            .iter()
            .all(|r| !r.command.contains("rp_filter"))
    );
    assert!(finding.remedies.iter().any(|r| r.id == "host-route"));
    assert_eq!(finding.egress, None);
}

#[test]
fn many_packets_dropped_on_arrival_within_a_second_are_told_of_once_and_counted() {
    let counted = |died| {
        let counter = Counter {
            way: Way::Arriving as u32,
            dropped: [(DropReason::IpRpFilter as u8, died)].into(),
            ..Counter::zero(HOST, 3, IpAddr::from(PC))
        };
        Body::Counters(vec![counter])
    };
    let mut story = Story::begin();
    story.event(&dropped_on_arrival(0));
    assert_eq!(story.tell(counted(1)), Vec::new());
    assert_eq!(story.tell(counted(200)), Vec::new());
    let finding = only(story.after(3 * SECOND));
    assert_eq!(finding.kind, Kind::ReversePathDrop);
    assert_eq!(finding.counts.packets, 200);
    // The counters may be read before the event is taken in.
    let mut story = Story::begin();
    story.tell(counted(200));
    story.event(&dropped_on_arrival(0));
    assert_eq!(only(story.after(3 * SECOND)).counts.packets, 200);
}

#[test]
fn whoever_came_in_by_the_uplink_is_asked_for_in_vain_at_once() {
    let mut story = Story::begin();
    let ask = Event {
        flow: Flow {
            sport: 40_000,
            dport: 443,
            tcp_flags: SYN,
            ..segment(Hook::NeighSend, 3, PC, 22).flow
        },
        flags: event_flags::FLOW | event_flags::INGRESS,
        ingress_ifindex: 2,
        ..segment(Hook::NeighSend, 3, PC, 22)
    };
    let finding = only(story.event(&ask));
    assert_eq!(
        (finding.kind, finding.verdict),
        (Kind::RequestBlackhole, Verdict::Confirmed)
    );
}

#[test]
fn of_two_bridges_with_one_prefix_the_older_swallows_the_others_containers() {
    let mut story = Story::begin();
    story.net(NetChange::Route(route("172.22.0.0/16", 4, None)));
    story.tell(Body::DockerNetwork {
        daemon: ENDPOINT.to_owned(),
        network: DockerNetwork {
            id: "feedfeedfeed0000".to_owned(),
            name: "again".to_owned(),
            options: [("com.docker.network.bridge.name".to_owned(), link(4).name)].into(),
            ..network(true)
        },
    });
    let event = segment(Hook::NeighSend, 3, [172, 22, 0, 2], 22);
    let finding = only(story.event(&event));
    assert_eq!(finding.kind, Kind::ReplyBlackhole);
    assert!(has(&finding, EvidenceKind::DuplicateRoute));
    assert_eq!(finding.expected_route.as_ref().unwrap().device, "br-other");
    let concerned = finding.container.as_ref().unwrap();
    assert_eq!(
        (concerned.role, concerned.container.name.as_str()),
        (ContainerRole::CutOff, "openldap")
    );
    let drop = finding
        .remedies
        .iter()
        .find(|r| r.id == "drop-route")
        .unwrap();
    assert_eq!(
        drop.command,
        "ip route del 172.22.0.0/16 dev br-80cb5a0c07bc"
    );
}

#[test]
fn a_connection_says_when_it_gives_up() {
    let mut story = Story::begin();
    story.net(NetChange::Sysctls(Sysctls { tcp_retries2: 15 }));
    let finding: Finding = only(story.lose_segment(PC));
    let gives_up = finding.gives_up.unwrap();
    assert_eq!((gives_up.after_s, gives_up.value), (925, 15));
    // Not one that is being made.
    let mut story = Story::begin();
    story.net(NetChange::Sysctls(Sysctls { tcp_retries2: 15 }));
    let opening = Event {
        flow: Flow {
            tcp_flags: SYN | ACK,
            ..segment(Hook::NeighSend, 3, PC, 22).flow
        },
        ..segment(Hook::NeighSend, 3, PC, 22)
    };
    assert_eq!(only(story.event(&opening)).gives_up, None);
}

/// Another docker host's containers have the same addresses, and their packets leak.
#[test]
fn a_container_with_the_senders_address_excuses_what_is_dropped_on_arrival() {
    let mut story = Story::begin();
    container_owns_the_pcs_address(&mut story);
    for before in 0..5 {
        story.event(&dropped_on_arrival(before));
        assert_eq!(story.after(SECOND), Vec::new());
    }
}

/// With `rp_filter` loosened the request gets in, and the reply is lost.
#[test]
fn a_lost_reply_ends_the_drops_on_arrival() {
    let mut story = Story::begin();
    for before in 0..4 {
        story.event(&dropped_on_arrival(before));
        story.after(SECOND);
    }
    let told = story.lose_segment(PC);
    let phases: Vec<_> = told.iter().map(|f| (f.kind, f.phase)).collect();
    assert_eq!(
        phases,
        [
            (Kind::ReplyBlackhole, Phase::Opened),
            (Kind::ReversePathDrop, Phase::Resolved)
        ]
    );
}

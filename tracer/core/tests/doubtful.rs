//! Questions to an address that nobody has: told only if they go on, or if it is known to be outside.

use std::net::IpAddr;

use tracer_common::{DropReason, Event, Flow, Hook, Way, event_flags, v4_mapped};
use tracer_core::{
    finding::{EvidenceKind, Finding, Kind, Phase, Verdict},
    input::{
        Body, Counter, DockerContainer, DockerEndpoint, DockerNetwork, Landmark, LandmarkRole,
        PublishedPort,
    },
    time::{SECOND, Timestamp},
};

use crate::common::{ENDPOINT, HOST, link, network};
use crate::story::{ACK, CONTAINER, SYN, Story, has, only, segment};

pub(crate) const REGISTRY: [u8; 4] = [172, 22, 7, 7];
const UPLINK: [u8; 4] = [172, 42, 10, 112];
const TCP: u8 = 6;
const UDP: u8 = 17;

/// A packet of this host to port `dport` of `remote` meets an unresolved neighbour.
fn ask(remote: [u8; 4], dport: u16, proto: u8, tcp_flags: u8) -> Event {
    let flow = Flow {
        saddr: v4_mapped(UPLINK),
        daddr: v4_mapped(remote),
        sport: 40_000,
        dport,
        proto,
        tcp_flags,
        ..Flow::default()
    };
    Event {
        flow,
        ..segment(Hook::NeighSend, 3, remote, 0)
    }
}

/// A container on the other bridge is reached by port 8007 of the host.
fn publish(story: &mut Story) {
    let endpoint = DockerEndpoint {
        network: "feedfeedfeed0000".to_owned(),
        container: "c9".to_owned(),
        container_name: "web".to_owned(),
        addresses: vec![IpAddr::from([172, 18, 0, 2])],
        mac: None,
    };
    let network = DockerNetwork {
        id: endpoint.network.clone(),
        name: "apps".to_owned(),
        options: [("com.docker.network.bridge.name".to_owned(), link(4).name)].into(),
        endpoints: vec![endpoint],
        ..network(false)
    };
    let container = DockerContainer {
        id: "c9".to_owned(),
        name: "web".to_owned(),
        state: "running".to_owned(),
        ports: vec![PublishedPort {
            proto: TCP,
            host: 8007,
            container: 7,
        }],
        ..DockerContainer::default()
    };
    let daemon = ENDPOINT.to_owned();
    story.tell(Body::DockerNetwork { daemon, network });
    let daemon = ENDPOINT.to_owned();
    story.tell(Body::DockerContainer { daemon, container });
}

pub(crate) fn connect(story: &mut Story, remote: [u8; 4]) -> Vec<Finding> {
    story.event(&ask(remote, 443, TCP, SYN))
}

/// A container's packet, come in by `iif`, is dropped by the firewall on its way into the bridge.
pub(crate) fn forward(remote: [u8; 4], iif: u32, sport: u16, dport: u16, tcp_flags: u8) -> Event {
    let flow = Flow {
        saddr: v4_mapped([172, 18, 0, 2]),
        daddr: v4_mapped(remote),
        sport,
        dport,
        proto: TCP,
        tcp_flags,
        ..Flow::default()
    };
    Event {
        reason: DropReason::NetfilterDrop as u8,
        flags: event_flags::FLOW | event_flags::LOOKUP | event_flags::FORWARDED,
        forwarded_iif: iif,
        flow,
        ..segment(Hook::SkbDrop, 3, remote, 0)
    }
}

#[test]
fn a_connection_that_is_tried_again_is_suspected_after_three_seconds() {
    let mut story = Story::begin();
    assert_eq!(connect(&mut story, REGISTRY), Vec::new());
    assert_eq!(story.after(SECOND), Vec::new());
    assert_eq!(connect(&mut story, REGISTRY), Vec::new());
    let finding = only(story.after(2 * SECOND));
    assert_eq!(
        (finding.kind, finding.verdict),
        (Kind::RequestBlackhole, Verdict::Suspected)
    );
    assert_eq!(finding.counts.packets, 2);
    assert!(
        finding.reason.contains("if it is a machine outside"),
        "{}",
        finding.reason
    );
    // What died meanwhile does not make an unknown machine an outside one.
    story.kernel(Hook::SkbDrop, 3, REGISTRY, 40_000);
    story.kernel(Hook::NeighTimer, 3, REGISTRY, 0);
    let later = story.after(2 * SECOND);
    assert!(
        later.iter().all(|f| f.verdict == Verdict::Suspected),
        "{later:#?}"
    );
}

#[test]
fn a_single_question_is_told_once_the_neighbour_has_failed() {
    let mut story = Story::begin();
    assert_eq!(connect(&mut story, REGISTRY), Vec::new());
    assert_eq!(story.after(3 * SECOND), Vec::new());
    let failed = story.kernel(Hook::NeighTimer, 3, REGISTRY, 0);
    let finding = only(failed);
    assert_eq!(finding.kind, Kind::RequestBlackhole);
    assert!(has(&finding, EvidenceKind::NeighbourFailed));
}

#[test]
fn a_single_question_is_told_once_the_neighbour_table_says_it_failed() {
    let mut story = Story::begin();
    assert_eq!(connect(&mut story, REGISTRY), Vec::new());
    story.after(SECOND);
    assert_eq!(story.neighbour_table(REGISTRY, false), Vec::new());
    // As fast as it may fail elsewhere: nothing is told sooner than after three seconds.
    assert_eq!(story.after(SECOND), Vec::new());
    let finding = only(story.after(SECOND));
    assert_eq!(finding.kind, Kind::RequestBlackhole);
    assert!(has(&finding, EvidenceKind::NeighbourFailed) && has(&finding, EvidenceKind::Drop));
}

/// The first failure is of what somebody else asked before.
#[test]
fn a_failure_before_the_question_proves_nothing_of_it() {
    let mut story = Story::begin();
    story.neighbour_table(REGISTRY, false);
    story.now += SECOND / 3;
    assert_eq!(connect(&mut story, REGISTRY), Vec::new());
    let begun = Timestamp(story.now);
    assert_eq!(story.after(SECOND), Vec::new());
    story.now += 2 * SECOND;
    story.neighbour_table(REGISTRY, false);
    let finding = only(story.after(SECOND));
    let failed = finding
        .evidence
        .iter()
        .find(|it| it.kind == EvidenceKind::NeighbourFailed);
    assert!(failed.is_some_and(|it| it.at > begun), "{finding:#?}");
}

#[test]
fn a_question_that_is_answered_late_is_none() {
    let mut story = Story::begin();
    connect(&mut story, REGISTRY);
    story.after(SECOND);
    connect(&mut story, REGISTRY);
    story.answer(REGISTRY);
    assert_eq!(story.after(10 * SECOND), Vec::new());
}

#[test]
fn whoever_asks_for_many_is_looking_around() {
    let mut story = Story::begin();
    for round in 0..4 {
        for last in 1..6 {
            let remote = [172, 22, 9, last];
            assert_eq!(connect(&mut story, remote), Vec::new());
            assert_eq!(
                story.kernel(Hook::NeighTimer, 3, remote, 0),
                Vec::new(),
                "{round}"
            );
        }
        assert_eq!(story.after(SECOND), Vec::new());
    }
    assert_eq!(story.after(20 * SECOND), Vec::new());
}

#[test]
fn a_container_that_was_here_is_asked_for_in_vain_without_a_word() {
    let mut story = Story::begin();
    story.docker(true);
    story.docker(false);
    connect(&mut story, CONTAINER);
    story.after(SECOND);
    connect(&mut story, CONTAINER);
    assert_eq!(story.after(5 * SECOND), Vec::new());
}

#[test]
fn a_nameserver_in_the_subnet_takes_name_resolution_down_at_once() {
    let mut story = Story::begin();
    story.tell(Body::Landmarks(vec![Landmark {
        address: IpAddr::from(REGISTRY),
        role: LandmarkRole::Nameserver,
        source: "/etc/resolv.conf".to_owned(),
    }]));
    let finding = only(story.event(&ask(REGISTRY, 53, UDP, 0)));
    assert_eq!(finding.kind, Kind::RequestBlackhole);
    assert!(has(&finding, EvidenceKind::ConfiguredPeer));
    assert!(
        finding.reason.contains("name resolution"),
        "{}",
        finding.reason
    );
    story.after(3 * SECOND);
    story.kernel(Hook::SkbDrop, 3, REGISTRY, 40_000);
    let confirmed = only(story.kernel(Hook::NeighTimer, 3, REGISTRY, 0));
    assert_eq!(confirmed.verdict, Verdict::Confirmed);
}

#[test]
fn a_connection_this_host_opened_before_the_network_is_sure_if_it_goes_on() {
    let mut story = Story::begin();
    for _ in 0..2 {
        // A scanner sends as much, to many.
        assert_eq!(story.event(&ask(REGISTRY, 443, TCP, ACK)), Vec::new());
        assert_eq!(story.after(SECOND), Vec::new());
    }
    let finding = only(story.after(SECOND));
    assert_eq!(finding.kind, Kind::RequestBlackhole);
    assert!(!finding.reason.contains("if it is"), "{}", finding.reason);
}

#[test]
fn the_reply_of_a_published_port_is_told_at_once() {
    let mut story = Story::begin();
    let event = Event {
        ingress_ifindex: 2,
        ..forward(REGISTRY, 4, 80, 51_514, SYN | ACK)
    };
    let event = Event {
        flags: event.flags | event_flags::INGRESS,
        ..event
    };
    // Who sent it is asked for a moment.
    assert_eq!(story.event(&event), Vec::new());
    let finding = only(story.after(SECOND / 20));
    assert_eq!(
        (finding.kind, finding.verdict),
        (Kind::ForwardBlackhole, Verdict::Confirmed)
    );
    assert!(has(&finding, EvidenceKind::IngressAsymmetry) && has(&finding, EvidenceKind::Drop));
    assert_eq!(finding.counts.packets, 1);
}

#[test]
fn a_containers_question_is_told_if_it_goes_on() {
    let mut story = Story::begin();
    for pause in [SECOND, 2 * SECOND] {
        assert_eq!(
            story.event(&forward(REGISTRY, 4, 40_000, 443, SYN)),
            Vec::new()
        );
        assert_eq!(story.after(SECOND / 20), Vec::new());
        story.now += pause - SECOND / 10;
    }
    let finding = only(story.after(SECOND));
    assert_eq!(
        (finding.kind, finding.verdict),
        (Kind::ForwardBlackhole, Verdict::Suspected)
    );
}

#[test]
fn docker_keeps_its_networks_apart_without_a_word() {
    let mut story = Story::begin();
    story.docker(true);
    for _ in 0..5 {
        assert_eq!(
            story.event(&forward(CONTAINER, 4, 40_000, 80, SYN)),
            Vec::new()
        );
        assert_eq!(story.after(SECOND), Vec::new());
    }
    // Nor is it this host's business what somebody outside asks for.
    for _ in 0..5 {
        assert_eq!(
            story.event(&forward(REGISTRY, 2, 40_000, 80, SYN)),
            Vec::new()
        );
        assert_eq!(story.after(SECOND), Vec::new());
    }
}

/// A burst is told of once by the kernel half; the firewall drops it, and no neighbour ever fails.
#[test]
fn a_containers_burst_is_told_by_its_count() {
    let mut story = Story::begin();
    let burst = forward(REGISTRY, 4, 40_000, 514, ACK | SYN);
    let burst = Event {
        flow: Flow {
            proto: UDP,
            tcp_flags: 0,
            ..burst.flow
        },
        ..burst
    };
    assert_eq!(story.event(&burst), Vec::new());
    assert_eq!(story.after(SECOND / 20), Vec::new());
    let counter = Counter {
        way: Way::Forwarded as u32,
        dropped: [(DropReason::NetfilterDrop as u8, 10)].into(),
        ..Counter::zero(HOST, 3, IpAddr::from(REGISTRY))
    };
    story.tell(Body::Counters(vec![counter]));
    let finding = only(story.after(3 * SECOND));
    assert_eq!(
        (finding.kind, finding.verdict),
        (Kind::ForwardBlackhole, Verdict::Suspected)
    );
    assert_eq!(finding.counts.packets, 10);
    assert!(
        finding.reason.contains("if it is a machine outside"),
        "{}",
        finding.reason
    );
}

/// Where docker's rules let the reply through, it has the host's address when it dies in the other
/// bridge, and that it dies there says that the neighbour failed.
#[test]
fn a_reply_with_the_hosts_address_is_the_publishers() {
    let mut story = Story::begin();
    publish(&mut story);
    let event = forward(REGISTRY, 4, 8007, 51_514, SYN | ACK);
    let event = Event {
        reason: DropReason::NeighFailed as u8,
        flow: Flow {
            saddr: v4_mapped(UPLINK),
            ..event.flow
        },
        ..event
    };
    let finding = only(story.event(&event));
    assert_eq!(
        (finding.kind, finding.verdict),
        (Kind::ForwardBlackhole, Verdict::Confirmed)
    );
    assert!(has(&finding, EvidenceKind::NeighbourFailed) && has(&finding, EvidenceKind::Drop));
    assert_eq!(finding.container.as_ref().unwrap().container.name, "web");
    let replies = "Replies of container web (published as port 8007)";
    assert!(finding.reason.contains(replies), "{}", finding.reason);
}

/// What proves a loss comes while its packet waits for docker's word.
#[test]
fn evidence_does_not_overtake_its_packet() {
    let mut story = Story::begin();
    let event = forward(REGISTRY, 4, 80, 51_514, SYN | ACK);
    assert_eq!(story.event(&event), Vec::new());
    let failed = story.kernel(Hook::NeighTimer, 3, REGISTRY, 0);
    assert_eq!(failed, Vec::new());
    let finding = only(story.after(SECOND / 20));
    assert!(has(&finding, EvidenceKind::NeighbourFailed));
}

/// `nmap -sA`: acknowledgements of nothing.
#[test]
fn a_scanner_that_pretends_to_old_connections_is_one_too() {
    let mut story = Story::begin();
    for round in 0..4 {
        for last in 1..6 {
            let event = forward([172, 22, 9, last], 4, 40_000, 80, ACK);
            assert_eq!(story.event(&event), Vec::new(), "{round}");
        }
        assert_eq!(story.after(SECOND), Vec::new());
    }
    assert_eq!(story.after(20 * SECOND), Vec::new());
}

/// A firewall that keeps containers from a service of the host's.
#[test]
fn what_is_for_this_host_itself_is_not_lost_in_a_bridge() {
    let mut story = Story::begin();
    for _ in 0..5 {
        story.event(&forward(UPLINK, 4, 40_000, 80, SYN));
        assert_eq!(story.after(SECOND), Vec::new());
    }
}

#[test]
fn a_question_that_nobody_asks_any_more_is_no_news() {
    let mut story = Story::begin();
    connect(&mut story, REGISTRY);
    story.after(SECOND);
    connect(&mut story, REGISTRY);
    let opened = only(story.after(2 * SECOND));
    assert!(!story.core.watched().is_empty());
    let ended = only(story.after(60 * SECOND));
    assert_eq!((ended.id, ended.phase), (opened.id, Phase::Resolved));
    assert!(
        ended.reason.contains("not sent any more"),
        "{}",
        ended.reason
    );
    assert!(story.core.watched().is_empty());
}

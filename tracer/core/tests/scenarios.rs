//! Judgements on small worlds: each test is a story of a few inputs.

use std::net::IpAddr;

use tracer_common::{Event, Flow, Hook, event_flags, v4_mapped};
use tracer_core::{
    finding::{EvidenceKind, Kind, Phase, Verdict},
    input::{
        Body, Cause, Daemon, DaemonStatus, DockerNetwork, Link, Neighbour, NetChange, Unreachable,
    },
    time::SECOND,
};
use zerocopy::IntoBytes as _;

use crate::{
    common::{ENDPOINT, HOST, ID, healthy, link, network, route},
    story::{ACK, CONTAINER, PC, SYN, Story, has, only, segment},
};

#[test]
fn a_lost_segment_is_suspected_at_once_and_confirmed_by_its_death() {
    let mut story = Story::begin();
    let opened = only(story.lose_segment(PC));
    assert_eq!(
        (opened.phase, opened.verdict),
        (Phase::Opened, Verdict::Suspected)
    );
    assert_eq!(
        opened.expected_route.as_ref().map(|r| r.device.as_str()),
        Some("eno8303")
    );
    story.after(3 * SECOND);
    story.kernel(Hook::SkbDrop, 3, PC, 22);
    let confirmed = only(story.kernel(Hook::NeighTimer, 3, PC, 0));
    assert_eq!(
        (confirmed.phase, confirmed.verdict),
        (Phase::Updated, Verdict::Confirmed)
    );
    assert!(has(&confirmed, EvidenceKind::Drop) && has(&confirmed, EvidenceKind::NeighbourFailed));
}

/// The last of what the kernel's log says of the bridge that packets are lost in, and of nobody else's.
#[test]
fn the_kernels_log_about_the_bridge_is_evidence() {
    let mut story = Story::begin();
    let bridge = link(3).name;
    for text in [
        format!("{bridge}: port 1(veth4ac7512) entered blocking state"),
        format!("{bridge}: port 1(veth4ac7512) entered forwarding state"),
        "veth4ac7512: left promiscuous mode".to_owned(),
        format!("{bridge}: port 1(veth4ac7512) entered disabled state"),
        "br-ffffffffffff: port 1(veth0000000) entered disabled state".to_owned(),
    ] {
        story.after(SECOND);
        let by_kernel = true;
        story.tell(Body::KernelLog { text, by_kernel });
    }
    let opened = only(story.lose_segment(PC));
    let said = opened.evidence.iter();
    let said = said.filter(|piece| piece.kind == EvidenceKind::KernelLog);
    let said: Vec<&str> = said
        .filter_map(|piece| piece.detail["text"].as_str())
        .collect();
    assert_eq!(
        said,
        [
            "the kernel's log: veth4ac7512: left promiscuous mode".to_owned(),
            format!("the kernel's log: {bridge}: port 1(veth4ac7512) entered disabled state"),
        ]
    );
    assert!(
        opened
            .evidence
            .is_sorted_by_key(|piece| (piece.at, piece.kind))
    );
}

#[test]
fn a_container_that_just_died_is_no_outage() {
    let mut story = Story::begin();
    story.docker(true);
    story.docker(false);
    assert_eq!(story.lose_segment(CONTAINER), Vec::new());
}

#[test]
fn a_container_of_the_network_that_was_here_before_is_no_outage() {
    let mut story = Story::begin();
    story.docker(true);
    story.tell(Body::DockerNetworkGone {
        daemon: ENDPOINT.to_owned(),
        id: ID.to_owned(),
    });
    story.net(NetChange::LinkGone(3));
    // The project is made anew: the same subnet on another network's bridge.
    let anew = DockerNetwork {
        id: "feedfeedfeed0000".to_owned(),
        ..network(false)
    };
    let bridge = Link {
        ifindex: 7,
        name: "br-feedfeedfeed".to_owned(),
        ..link(3)
    };
    story.net(NetChange::Link(bridge));
    story.net(NetChange::Route(route("172.22.0.0/16", 7, None)));
    story.tell(Body::DockerNetwork {
        daemon: ENDPOINT.to_owned(),
        network: anew,
    });
    let old = story.kernel(Hook::NeighSend, 7, CONTAINER, 22);
    assert_eq!((old, story.after(SECOND)), (Vec::new(), Vec::new()));
    // Only who was a container is excused.
    assert_eq!(
        only(story.kernel(Hook::NeighSend, 7, PC, 22)).phase,
        Phase::Opened
    );
}

#[test]
fn a_container_that_comes_in_by_another_network_is_no_outage() {
    let mut story = Story::begin();
    story.docker(true);
    assert_eq!(story.lose_segment(CONTAINER), Vec::new());
    story.kernel(Hook::DevReceive, 4, CONTAINER, 0);
    assert_eq!(story.lose_segment(CONTAINER), Vec::new());
    assert_eq!(story.after(SECOND), Vec::new());
}

#[test]
fn a_container_that_came_in_by_a_bridge_that_is_gone_is_no_outage() {
    let mut story = Story::begin();
    story.docker(true);
    story.docker(false);
    assert_eq!(story.lose_segment(CONTAINER), Vec::new());
    story.kernel(Hook::DevReceive, 9, CONTAINER, 0);
    assert_eq!(story.lose_segment(CONTAINER), Vec::new());
    assert_eq!(story.after(SECOND), Vec::new());
}

#[test]
fn a_request_in_a_namespace_that_is_gone_is_nobodys_loss() {
    let mut story = Story::begin();
    let told = |story: &mut Story, sport, tcp_flags| {
        let remote = v4_mapped([10, 55, 0, 2]);
        let flow = Flow {
            saddr: v4_mapped([10, 55, 0, 1]),
            daddr: remote,
            sport,
            dport: 443,
            proto: 6,
            tcp_flags,
            ..Flow::default()
        };
        let event = Event {
            hook: Hook::NeighSend as u8,
            netns: HOST + 1,
            ifindex: 3,
            remote,
            flags: event_flags::FLOW,
            flow,
            ..Event::default()
        };
        story.tell(Body::Kernel(event.as_bytes().to_vec()));
        story.after(3 * SECOND)
    };
    assert_eq!(told(&mut story, 40_000, SYN), Vec::new());
    let lost = only(told(&mut story, 22, ACK));
    assert_eq!(lost.kind, Kind::EventsLost, "a reply is missed");
}

#[test]
fn what_is_not_known_of_a_namespace_is_said_of_that_one_only() {
    let mut story = Story::begin();
    let gone = |story: &mut Story| {
        let event = Event {
            netns: HOST + 1,
            ..segment(Hook::NeighSend, 3, PC, 22)
        };
        story.event(&event);
        only(story.after(3 * SECOND))
    };
    let first = gone(&mut story);
    assert_eq!((first.netns.inum, first.lost_events), (HOST + 1, 1));
    assert_eq!(first.phase, Phase::Opened);
    let second = gone(&mut story);
    assert_eq!((&second.id, second.lost_events), (&first.id, 2));
    assert_eq!(second.phase, Phase::Updated);
    // The host's own loss is judged by what is known of the host.
    let opened = only(story.lose_segment(PC));
    assert_eq!(
        (opened.netns.inum, opened.verdict, opened.lost_events),
        (HOST, Verdict::Suspected, 0)
    );
}

#[test]
fn a_record_that_makes_no_sense_may_be_missing_anywhere() {
    let mut story = Story::begin();
    story.tell(Body::Kernel(vec![0; 3]));
    let lost = only(story.after(SECOND));
    assert_eq!((lost.kind, lost.netns.inum), (Kind::EventsLost, HOST));
    let opened = only(story.lose_segment(PC));
    assert_eq!(
        (opened.verdict, opened.lost_events),
        (Verdict::Inconclusive, 1)
    );
}

#[test]
fn a_packet_that_leaves_elsewhere_outranks_the_route_of_a_bridge_without_carrier() {
    let mut story = Story::begin();
    let ghost = Link {
        carrier: false,
        ..link(3)
    };
    story.net(NetChange::Link(ghost));
    only(story.lose_segment(PC));
    let resolved = story.kernel(Hook::DevQueue, 2, PC, 22);
    assert_eq!(only(resolved).phase, Phase::Resolved);
}

#[test]
fn a_packet_that_leaves_elsewhere_proves_nothing_while_the_bridge_has_carrier() {
    let mut story = Story::begin();
    only(story.lose_segment(PC));
    story.kernel(Hook::DevQueue, 2, PC, 22);
    let later = story.after(10 * SECOND);
    assert!(
        later.iter().all(|f| f.phase != Phase::Resolved),
        "{later:?}"
    );
}

#[test]
fn an_address_that_once_answered_arp_is_no_outage() {
    let mut story = Story::begin();
    let address = IpAddr::from(CONTAINER);
    let lladdr = Some("02:42:ac:16:00:02".to_owned());
    story.net(NetChange::Neighbour(Neighbour {
        ifindex: 3,
        address,
        lladdr,
        state: 2,
    }));
    assert_eq!(story.lose_segment(CONTAINER), Vec::new());
}

#[test]
fn an_excused_address_that_comes_in_by_the_uplink_is_blamed_after_all() {
    let mut story = Story::begin();
    story.docker(true);
    story.docker(false);
    assert_eq!(story.lose_segment(CONTAINER), Vec::new());
    assert!(
        story
            .core
            .watched()
            .contains_key(&(HOST, IpAddr::from(CONTAINER)))
    );
    story.kernel(Hook::DevReceive, 2, CONTAINER, 0);
    let opened = only(story.lose_segment(CONTAINER));
    assert_eq!(opened.verdict, Verdict::Confirmed);
    assert!(has(&opened, EvidenceKind::IngressAsymmetry));
}

#[test]
fn nothing_is_judged_by_half_a_routing_table() {
    let mut story = Story::begin();
    only(story.lose_segment(PC));
    assert_eq!(story.net(NetChange::Resync), Vec::new());
    assert_eq!(
        story.after(10 * SECOND),
        Vec::new(),
        "the route is not gone, only read again"
    );
    for input in healthy(story.now).into_iter().skip(1) {
        assert_eq!(story.core.observe(&input), Vec::new());
    }
}

#[test]
fn a_bridge_with_the_default_route_is_never_blamed() {
    let mut story = Story::begin();
    story.net(NetChange::Route(route(
        "0.0.0.0/0",
        3,
        Some(IpAddr::from([172, 22, 0, 9])),
    )));
    story.lose_segment(PC);
    assert_eq!(story.after(SECOND), Vec::new());
}

#[test]
fn without_traffic_the_end_is_told_after_a_while_and_says_so() {
    let mut story = Story::begin();
    only(story.lose_segment(PC));
    assert_eq!(story.net(NetChange::LinkGone(3)), Vec::new());
    let resolved = only(story.after(4 * SECOND));
    assert_eq!(resolved.phase, Phase::Resolved);
    assert!(
        resolved.reason.contains("none was sent since"),
        "{}",
        resolved.reason
    );
    let bridge = resolved.bridge.expect("told as it was");
    assert_eq!(bridge.name, link(3).name);
}

#[test]
fn the_second_outage_counts_from_where_the_first_ended() {
    let mut story = Story::begin();
    only(story.lose_segment(PC));
    story.count(415);
    story.net(NetChange::RouteGone(route("172.22.0.0/16", 3, None)));
    let resolved = only(story.after(4 * SECOND));
    assert_eq!(resolved.counts.packets, 415);
    story.net(NetChange::Route(route("172.22.0.0/16", 3, None)));
    story.now += SECOND;
    let again = only(story.lose_segment_after(PC, 415));
    assert_eq!(again.counts.packets, 1);
    assert_ne!(again.id, resolved.id);
    story.count(420);
    story.net(NetChange::RouteGone(route("172.22.0.0/16", 3, None)));
    assert_eq!(only(story.after(4 * SECOND)).counts.packets, 5);
}

/// A flood begins before the bridge is known, and its first events did not get through.
#[test]
fn what_nothing_was_known_of_stays_counted() {
    let mut story = Story::begin();
    story.net(NetChange::RouteGone(route("172.22.0.0/16", 3, None)));
    story.net(NetChange::LinkGone(3));
    assert_eq!(story.lose_segment_after(PC, 7), Vec::new());
    assert_eq!(story.after(SECOND), Vec::new());
    story.net(NetChange::Link(link(3)));
    story.net(NetChange::Route(route("172.22.0.0/16", 3, None)));
    story.docker(false);
    only(story.lose_segment_after(PC, 9));
    story.count(10);
    story.net(NetChange::RouteGone(route("172.22.0.0/16", 3, None)));
    assert_eq!(only(story.after(4 * SECOND)).counts.packets, 10);
}

#[test]
fn a_remote_the_kernel_half_forgot_is_counted_on() {
    let mut story = Story::begin();
    only(story.lose_segment(PC));
    story.count(1000);
    story.count(0);
    story.count(400);
    story.net(NetChange::RouteGone(route("172.22.0.0/16", 3, None)));
    assert_eq!(only(story.after(4 * SECOND)).counts.packets, 1400);
}

#[test]
fn a_neighbour_that_answers_after_all_ends_the_alarm_and_says_so() {
    let mut story = Story::begin();
    only(story.lose_segment(PC));
    let resolved = only(story.answer(PC));
    assert_eq!(resolved.phase, Phase::Resolved);
    assert!(
        resolved.reason.starts_with("No outage after all"),
        "{}",
        resolved.reason
    );
}

#[test]
fn a_client_that_comes_in_by_the_uplink_is_not_cleared_by_a_container_with_its_address() {
    let mut story = Story::begin();
    only(story.lose_segment(PC));
    only(story.kernel(Hook::DevReceive, 2, PC, 0));
    assert_eq!(story.answer(PC), Vec::new());
}

#[test]
fn a_policy_the_mirror_cannot_evaluate_hides_no_outage() {
    let mut story = Story::begin();
    story.net(NetChange::RouteGone(route("172.22.0.0/16", 3, None)));
    story.now += SECOND;
    assert_eq!(
        story.lose_segment(PC),
        Vec::new(),
        "the route may be about to come"
    );
    let opened = only(story.after(SECOND));
    assert_eq!((opened.phase, opened.route), (Phase::Opened, None));
    assert_eq!(
        story.after(10 * SECOND),
        Vec::new(),
        "only a packet elsewhere ends it"
    );
    let resolved = only(story.kernel(Hook::DevQueue, 2, PC, 22));
    assert_eq!(resolved.phase, Phase::Resolved);
}

#[test]
fn an_outage_ends_with_its_namespace() {
    let mut story = Story::begin();
    only(story.lose_segment(PC));
    let resolved = only(story.tell(Body::NetnsGone(HOST)));
    assert_eq!(resolved.phase, Phase::Resolved);
    // What changed is looked at once more.
    assert_eq!(story.after(SECOND), Vec::new());
    assert!(story.core.watched().is_empty() && story.core.deadline().is_none());
}

#[test]
fn docker_that_comes_late_names_the_network() {
    let mut story = Story::begin();
    let gone = Body::DockerNetworkGone {
        daemon: ENDPOINT.to_owned(),
        id: ID.to_owned(),
    };
    story.tell(gone);
    assert_eq!(
        story.lose_segment(PC),
        Vec::new(),
        "docker may be about to tell"
    );
    let opened = only(story.after(SECOND));
    assert_eq!(opened.docker_network, None);
    let named = only(story.docker(true));
    assert_eq!(
        named.docker_network.as_ref().expect("named").name,
        "XXXX-openldap_default"
    );
    assert!(has(&named, EvidenceKind::NoSuchEndpoint));
}

#[test]
fn a_daemon_that_does_not_answer_is_named_as_what_is_not_known() {
    let mut story = Story::begin();
    story.tell(Body::DockerNetworkGone {
        daemon: ENDPOINT.to_owned(),
        id: ID.to_owned(),
    });
    let status = DaemonStatus::Unreachable(Unreachable::new(
        Cause::NoAnswer,
        "it did not answer within 2 s".to_owned(),
    ));
    story.tell(Body::Daemon(Daemon {
        endpoint: ENDPOINT.to_owned(),
        status,
    }));
    assert_eq!(
        story.lose_segment(PC),
        Vec::new(),
        "somebody may answer yet"
    );
    let opened = only(story.after(SECOND));
    assert_eq!(opened.verdict, Verdict::Inconclusive);
    assert!(
        opened
            .unknown
            .iter()
            .any(|what| what.contains("did not answer"))
    );
    assert_eq!(opened.bridge.expect("a bridge").owner, "docker");
}

#[test]
fn an_event_that_still_waits_for_its_explanation_is_told_at_the_end() {
    let mut story = Story::begin();
    story.tell(Body::DockerNetworkGone {
        daemon: ENDPOINT.to_owned(),
        id: ID.to_owned(),
    });
    assert_eq!(
        story.lose_segment(PC),
        Vec::new(),
        "docker may be about to tell"
    );
    assert_eq!(only(story.tell(Body::Stop)).phase, Phase::Opened);
}

//! `forward-blackhole`: a container's traffic, the replies of its published port or its own
//! requests, routed into another bridge.
//!
//! The kernel half tells of a forwarded packet when it dies: by a firewall rule (docker keeps its
//! networks apart) or for want of a neighbour.

use tracer_common::DropReason;

use crate::finding::Kind;

use super::{Judgement, Subject};

pub(super) fn judge(subject: &Subject<'_>) -> Judgement {
    let lost = Judgement::Lost(Kind::ForwardBlackhole);
    if subject.is_cut_off_by_a_rival() {
        return lost;
    }
    if subject.event.forwarded_iif == Some(subject.bridge.ifindex) {
        return Judgement::Excused("somebody on the bridge asks for somebody on it");
    }
    let from_containers = subject
        .event
        .forwarded_iif
        .is_some_and(|ifindex| subject.leads_to_containers(ifindex));
    if !from_containers {
        return Judgement::Silent("somebody outside asks for an address nobody has");
    }
    if subject.came_in_elsewhere() && !subject.came_in_by_containers() {
        return lost;
    }
    if subject.is_inhabited() {
        return inhabited(subject.event.reason);
    }
    if subject.was_a_container() {
        return Judgement::Excused("a container had the address a short while ago");
    }
    if subject.is_configured() || subject.accepts() {
        return lost;
    }
    if subject.network.is_none() && subject.event.reason == Some(DropReason::NetfilterDrop) {
        return Judgement::Silent(
            "a firewall keeps out who asks for a bridge that is not docker's",
        );
    }
    // Either may be a scanner's pretence.
    Judgement::Doubtful {
        kind: Kind::ForwardBlackhole,
        sure: subject.is_reply() || subject.is_established(),
    }
}

fn inhabited(reason: Option<DropReason>) -> Judgement {
    if reason == Some(DropReason::NetfilterDrop) {
        Judgement::Silent("docker keeps its networks apart")
    } else {
        Judgement::Excused("a container with the address does not answer")
    }
}

//! `reply-blackhole`: a reply of this host to a remote that came in by another device is routed
//! into a bridge where nobody has that address.

use crate::finding::Kind;

use super::{Judgement, Subject};

/// `own` is the interface that has the packet's source address.
pub(super) fn judge(subject: &Subject<'_>, own: u32) -> Judgement {
    let bridge = subject.bridge.ifindex;
    if subject.is_cut_off_by_a_rival() {
        return Judgement::Lost(Kind::ReplyBlackhole);
    }
    if subject.event.ingress == Some(bridge) {
        return Judgement::Excused("the remote spoke from this very bridge a moment ago");
    }
    if subject.came_in_elsewhere() {
        return came_in_elsewhere(subject);
    }
    if own == bridge {
        return Judgement::Excused("the bridge's own address talks to its own subnet");
    }
    if subject.was_a_container() {
        return Judgement::Excused("a container had the address a short while ago");
    }
    Judgement::Lost(Kind::ReplyBlackhole)
}

fn came_in_elsewhere(subject: &Subject<'_>) -> Judgement {
    if !subject.came_in_by_containers() {
        return Judgement::Lost(match subject.endpoint() {
            // Its neighbour entry is only not there yet.
            Some(_) => Kind::Misdelivery,
            None => Kind::ReplyBlackhole,
        });
    }
    if subject.was_a_container() {
        return Judgement::Excused("a container asked by another network than it is answered by");
    }
    Judgement::Lost(Kind::ReplyBlackhole)
}

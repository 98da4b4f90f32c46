//! `request-blackhole`: traffic this host starts, to somebody outside whose address a bridge's
//! subnet covers.
//!
//! A question to an address nobody has may as well be a scan or a slip of the hand. Only an address
//! that is configured as outside, or that spoke before, makes it a sure loss; others are told if the
//! asking goes on.

use crate::finding::Kind;

use super::{Judgement, Subject};

pub(super) fn judge(subject: &Subject<'_>) -> Judgement {
    if subject.is_cut_off_by_a_rival() {
        return Judgement::Lost(Kind::RequestBlackhole);
    }
    if is_outside(subject) {
        return Judgement::Lost(Kind::RequestBlackhole);
    }
    if subject.was_a_container() {
        return Judgement::Excused("a container had the address a short while ago");
    }
    if subject.is_configured() {
        return Judgement::Lost(Kind::RequestBlackhole);
    }
    if is_old_connection(subject) {
        // A scanner may pretend to it.
        return doubtful(true);
    }
    if subject.is_established() {
        return Judgement::Excused("a connection by the bridge's own address was a container's");
    }
    doubtful(false)
}

const fn doubtful(sure: bool) -> Judgement {
    Judgement::Doubtful {
        kind: Kind::RequestBlackhole,
        sure,
    }
}

/// Whether the remote came in by a way out of this host a moment ago.
fn is_outside(subject: &Subject<'_>) -> bool {
    let elsewhere = subject.came_in_elsewhere() && !subject.came_in_by_containers();
    elsewhere && !subject.is_inhabited()
}

/// Whether the packet belongs to a connection that was made by another way: its source is not the
/// bridge's address, which a new one would have got.
fn is_old_connection(subject: &Subject<'_>) -> bool {
    subject.is_established() && subject.own_address() != Some(subject.bridge.ifindex)
}

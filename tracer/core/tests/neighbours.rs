//! What the neighbour table proves of a lost packet, where no hook was run.

use tracer_core::{
    finding::{EvidenceKind, Verdict},
    time::SECOND,
};

use crate::story::{PC, Story, has, only};

/// The hooks are not run in every softirq.
#[test]
fn a_neighbour_that_failed_unseen_is_told_by_its_table() {
    let mut story = Story::begin();
    only(story.lose_segment(PC));
    story.after(3 * SECOND);
    assert_eq!(story.neighbour_table(PC, false), Vec::new());
    let confirmed = only(story.after(SECOND));
    assert_eq!(confirmed.verdict, Verdict::Confirmed);
    assert!(has(&confirmed, EvidenceKind::NeighbourFailed));
    let mut evidence = confirmed.evidence.iter();
    let drop = evidence.find(|piece| piece.kind == EvidenceKind::Drop);
    let detail = &drop.expect("a drop").detail;
    assert_eq!(
        (&detail["reason"], &detail["count"]),
        (&"NEIGH_FAILED".into(), &1.into())
    );
}

/// `ip neigh del`: the kernel tells first that the entry failed. The beat may fall between the two.
#[test]
fn a_neighbour_that_was_removed_by_hand_proves_nothing() {
    let mut story = Story::begin();
    only(story.lose_segment(PC));
    story.neighbour_table(PC, false);
    assert_eq!(story.after(SECOND / 100), Vec::new());
    story.neighbour_table(PC, true);
    assert_eq!(story.after(SECOND), Vec::new());
}

/// A table that is full throws out whoever failed.
#[test]
fn a_neighbour_that_failed_and_made_room_has_failed() {
    let mut story = Story::begin();
    only(story.lose_segment(PC));
    story.now += 3 * SECOND;
    story.neighbour_table(PC, false);
    story.now += SECOND / 2;
    story.neighbour_table(PC, true);
    let confirmed = only(story.after(SECOND / 2));
    assert!(has(&confirmed, EvidenceKind::NeighbourFailed));
}

/// The kernel says nothing when it asks again: the packet waits.
#[test]
fn a_failure_before_the_first_lost_packet_proves_nothing_of_it() {
    let mut story = Story::begin();
    story.neighbour_table(PC, false);
    story.now += SECOND / 2;
    only(story.lose_segment(PC));
    // What is told of the failure that had this packet sent may be told after it.
    story.now += SECOND / 100;
    story.neighbour_table(PC, false);
    assert_eq!(story.after(SECOND / 2), Vec::new());
}

#[test]
fn who_answered_and_went_proves_nothing() {
    let mut story = Story::begin();
    only(story.lose_segment(PC));
    story.lose_segment([172, 22, 10, 120]);
    story.answer(PC);
    story.after(SECOND);
    story.neighbour_table(PC, false);
    let told = story.after(2 * SECOND);
    assert!(
        told.iter().all(|it| it.verdict == Verdict::Suspected),
        "{told:#?}"
    );
}

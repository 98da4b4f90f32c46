//! Lost packets that docker's word on the bridge has yet to explain.

use std::net::IpAddr;

use tracer_common::Hook;
use tracer_core::{
    finding::{EvidenceKind, Finding},
    input::Body,
    time::SECOND,
};

use crate::{
    common::{ENDPOINT, ID},
    story::{PC, Story, has, only},
};

/// How long an event waits for docker's word.
const PATIENCE: u64 = SECOND / 20;
const OTHER: [u8; 4] = [172, 22, 10, 120];

/// Nobody knows whose the bridge is.
fn unexplained() -> Story {
    let mut story = Story::begin();
    story.tell(Body::DockerNetworkGone {
        daemon: ENDPOINT.to_owned(),
        id: ID.to_owned(),
    });
    story
}

fn remotes(finding: &Finding) -> u64 {
    finding.counts.remotes
}

/// A flood has one event follow the other, and no beat between them.
#[test]
fn patience_ends_with_the_next_event_too() {
    let mut story = unexplained();
    assert_eq!(story.lose_segment(PC), Vec::new());
    story.now += PATIENCE;
    let opened = only(story.lose_segment(OTHER));
    assert_eq!(
        (remotes(&opened), opened.start.0),
        (1, story.now - PATIENCE)
    );
}

#[test]
fn what_proves_a_loss_comes_with_it_when_patience_ends() {
    let mut story = unexplained();
    assert_eq!(story.lose_segment(PC), Vec::new());
    assert_eq!(story.kernel(Hook::NeighTimer, 3, PC, 22), Vec::new());
    story.now += PATIENCE;
    let opened = only(story.lose_segment(OTHER));
    assert!(has(&opened, EvidenceKind::NeighbourFailed), "{opened:#?}");
}

/// Processors tell one after the other, whenever it was.
#[test]
fn what_proves_a_loss_does_not_overtake_it_by_being_older() {
    let mut story = unexplained();
    story.now += SECOND / 500;
    assert_eq!(story.lose_segment(PC), Vec::new());
    story.now -= SECOND / 500;
    assert_eq!(story.kernel(Hook::NeighTimer, 3, PC, 22), Vec::new());
    story.now += PATIENCE;
    assert_eq!(story.after(0), Vec::new());
    let opened = only(story.after(SECOND / 500));
    assert!(has(&opened, EvidenceKind::NeighbourFailed), "{opened:#?}");
}

#[test]
fn the_core_asks_to_be_woken_when_patience_ends() {
    let mut story = unexplained();
    // What it looks at by itself is done.
    story.after(SECOND);
    story.lose_segment(PC);
    let wake = story.core.deadline().map(|at| at.0);
    assert_eq!(wake, Some(story.now + PATIENCE));
}

#[test]
fn dockers_word_explains_all_that_wait() {
    let mut story = unexplained();
    assert_eq!(story.lose_segment(PC), Vec::new());
    assert_eq!(story.lose_segment(OTHER), Vec::new());
    let opened = only(story.docker(false));
    assert_eq!(remotes(&opened), 2);
}

/// Docker may be silent for long, and the kernel tells of thousands a second.
#[test]
fn the_oldest_of_too_many_is_told_as_it_is() {
    let mut story = unexplained();
    let remote = |number: u16| {
        let [high, low] = number.to_be_bytes();
        [172, 22, high, low]
    };
    for number in 1..=1024 {
        assert_eq!(story.lose_segment(remote(number)), Vec::new(), "{number}");
    }
    // What need not wait takes nobody's place.
    assert_eq!(
        story.kernel(Hook::NeighTimer, 3, remote(1025), 22),
        Vec::new()
    );
    let opened = only(story.lose_segment(remote(1025)));
    let victims: Vec<_> = opened.victims.iter().map(|it| it.address).collect();
    assert_eq!(victims, [IpAddr::from(remote(1))]);
}

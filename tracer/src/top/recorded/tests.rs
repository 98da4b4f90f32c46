use std::sync::Arc;

use proptest::prelude::*;
use tracer_core::finding::{Finding, Phase};

use crate::sink::human::Look;

use super::*;

fn fixture(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/recordings");
    folder.join(format!("{name}.btr"))
}

/// A recording, and what is shown of it.
struct Shown {
    feed: Recorded,
    state: State,
}

impl Shown {
    fn open(name: &str) -> Self {
        let feed = Recorded::open(&fixture(name)).unwrap();
        let state = State::new(Look::PLAIN);
        let mut shown = Self { feed, state };
        shown.settle();
        shown
    }

    /// Lets it read until the goal is reached.
    fn settle(&mut self) {
        loop {
            self.feed.bring(&mut self.state).unwrap();
            if !self.feed.pace().is_zero() {
                return;
            }
        }
    }

    fn step(&mut self, step: Step) {
        self.feed.step(step);
        self.settle();
    }

    fn told(&self) -> Vec<Arc<Finding>> {
        self.state.incidents.listed().into_iter().cloned().collect()
    }

    fn phases(&self) -> Vec<Phase> {
        self.told().iter().map(|it| it.phase).collect()
    }
}

#[test]
fn the_end_is_shown_first_and_the_beginning_is_a_key_away() {
    let mut shown = Shown::open("ping-1");
    assert!(!shown.told().is_empty());
    let cursor = shown.state.cursor.clone().unwrap();
    assert_eq!(cursor.tellings.0, cursor.tellings.1);
    assert!(!cursor.reading && cursor.tellings.1 > 1);
    assert_eq!(shown.state.now, cursor.last);
    shown.step(Step::Begin);
    assert_eq!(shown.told(), []);
    assert_eq!(shown.state.now, cursor.first);
    shown.settle();
    assert!(!shown.state.cursor.unwrap().playing, "nobody asked for it");
}

#[test]
fn each_telling_is_one_step_away_from_the_next() {
    let mut shown = Shown::open("ping-1");
    let (_, all) = shown.state.cursor.clone().unwrap().tellings;
    let end = shown.told();
    shown.step(Step::Begin);
    shown.step(Step::TellingForth);
    let first = shown.told();
    assert_eq!(shown.phases()[0], Phase::Opened);
    for _ in 1..all {
        shown.step(Step::TellingForth);
    }
    assert_eq!(shown.told(), end);
    for _ in 1..all {
        shown.step(Step::TellingBack);
    }
    assert_eq!(shown.told(), first);
    shown.step(Step::TellingBack);
    assert_eq!(shown.told(), []);
}

#[test]
fn the_host_is_shown_as_it_was_then() {
    let mut shown = Shown::open("compose-1");
    shown.step(Step::Begin);
    let before = shown.state.overview.bridges.len();
    shown.step(Step::TellingForth);
    let during = &shown.state.overview.bridges;
    assert!(during.len() > before, "{during:?}");
    assert!(during.iter().any(|it| it.network.is_some()), "{during:?}");
}

#[test]
fn playing_ends_at_the_end() {
    let mut shown = Shown::open("ping-1");
    shown.step(Step::SecondBack);
    shown.step(Step::Play);
    assert!(shown.state.cursor.as_ref().unwrap().playing);
    let begun = shown.feed.playing.unwrap();
    // As if two seconds had passed.
    shown.feed.playing = begun.checked_sub(Duration::from_secs(2));
    shown.settle();
    let cursor = shown.state.cursor.clone().unwrap();
    assert!(!cursor.playing);
    assert_eq!(shown.state.now, cursor.last);
}

#[test]
fn copies_stay_few() {
    let mut feed = Recorded::open(&fixture("compose-1")).unwrap();
    feed.apart = 1;
    while !feed.go_on().unwrap() {}
    assert!(feed.here.inputs() > 50);
    assert!(feed.copies.len() <= COPIES && feed.copies.len() > COPIES / 4);
    assert_eq!(feed.copies[0].inputs(), 0, "the beginning stays");
    assert!(feed.apart > 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// Wherever one comes from: the same moment shows the same.
    #[test]
    fn a_moment_is_the_same_from_everywhere(
        steps in prop::collection::vec(prop::sample::select(vec![
            Step::TellingBack, Step::TellingForth, Step::SecondBack, Step::SecondForth,
            Step::Begin, Step::End,
        ]), 1..12),
    ) {
        let mut shown = Shown::open("established-1");
        // Copies from everywhere.
        shown.feed.apart = 3;
        for step in steps {
            shown.step(step);
        }
        let mut fresh = Recorded::open(&fixture("established-1")).unwrap();
        fresh.goal = shown.feed.goal;
        let mut direct = Shown { feed: fresh, state: State::new(Look::PLAIN) };
        direct.settle();
        prop_assert_eq!(shown.told(), direct.told());
        prop_assert_eq!(&shown.state.overview, &direct.state.overview);
        prop_assert_eq!(shown.state.now, direct.state.now);
    }
}

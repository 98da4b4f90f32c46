//! What was not seen, and so is not known not to have happened.

use std::collections::BTreeSet;

use tracer_core::{finding::Kind, time::SECOND};

use crate::sink::{
    human::{self, numbers::number},
    time,
};

use super::{
    clock::Clock,
    story::{Class, Story},
    text::Text,
    window::Window,
};

/// Runs that follow each other sooner have no gap worth telling.
const GAP: u64 = 2 * SECOND;

/// A sentence for each, the limits of the recording first.
pub(super) fn of(story: &Story, clock: Clock, window: Window) -> Vec<Text> {
    let mut unseen = limits(story, window);
    unseen.extend(gaps(story, clock));
    let mut others: BTreeSet<String> = story.unread.clone();
    let sessions = story.runs.iter().filter_map(|it| it.session.as_ref());
    others.extend(sessions.flat_map(|it| it.unseen.iter().cloned()));
    for tale in &story.tales {
        let finding = tale.last();
        let title = human::title(&tale.standing);
        let unknown = finding.unknown.iter();
        others.extend(unknown.map(|it| format!("Of \u{201c}{title}\u{201d}: {it}")));
        if matches!(finding.kind, Kind::EventsLost | Kind::DaemonUnreachable) {
            others.insert(tale.standing.reason.clone());
        }
    }
    unseen.extend(others);
    let blind = story.left_out(Class::Blind);
    if blind > 0 {
        let more = number(blind, "more time");
        unseen.push(format!("Events were lost {more}."));
    }
    unseen.iter().map(Text::from).collect()
}

fn limits(story: &Story, window: Window) -> Vec<String> {
    let Window { first, last, .. } = window;
    let (first, last) = (time::date_and_clock(first), time::date_and_clock(last));
    let place = if window.is_all() {
        "the recording"
    } else {
        "this report"
    };
    let mut limits = vec![format!(
        "What happened before {first} and after {last} is not in {place}."
    )];
    if story.runs.iter().any(|it| it.is_cut) {
        limits.push(
            "The beginning of the recording was dropped to make room: what was known then is known, \
             and what was under way is told from its next event on."
                .to_owned(),
        );
    }
    if story.runs.iter().any(|it| it.session.is_none()) {
        limits.push("Of which host and version a part is, is not in the recording.".to_owned());
    }
    limits
}

/// Between two runs nobody watched.
fn gaps(story: &Story, clock: Clock) -> Vec<String> {
    let pairs = story.runs.iter().zip(story.runs.iter().skip(1));
    let gap = pairs.filter(|(before, after)| after.first.since(before.last) > GAP);
    gap.map(|(before, after)| {
        format!(
            "Between {} and {} ({}) bridgetrace did not run, or did not record.",
            clock.second(before.last),
            clock.second(after.first),
            time::span(after.first.since(before.last))
        )
    })
    .collect()
}

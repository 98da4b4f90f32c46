//! What one run of bridgetrace left, and another one did or did not see.

use tracer_core::time::SECOND;

use super::*;

const DAY: u64 = 86_400 * SECOND;

/// The report of runs in which these findings were told, a day apart, until a day behind the last.
fn of_runs(runs: &[&[Finding]], is_all: bool) -> Report {
    let mut story = Story::new(Timestamp(0));
    let core = Core::default();
    let first = fixtures::opened().start;
    let mut last = first;
    for (nth, findings) in (0..).zip(runs) {
        story.begin();
        let later = |at: Timestamp| at.plus(nth * DAY);
        let (at, body) = (later(first), Body::Tick);
        story.take(true, &Input { at, body }, &core, Vec::new());
        for finding in *findings {
            let at = later(finding.at);
            let told = Finding {
                id: format!("{nth}"),
                start: later(finding.start),
                end: finding.end.map(later),
                at,
                ..finding.clone()
            };
            let body = Body::Tick;
            story.take(false, &Input { at, body }, &core, vec![told]);
            last = at;
        }
    }
    let ends = if is_all { last } else { last.plus(DAY) };
    story.end(ends);
    let recording = Span {
        first,
        last: last.plus(2 * DAY),
    };
    let to = if is_all { recording.last } else { ends };
    story_report(&story, recording, to)
}

fn story_report(story: &Story, recording: Span, to: Timestamp) -> Report {
    build::report(story, Window::new(recording, recording.first, to))
}

fn verdict(report: &Report) -> String {
    let sentences: Vec<&str> = report.verdict.iter().map(text::Text::shown).collect();
    sentences.join(" ")
}

#[test]
fn an_outage_open_when_a_run_ends_is_not_said_to_go_on() {
    let report = of_runs(&[&[fixtures::confirmed()], &[]], true);
    assert_eq!(report.state, model::State::Unended);
    let outage = &report.outages[0];
    assert_eq!(outage.state, "not seen to end");
    let said = "Not seen to end: bridgetrace stopped watching at 2026-11-21 00:01:12Z.";
    assert_eq!(outage.end.shown(), said);
    assert!(verdict(&report).contains("It was not seen to end: "));
    assert!(
        report.figures[2]
            .1
            .shown()
            .ends_with("s, and not seen to end")
    );
}

#[test]
fn an_outage_that_the_next_run_sees_again_is_one_and_over_when_that_says_so() {
    let second = [fixtures::opened(), fixtures::resolved()];
    let report = of_runs(&[&[fixtures::confirmed()], &second], true);
    assert_eq!(report.state, model::State::Lost);
    assert_eq!(
        report.title.shown(),
        "On this host, replies vanish in a bridge"
    );
    let states: Vec<&str> = report.outages.iter().map(|it| it.state).collect();
    assert_eq!(states, ["seen again", "over"]);
    let end = report.outages[0].end.shown();
    assert!(
        end.contains("it was seen again from 2026-11-21 23:59:59Z on"),
        "{end}"
    );
    assert_eq!(report.figures[1].1.shown(), "1", "the same address");
}

#[test]
fn nobody_watched_where_the_last_run_ended_long_before_the_report() {
    let report = of_runs(&[&[fixtures::confirmed()]], false);
    assert_eq!(report.state, model::State::Unended);
    assert!(verdict(&report).contains("stopped watching at 2026-11-21 00:01:12Z."));
}

#[test]
fn a_part_of_a_recording_ends_where_the_report_does() {
    let finding = fixtures::confirmed();
    let mut story = Story::new(Timestamp(0));
    let (at, body) = (finding.at, Body::Tick);
    let recording = Span {
        first: finding.start,
        last: at.plus(DAY),
    };
    let core = Core::default();
    story.take(true, &Input { at, body }, &core, vec![finding]);
    story.end(at);
    let report = story_report(&story, recording, at);
    assert_eq!(report.state, model::State::Losing);
    let end = report.outages[0].end.shown();
    assert!(end.ends_with(", when this report ends."), "{end}");
    assert!(report.unseen[0].shown().ends_with("is not in this report."));
}

//! Reports of recordings of real outages, and of findings that attack the reader.
//! `BRIDGETRACE_BLESS=1` writes the checked-in texts anew.

mod many;
mod runs;

use tracer_core::{
    finding::Finding,
    input::{Body, Input, Session},
    time::Timestamp,
};

use super::*;
use crate::{
    record::open::Span,
    sink::{escape, fixtures, golden},
};

fn recording(name: &str) -> Report {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/recordings");
    let file = folder.join(format!("{name}.btr"));
    tell(&mut Reading::open(&file, None, None).unwrap()).unwrap()
}

/// The report of a run in which these findings were told.
fn of(findings: &[Finding]) -> Report {
    let session = Session {
        hostname: "r550".into(),
        version: "0.1.0".into(),
        ..Session::default()
    };
    let times = || findings.iter().flat_map(|it| [it.start, it.at]);
    let first = times().min().unwrap_or(Timestamp(0));
    let last = times().max().unwrap_or(first);
    let mut story = Story::new(Timestamp(0));
    let core = Core::default();
    let mut take =
        |at, body, said: Vec<Finding>| story.take(false, &Input { at, body }, &core, said);
    take(first, Body::Session(session), Vec::new());
    for finding in findings {
        take(finding.at, Body::Tick, vec![finding.clone()]);
    }
    take(last, Body::Stop, Vec::new());
    let all = Span { first, last };
    build::report(&story, Window::new(all, first, last))
}

fn snapshot(name: &str, report: &Report) {
    let text = markdown::text(report);
    golden::check(&format!("src/report/testdata/{name}.md"), &text);
}

#[test]
fn real_outages_are_told() {
    for name in ["ping-1", "established-1", "compose-1"] {
        let report = recording(name);
        snapshot(name, &report);
        assert_eq!(html::page(&report), html::page(&recording(name)), "{name}");
    }
}

#[test]
fn an_outage_is_told_from_beginning_to_end() {
    snapshot(
        "outage",
        &of(&[
            fixtures::opened(),
            fixtures::confirmed(),
            fixtures::resolved(),
        ]),
    );
}

#[test]
fn every_packet_that_was_lost_is_in_the_plot() {
    let report = of(&[
        fixtures::opened(),
        fixtures::confirmed(),
        fixtures::resolved(),
    ]);
    let plot = report.plot.unwrap();
    assert_eq!(plot.bars.iter().sum::<u64>(), 415);
    assert_eq!(
        plot.rows.iter().map(|(_, packets)| packets).sum::<u64>(),
        415
    );
}

#[test]
fn a_quiet_recording_says_what_that_is_worth() {
    let report = of(&[]);
    assert_eq!(report.state, model::State::Quiet);
    assert_eq!(report.title.shown(), "Nothing was found on r550");
    let page = html::page(&report);
    assert!(page.contains("no lost packet was seen on r550"), "{page}");
    assert!(page.contains("What was not seen is not known not to have happened."));
}

#[test]
fn everything_that_can_be_found_has_its_place_and_every_label_its_word() {
    let report = of(&fixtures::all());
    // Each step by itself, too: the last one does not tell everything.
    let steps = fixtures::all().into_iter().map(|step| of(&[step]));
    for report in steps.chain([of(&fixtures::all())]) {
        for incident in report.outages.iter().chain(&report.others) {
            assert!(
                incident.facts.iter().all(|(label, _)| *label != "Also"),
                "{incident:?}"
            );
        }
    }
    assert!(html::page(&report).contains("Left behind, and nobody"));
}

#[test]
fn no_name_acts_on_the_reader() {
    let report = of(&[fixtures::hostile()]);
    for text in [html::page(&report), markdown::text(&report)] {
        let hostile: Vec<char> = text
            .chars()
            .filter(|it| escape::is_hostile(*it) && !matches!(it, '\n' | '\t'))
            .collect();
        assert!(hostile.is_empty(), "{hostile:?}");
    }
}

#[test]
fn markup_in_names_stays_text() {
    let name = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>";
    let mut finding = fixtures::confirmed();
    finding.reason = format!("Replies go into {name}.");
    finding.unknown.push(name.to_owned());
    if let Some(bridge) = &mut finding.bridge {
        bridge.name = name.to_owned();
    }
    if let Some(network) = &mut finding.docker_network {
        network.name = name.to_owned();
    }
    let page = html::page(&of(&[finding]));
    assert_eq!(page.matches("<script>").count(), 1, "the page's own");
    assert_eq!(page.matches("<img").count(), 0);
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot;"));
}

#[test]
fn both_ways_are_drawn_and_no_attribute_is_there_twice() {
    let page = html::page(&of(&fixtures::all()));
    for way in ["way came", "way right", "way wrong"] {
        assert!(page.contains(&format!("class=\"{way}\"")), "{way}");
    }
    // Browsers pass over the second.
    let twice = page
        .split('<')
        .find(|tag| tag.matches(" class=\"").count() > 1);
    assert_eq!(twice, None);
}

#[test]
fn a_command_that_cannot_be_shown_has_no_button() {
    let page = html::page(&of(&[fixtures::hostile()]));
    assert!(page.contains("Do not copy this"));
    let page = html::page(&of(&[fixtures::opened()]));
    assert!(!page.contains("Do not copy this") && page.contains("data-copies"));
}

#[test]
fn a_window_leaves_out_what_was_before() {
    let file =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/recordings/ping-1.btr");
    let to = When::parse("-24h").unwrap();
    let report = tell(&mut Reading::open(&file, None, Some(to)).unwrap()).unwrap();
    assert_eq!(report.state, model::State::Quiet);
    assert!(report.outages.is_empty() && report.plot.is_none());
}

//! More findings than a page tells.

use tracer_core::{
    finding::{Kind, Phase},
    time::SECOND,
};

use super::{super::story::MOST, *};

/// A finding like this one, with a number of its own, so many seconds later.
fn nth(finding: &Finding, number: usize) -> Finding {
    let later = number as u64 * SECOND;
    Finding {
        id: format!("{number}"),
        at: finding.at.plus(later),
        start: finding.start.plus(later),
        ..finding.clone()
    }
}

/// More kills than are told, each told of twice.
fn kills() -> Vec<Finding> {
    let first = Finding {
        kind: Kind::ProcessKilled,
        phase: Phase::Opened,
        ..fixtures::minimal()
    };
    let steps = (0..MOST + 3).map(|number| nth(&first, number));
    let again = |it: Finding| {
        let phase = Phase::Updated;
        let next = Finding {
            phase,
            ..it.clone()
        };
        [it, next]
    };
    steps.flat_map(again).collect()
}

#[test]
fn an_outage_behind_hundreds_of_kills_is_the_verdict() {
    let mut findings = kills();
    let steps = [
        fixtures::opened(),
        fixtures::confirmed(),
        fixtures::resolved(),
    ];
    findings.extend(steps.map(|step| nth(&step, 1000)));
    let report = of(&findings);
    assert_eq!(report.state, model::State::Lost);
    assert_eq!(report.title.shown(), "On r550, replies vanish in a bridge");
    assert!(report.verdict[0].shown().contains("r550 lost 415 packets"));
    assert_eq!((report.outages.len(), report.more_outages), (1, 0));
}

#[test]
fn what_is_left_out_is_counted_once_whatever_is_told_of_it() {
    let report = of(&kills());
    assert_eq!((report.others.len(), report.more_others), (MOST, 3));
    let title = format!(
        "No lost packet was seen on r550; {} other things found",
        MOST + 3
    );
    assert_eq!(report.title.shown(), title);
    assert!(markdown::text(&report).contains("3 more findings are not told here."));
}

#[test]
fn the_worst_of_too_many_outages_is_told_and_all_their_packets_are_counted() {
    let mut findings: Vec<Finding> = (0..MOST + 5)
        .map(|it| nth(&fixtures::opened(), it))
        .collect();
    let (first, last) = (findings.len() - 1, findings.len() as u64 - 1);
    findings[first].counts.packets = 1000;
    let report = of(&findings);
    assert_eq!((report.outages.len(), report.more_outages), (MOST, 5));
    let told = report.outages.last().unwrap();
    assert!(
        told.facts
            .iter()
            .any(|(_, texts)| texts[0].shown().contains("1000 packets"))
    );
    let packets = last * fixtures::opened().counts.packets + 1000;
    assert_eq!(report.figures[0].1.shown(), format!("{packets}"));
    assert!(html::page(&report).contains("5 more outages that lost less are not told here"));
}

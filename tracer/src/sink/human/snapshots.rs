//! What people see, kept in files. `BRIDGETRACE_BLESS=1` writes them anew.

use proptest::prelude::*;
use tracer_core::finding::{CiJob, Concerned, ContainerRef, ContainerRole, Evidence, Finding};

use super::*;
use crate::sink::{escape, fixtures, golden};

const RICH: Look = Look {
    colour: true,
    unicode: true,
    width: 79,
};

fn text(look: Look, banner: Option<&Banner>, findings: &[Finding]) -> String {
    let mut sink = Human::new(Vec::new(), look);
    if let Some(banner) = banner {
        sink.banner(banner).unwrap();
    }
    for finding in findings {
        sink.finding(finding).unwrap();
    }
    String::from_utf8(sink.out).unwrap()
}

/// What happens once never ends, and may happen all day.
#[test]
fn what_never_ends_is_forgotten_by_and_by() {
    let mut sink = Human::new(Vec::new(), Look::PLAIN);
    let [[opened, ..], ..] = fixtures::lives();
    for number in 0..TOLD as u64 + 3 {
        let finding = Finding {
            id: format!("happening-{number}"),
            sequence: number,
            ..opened.clone()
        };
        sink.finding(&finding).unwrap();
    }
    assert_eq!(sink.told.len(), TOLD);
    assert!(!sink.told.contains_key("happening-2") && sink.told.contains_key("happening-3"));
}

fn snapshot(name: &str, banner: Option<&Banner>, findings: &[Finding]) {
    let plain = text(Look::PLAIN, banner, findings);
    golden::check(&format!("src/sink/testdata/{name}.txt"), &plain);
    assert!(
        plain
            .bytes()
            .all(|byte| matches!(byte, b'\n' | b' '..=b'~')),
        "{name}: not plain"
    );
    let commands: Vec<_> = findings.iter().flat_map(commands).collect();
    for line in plain
        .lines()
        .filter(|line| !commands.iter().any(|command| command == line))
    {
        assert!(line.len() <= 80, "{name}: too wide: {line}");
        assert_eq!(line.trim_end(), line, "{name}: blanks at the end");
    }

    let rich = text(RICH, banner, findings);
    golden::check(&format!("src/sink/testdata/{name}.rich.txt"), &rich);
    let stripped = anstream::adapter::strip_str(&rich).to_string();
    assert!(
        !stripped.replace('\n', "").contains(escape::is_hostile),
        "{name}: hostile"
    );
    assert_eq!(
        stripped.lines().count(),
        plain.lines().count(),
        "{name}: the looks tell different"
    );
}

/// Every line of every command, as the plain look shows it.
fn commands(finding: &Finding) -> Vec<String> {
    let texts = finding
        .remedies
        .iter()
        .flat_map(|remedy| [&remedy.command, &remedy.undo]);
    texts
        .flat_map(|text| text.lines())
        .map(|line| escape::ascii(line).into_owned())
        .collect()
}

#[test]
fn what_a_look_comes_to() {
    for (name, look) in [("summary", Look::PLAIN), ("summary.rich", RICH)] {
        let mut sink = Human::new(Vec::new(), look);
        for summary in [fixtures::check::clean(), fixtures::check::bad()] {
            sink.summary(&summary).unwrap();
        }
        let text = String::from_utf8(sink.out).unwrap();
        golden::check(&format!("src/sink/testdata/{name}.txt"), &text);
    }
}

#[test]
fn the_outage_from_beginning_to_end() {
    let steps = [
        fixtures::opened(),
        fixtures::confirmed(),
        fixtures::resolved(),
    ];
    snapshot("outage", Some(&fixtures::banner()), &steps);
}

#[test]
fn an_outage_already_proven() {
    snapshot("confirmed", None, &[fixtures::opened_confirmed()]);
    let text = text(Look::PLAIN, None, &[fixtures::opened_confirmed()]);
    let story = text
        .lines()
        .take_while(|line| !line.starts_with("2. "))
        .count();
    assert!(story <= 32, "{story} lines before the second remedy");
}

#[test]
fn docker_cannot_be_asked() {
    snapshot(
        "unknown-owner",
        Some(&fixtures::blind_banner()),
        &[fixtures::unknown_owner()],
    );
}

#[test]
fn docker_comes_back_during_the_outage() {
    snapshot(
        "owner-found",
        None,
        &[fixtures::unknown_owner(), fixtures::confirmed()],
    );
}

#[test]
fn hostile_names() {
    snapshot("hostile", None, &[fixtures::hostile()]);
}

#[test]
fn eighty_victims() {
    snapshot(
        "many-victims",
        None,
        &[fixtures::opened(), fixtures::many_victims()],
    );
    snapshot("many-victims-at-once", None, &[fixtures::many_victims()]);
}

#[test]
fn every_kind_from_beginning_to_end() {
    snapshot("overlap", None, &fixtures::overlap::life());
    snapshot("pools", None, &fixtures::pools::life());
    snapshot("request", None, &fixtures::request::life());
    snapshot("forward", None, &fixtures::forward::life());
    snapshot("misdelivery", None, &fixtures::misdelivery::life());
    snapshot("reverse-path", None, &fixtures::reverse_path::life());
    snapshot("duplicate", None, &fixtures::duplicate::life());
    snapshot("ipv6", None, &fixtures::ipv6::life());
}

#[test]
fn a_daemon_that_cannot_be_asked() {
    snapshot("daemon-unreachable", None, &fixtures::daemon::unreachable());
}

#[test]
fn what_was_left_behind() {
    snapshot("ghost-project", None, &fixtures::ghost::life());
    snapshot("ghost-bridge", None, &[fixtures::ghost::bridge()]);
}

#[test]
fn a_killed_process_and_what_it_left() {
    snapshot("killed", None, &fixtures::killed::life());
}

#[test]
fn events_lost() {
    snapshot("events-lost", None, &[fixtures::events_lost()]);
}

#[test]
fn a_daemon_was_away() {
    snapshot("daemon", None, &fixtures::daemon_life::stories());
}

#[test]
fn little_is_known() {
    snapshot("minimal", None, &[fixtures::minimal()]);
}

#[test]
fn commands_stand_alone_at_column_0() {
    let finding = fixtures::opened();
    let text = text(Look::PLAIN, None, std::slice::from_ref(&finding));
    for remedy in &finding.remedies {
        assert!(
            text.contains(&format!("\n{}\n", remedy.command)),
            "{}",
            remedy.id
        );
        assert!(
            text.contains(&format!("\n{}\n", remedy.undo)),
            "{}",
            remedy.id
        );
    }
}

#[test]
fn what_is_over_is_forgotten() {
    let mut sink = Human::new(Vec::new(), Look::PLAIN);
    for finding in [
        fixtures::opened(),
        fixtures::confirmed(),
        fixtures::resolved(),
    ] {
        sink.finding(&finding).unwrap();
    }
    assert!(sink.told.is_empty());
}

/// A piece of evidence of each kind in any of the lives.
fn every_kind_of_evidence() -> Vec<Evidence> {
    let all = fixtures::lives()
        .into_iter()
        .flat_map(|[_, updated, _]| updated.evidence);
    let all: BTreeMap<_, _> = all.map(|piece| (piece.kind, piece)).collect();
    all.into_values().collect()
}

/// Lets everybody who can be named, and some of the evidence, have this name.
fn name_people(finding: &mut Finding, name: &str) {
    let container = ContainerRef {
        id: name.to_owned(),
        name: name.to_owned(),
        service: Some(name.to_owned()),
    };
    finding.netns.container = Some(container.clone());
    finding.container = Some(Concerned {
        role: ContainerRole::Resident,
        container,
    });
    finding.ci = Some(CiJob {
        system: name.to_owned(),
        job_url: Some(name.to_owned()),
        ..CiJob::default()
    });
    for piece in &mut finding.evidence {
        for key in [
            "arp",
            "container",
            "loses",
            "name",
            "reason",
            "role",
            "source",
            "news",
        ] {
            piece.detail.insert(key, name.into());
        }
    }
}

proptest! {
    #[test]
    fn no_name_can_break_the_page(name in "\\PC{0,30}|[\\x00-\\x20\u{7f}-\u{a0}\u{200b}-\u{202e}a-z]{0,200}") {
        let mut finding = fixtures::opened_confirmed();
        finding.evidence = every_kind_of_evidence();
        finding.reason.push_str(&name);
        finding.unknown.push(name.clone());
        finding.netns.owner.clone_from(&name);
        if let Some(process) = &mut finding.process {
            process.name.clone_from(&name);
        }
        if let Some(bridge) = &mut finding.bridge {
            bridge.name.clone_from(&name);
        }
        if let Some(network) = &mut finding.docker_network {
            network.name.clone_from(&name);
            network.endpoints = vec![(name.clone(), None); 9];
        }
        name_people(&mut finding, &name);
        finding.remedies.clear();
        for width in [0, 40, 79, 200] {
            let plain = text(Look { width, ..Look::PLAIN }, None, std::slice::from_ref(&finding));
            prop_assert!(plain.bytes().all(|byte| matches!(byte, b'\n' | b' '..=b'~')));
            prop_assert!(plain.lines().all(|line| line.len() <= width.max(40)));
            let rich = text(Look { width, ..RICH }, None, std::slice::from_ref(&finding));
            let shown = anstream::adapter::strip_str(&rich).to_string();
            prop_assert!(!shown.replace('\n', "").contains(escape::is_hostile));
        }
    }
}

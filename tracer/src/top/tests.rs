//! Screens as they are seen, of the sizes that matter; and that no keys and no size break them.

use std::{path::Path, sync::Arc};

use proptest::prelude::*;
use ratatui::{Terminal, backend::TestBackend, buffer::Buffer};
use tracer_core::{
    finding::{Finding, NetnsRef},
    input::{Cause, DaemonInfo, DaemonStatus, Unreachable},
    overview::{BridgeView, NetworkView, Overview},
    time::{SECOND, Timestamp},
};
use unicode_width::UnicodeWidthStr as _;

use crate::sink::{fixtures, golden, human::Look};

use super::{
    keys::{Action, Step},
    state::{Cursor, State},
    view,
};

/// A screen in lines, without what is blank at their ends.
fn screen(state: &mut State, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| view::draw(frame, state)).unwrap();
    text(terminal.backend().buffer())
}

fn text(buffer: &Buffer) -> String {
    let width = usize::from(buffer.area.width).max(1);
    let mut text = String::new();
    for row in buffer.content.chunks(width) {
        let mut line = String::new();
        let mut cells = row.iter();
        while let Some(cell) = cells.next() {
            line.push_str(cell.symbol());
            // The cells behind a wide character are its own.
            let behind = cell.symbol().width().saturating_sub(1);
            cells.by_ref().take(behind).for_each(|_| ());
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn bridge(ifindex: u32, name: &str, subnet: &str, network: Option<NetworkView>) -> BridgeView {
    BridgeView {
        netns: fixtures::opened().netns,
        is_host: true,
        ifindex,
        name: name.to_owned(),
        carrier: network.is_some(),
        maker: if name.starts_with("virbr") {
            "libvirt"
        } else {
            "docker"
        },
        prefixes: vec![subnet.parse().unwrap()],
        network,
    }
}

fn network(name: &str, project: Option<&str>, containers: &[&str]) -> Option<NetworkView> {
    Some(NetworkView {
        name: name.to_owned(),
        project: project.map(str::to_owned),
        containers: containers.iter().map(|it| (*it).to_owned()).collect(),
    })
}

/// R550 in the middle of I-1.
fn overview() -> Overview {
    let [.., full] = fixtures::pools::life();
    let pools = match full.particulars {
        Some(tracer_core::finding::Particulars::Pools(pools)) => vec![*pools],
        _ => Vec::new(),
    };
    let daemon = pools
        .first()
        .map_or_else(String::new, |it| it.daemon.clone());
    let info = DaemonInfo {
        version: "20.10.24".to_owned(),
        ..DaemonInfo::default()
    };
    let inner = BridgeView {
        netns: NetnsRef {
            inum: 4_026_532_999,
            owner: "container dind".to_owned(),
            container: None,
        },
        is_host: false,
        ..bridge(3, "docker0", "172.17.0.0/16", None)
    };
    let openldap = network(
        "XXXX-openldap_default",
        Some("XXXX-openldap"),
        &["openldap"],
    );
    let shop = network(
        "front",
        Some("shop"),
        &["shop-web-1", "shop-db-1", "shop-mq-1"],
    );
    Overview {
        hostname: "r550".to_owned(),
        since: Timestamp(fixtures::opened().at.0 - 754 * SECOND),
        bridges: vec![
            bridge(8, "br-80cb5a0c07bc", "172.22.0.0/16", openldap),
            bridge(9, "br-4be1d20c9f3a", "172.23.0.0/16", shop),
            bridge(3, "docker0", "172.17.0.0/16", network("bridge", None, &[])),
            bridge(4, "virbr0", "192.168.122.0/24", None),
            inner,
        ],
        pools,
        daemons: vec![
            (daemon, DaemonStatus::Reachable(Box::new(info))),
            (
                "tcp://docker:2376".to_owned(),
                DaemonStatus::Unreachable(Unreachable {
                    cause: Cause::Refused,
                    sentence: "nobody listens on port 2376".to_owned(),
                    ..Unreachable::not_yet()
                }),
            ),
        ],
        unseen: vec!["why packets are dropped: the kernel gives no reason before 5.17".to_owned()],
        lost_events: 0,
    }
}

fn state(findings: &[Finding]) -> State {
    let mut state = State::new(Look::PLAIN);
    state.overview = Arc::new(overview());
    for finding in findings {
        state.incidents.tell(Arc::new(finding.clone()));
        state.now = state.now.max(finding.at);
    }
    state
}

/// An outage, and what else a host has.
fn outage() -> State {
    let [ghost, ..] = fixtures::ghost::life();
    let [_, _, over] = fixtures::request::life();
    state(&[ghost, over, fixtures::confirmed()])
}

fn check(name: &str, screen: &str) {
    golden::check(&format!("src/top/testdata/{name}.txt"), screen);
}

#[test]
fn an_outage_on_a_console() {
    let screen = screen(&mut outage(), 80, 24);
    check("outage-80x24", &screen);
    // What is lost and what to type, without a key.
    assert!(
        screen.contains("Replies to 172.22.10.119 are routed into"),
        "{screen}"
    );
    assert!(screen.contains(fixtures::HOST_ROUTE), "{screen}");
    assert!(screen.is_ascii() && screen.lines().all(|line| line.len() <= 80));
}

#[test]
fn an_outage_on_a_large_terminal() {
    let mut state = outage();
    state.look.unicode = true;
    check("outage-200x50", &screen(&mut state, 200, 50));
}

#[test]
fn a_terminal_that_is_too_small_says_so() {
    check("small-60x15", &screen(&mut outage(), 60, 15));
}

#[test]
fn the_incident_alone_shows_the_drawing() {
    let mut state = outage();
    state.act(Action::Open);
    check("open-80x24", &screen(&mut state, 80, 24));
    state.act(Action::PageDown);
    check("open-on-80x24", &screen(&mut state, 80, 24));
}

#[test]
fn bridges_and_pools_on_a_console() {
    let mut state = outage();
    state.act(Action::Tab);
    check("bridges-80x24", &screen(&mut state, 80, 24));
}

#[test]
fn the_incident_of_a_bridge_is_a_key_away() {
    let mut state = outage();
    state.act(Action::Tab);
    state.act(Action::Open);
    assert_eq!(state.chosen().unwrap().1.id, fixtures::ID);
}

#[test]
fn the_keys_are_shown_over_the_rest() {
    let mut state = outage();
    state.act(Action::Help);
    check("help-80x24", &screen(&mut state, 80, 24));
}

#[test]
fn a_quiet_host_says_what_quiet_means() {
    let mut state = state(&[]);
    state.now = fixtures::opened().at;
    state.note = Some("network namespace 7 is gone or hidden".to_owned());
    check("quiet-80x24", &screen(&mut state, 80, 24));
}

#[test]
fn a_recording_has_a_line_of_time() {
    let mut state = outage();
    state.cursor = Some(Cursor {
        file: "flight.btr".to_owned(),
        first: Timestamp(state.now.0 - 30 * SECOND),
        last: state.now.plus(60 * SECOND),
        playing: false,
        reading: false,
        tellings: (2, 5),
    });
    check("recording-80x24", &screen(&mut state, 80, 24));
}

#[test]
fn hostile_names_do_nothing_to_the_terminal() {
    for unicode in [false, true] {
        let mut state = state(&[fixtures::hostile()]);
        state.look.unicode = unicode;
        let hostile = network(
            fixtures::HOSTILE,
            Some(fixtures::HOSTILE),
            &[fixtures::HOSTILE],
        );
        let overview = Overview {
            hostname: fixtures::HOSTILE.to_owned(),
            bridges: vec![bridge(8, fixtures::HOSTILE, "172.22.0.0/16", hostile)],
            unseen: vec![fixtures::HOSTILE.to_owned()],
            ..overview()
        };
        state.overview = Arc::new(overview);
        state.note = Some(fixtures::HOSTILE.to_owned());
        for _ in 0..2 {
            let screen = screen(&mut state, 80, 24);
            let hostile = |it: char| it != '\n' && crate::sink::escape::is_hostile(it);
            assert!(!screen.contains(hostile), "{screen:?}");
            assert!(screen.lines().all(|line| line.width() <= 80), "{screen}");
            state.act(Action::Tab);
        }
    }
}

#[test]
fn colours_are_used_only_where_they_are_wanted() {
    let coloured = |colour| {
        let mut state = outage();
        state.look.colour = colour;
        let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
        terminal
            .draw(|frame| view::draw(frame, &mut state))
            .unwrap();
        let cells = terminal.backend().buffer().content.iter();
        cells
            .filter(|cell| cell.fg != ratatui::style::Color::Reset)
            .count()
    };
    assert_eq!(coloured(false), 0);
    assert!(coloured(true) > 0);
}

/// What a key may ask for.
fn actions() -> impl Strategy<Value = Action> {
    prop::sample::select(vec![
        Action::Help,
        Action::Back,
        Action::Up,
        Action::Down,
        Action::First,
        Action::Last,
        Action::PageUp,
        Action::PageDown,
        Action::Tab,
        Action::Open,
        Action::Step(Step::Play),
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_keys_and_no_size_break_it(
        told in prop::collection::vec(0_usize..1000, 0..12),
        steps in prop::collection::vec((actions(), 0_u16..140, 0_u16..60), 1..12),
        recorded: bool,
        unicode: bool,
    ) {
        let all = fixtures::all();
        let findings: Vec<_> = told.iter().map(|nth| all[nth % all.len()].clone()).collect();
        let mut state = state(&findings);
        state.look.unicode = unicode;
        state.cursor = recorded.then(Cursor::default);
        for (action, width, height) in steps {
            state.act(action);
            let screen = screen(&mut state, width, height);
            prop_assert!(screen.lines().all(|line| line.width() <= usize::from(width)));
        }
    }
}

#[test]
fn a_recording_that_is_none_is_refused_before_the_terminal_is_taken() {
    let error = super::show(Path::new("/dev/null"), Look::PLAIN).unwrap_err();
    assert!(
        format!("{error:#}").contains("no regular file"),
        "{error:#}"
    );
}

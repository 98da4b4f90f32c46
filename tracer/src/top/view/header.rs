//! What is watched, for how long, and what is not seen; below it the tabs.

use ratatui::text::{Line, Span};
use tracer_core::time::Timestamp;

use crate::{
    sink::time,
    top::{
        incidents::Standing,
        state::{State, Tab},
    },
};

use super::{
    style::{REVERSED, STRONG},
    text::{fit, shown, width},
};

pub(super) fn lines(state: &State, columns: u16) -> Vec<Line<'static>> {
    vec![
        watched(state, usize::from(columns)),
        tabs(state, usize::from(columns)),
    ]
}

fn watched(state: &State, columns: usize) -> Line<'static> {
    let overview = &state.overview;
    let since = match &state.cursor {
        Some(cursor) => shown(&cursor.file, state.look).into_owned(),
        None if overview.since == Timestamp::default() => "starting".to_owned(),
        None => format!(
            "watched for {}",
            time::span(state.now.since(overview.since))
        ),
    };
    let unseen = match overview.unseen.len() + silent(state) {
        0 => "none known".to_owned(),
        number => number.to_string(),
    };
    let left = format!(
        "bridgetrace {}  unseen: {unseen}  events lost: {}  {since}",
        shown(&overview.hostname, state.look),
        overview.lost_events
    );
    let right = match &state.cursor {
        Some(_) => time::date_and_clock(state.now),
        None => time::clock(state.now),
    };
    let room = columns.saturating_sub(width(&right) + 1);
    Line::styled(format!("{} {right}", fit(&left, room)), REVERSED)
}

/// Daemons that cannot be asked.
pub(super) fn silent(state: &State) -> usize {
    let daemons = &state.overview.daemons;
    let silent = |status: &_| matches!(status, tracer_core::input::DaemonStatus::Unreachable(_));
    daemons.iter().filter(|(_, status)| silent(status)).count()
}

fn tabs(state: &State, columns: usize) -> Line<'static> {
    let incidents = &state.incidents;
    let count = |standing| incidents.count(standing);
    let going_on = count(Standing::Losing) + count(Standing::Lasting);
    let mut text = format!("Incidents: {going_on} going on");
    for (standing, word) in [(Standing::Happened, "happened"), (Standing::Over, "over")] {
        if count(standing) > 0 {
            text.push_str(&format!(", {} {word}", count(standing)));
        }
    }
    if incidents.forgotten() > 0 {
        text.push_str(&format!(", {} older ones not kept", incidents.forgotten()));
    }
    let bridges = format!(
        "Bridges: {}, and address pools",
        state.overview.bridges.len()
    );
    let tab = |tab, text: String| {
        if state.tab == tab {
            Span::styled(format!("[{text}]"), STRONG)
        } else {
            Span::raw(format!(" {text} "))
        }
    };
    let text = fit(
        &text,
        width(&text).min(columns.saturating_sub(width(&bridges) + 6)),
    );
    Line::from(vec![
        tab(Tab::Incidents, text),
        Span::raw("  "),
        tab(Tab::Bridges, bridges),
    ])
}

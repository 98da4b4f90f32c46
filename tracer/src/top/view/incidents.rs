//! The list of incidents, and below it everything about the chosen one.

use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    text::{Line, Span},
    widgets::Paragraph,
};
use tracer_core::{finding::Finding, time::Timestamp};

use crate::{
    sink::{human::digits, time},
    top::state::State,
};

use super::{
    details, rows,
    style::{REVERSED, STRONG, rule, standing},
    text::{fit, shown},
};

/// Columns: state, kind, bridge, packets lost, since. The network gets what is left of a console.
const STATE: usize = 12;
const KIND: usize = 18;
const BRIDGE: usize = 15;
const LOST: usize = 7;
const SINCE: usize = 9;
/// Columns between them, and the mark before.
const GAPS: usize = 7;
/// The network's, at most: what belongs together stays together.
const NETWORK: usize = 50;

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, state: &mut State) {
    let Some((nth, chosen)) = state.chosen() else {
        frame.render_widget(Paragraph::new(quiet(state, area.width)), area);
        return;
    };
    let chosen = chosen.clone();
    if state.is_open {
        details::draw(frame, area, state, &chosen);
        return;
    }
    let all = state.incidents.listed().len();
    // The text below matters more than a long list.
    let most = usize::from(area.height / 4).max(3);
    let shown = all.min(most);
    let [list, text] =
        Layout::vertical([Constraint::Length(rows(shown + 1)), Constraint::Min(0)]).areas(area);
    frame.render_widget(Paragraph::new(listed(state, nth, shown, area.width)), list);
    details::draw(frame, text, state, &chosen);
}

/// Nothing was told.
fn quiet(state: &State, columns: u16) -> Vec<Line<'static>> {
    let text = match &state.cursor {
        Some(cursor) if cursor.reading => "The recording is being read.",
        Some(_) => "Nothing was told up to this moment.",
        None if state.overview.since == Timestamp::default() => {
            "Starting: links, routes and docker are being read."
        }
        None => "Quiet: no loss was seen.",
    };
    let unseen = match state.overview.unseen.len() + super::header::silent(state) {
        0 => "",
        _ => "What cannot be seen: Tab.",
    };
    vec![
        rule("incidents", columns, state.look),
        Line::raw(""),
        Line::raw(text),
        Line::raw(unseen),
    ]
}

/// The heading and as many lines as there is room for, the chosen one among them.
fn listed(state: &State, chosen: usize, room: usize, columns: u16) -> Vec<Line<'static>> {
    let columns = usize::from(columns);
    let listed = state.incidents.listed();
    let above = (chosen + 1).saturating_sub(room);
    let lines = listed.iter().enumerate().skip(above).take(room);
    let lines = lines.map(|(nth, finding)| line(finding, state, nth == chosen, columns));
    let network = network_width(columns);
    let heading = format!(
        " {} {} {} {} {:>LOST$} {:SINCE$}",
        fit("STATE", STATE),
        fit("WHAT", KIND),
        fit("BRIDGE", BRIDGE),
        fit("NETWORK", network),
        "LOST",
        "SINCE"
    );
    std::iter::once(Line::styled(heading, STRONG))
        .chain(lines)
        .collect()
}

fn line(finding: &Finding, state: &State, is_chosen: bool, columns: usize) -> Line<'static> {
    let (word, style) = standing(finding, state.look);
    let bridge = finding.bridge.as_ref().map_or("", |bridge| &bridge.name);
    let lost = match finding.kind.is_loss() {
        true => digits(finding.counts.packets),
        false => String::new(),
    };
    let network = network_width(columns);
    let rest = format!(
        " {} {} {} {lost:>LOST$} {:SINCE$}",
        fit(finding.kind.name(), KIND),
        fit(&shown(bridge, state.look), BRIDGE),
        fit(&shown(whose(finding), state.look), network),
        time::clock(finding.start)
    );
    let mark = if is_chosen { ">" } else { " " };
    let line = Line::from(vec![
        Span::raw(mark),
        Span::styled(fit(word, STATE), style),
        Span::raw(rest),
    ]);
    if is_chosen {
        line.style(REVERSED)
    } else {
        line
    }
}

fn network_width(columns: usize) -> usize {
    let others = STATE + KIND + BRIDGE + LOST + SINCE + GAPS;
    columns.saturating_sub(others).min(NETWORK)
}

/// The compose project, or the network.
fn whose(finding: &Finding) -> &str {
    let network = finding.docker_network.as_ref();
    network.map_or("", |it| it.compose_project.as_ref().unwrap_or(&it.name))
}

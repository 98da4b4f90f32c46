//! The time line of a recording, the last line of the log, and the keys.

use ratatui::text::Line;

use crate::{
    sink::time,
    top::state::{Cursor, State, Tab},
};

use super::{
    style::{REVERSED, STRONG},
    text::{fit, shown, width},
};

pub(super) fn lines(state: &State, columns: u16) -> Vec<Line<'static>> {
    let columns = usize::from(columns);
    let cursor = state.cursor.as_ref();
    let time_line = cursor.map(|cursor| Line::styled(time_line(state, cursor, columns), STRONG));
    let note = state.note.as_ref().map(|note| {
        let text = format!("log: {}", shown(note, state.look));
        Line::raw(fit(&text, columns))
    });
    let keys = Line::styled(fit(&keys(state), columns), REVERSED);
    time_line.into_iter().chain(note).chain([keys]).collect()
}

/// The keys that matter here; help has all of them.
fn keys(state: &State) -> String {
    let open = match (state.tab, state.is_open) {
        (Tab::Incidents, false) => "Enter open",
        (Tab::Incidents, true) => "Enter close",
        (Tab::Bridges, _) => "Enter its incident",
    };
    match state.cursor {
        None => format!("q quit  ? help  Up/Down choose  PgUp/PgDn read on  {open}  Tab view"),
        Some(_) => {
            format!("q quit  ? help  Left/Right telling  , . second  Space play  {open}  Tab view")
        }
    }
}

/// `02:25:38Z [------^----------] 02:31:03Z  telling 2 of 5`
fn time_line(state: &State, cursor: &Cursor, columns: usize) -> String {
    let doing = match (cursor.reading, cursor.playing) {
        (true, _) => "reading".to_owned(),
        (_, true) => "playing".to_owned(),
        _ => format!("telling {} of {}", cursor.tellings.0, cursor.tellings.1),
    };
    let (first, last) = (time::clock(cursor.first), time::clock(cursor.last));
    let rail = columns.saturating_sub(width(&first) + width(&last) + width(&doing) + 6);
    let at = position(state, cursor, rail);
    let rail: String = (0..rail)
        .map(|nth| if nth == at { '^' } else { '-' })
        .collect();
    format!("{first} [{rail}] {last}  {doing}")
}

/// Where on a rail of this length the moment is.
fn position(state: &State, cursor: &Cursor, rail: usize) -> usize {
    let whole = u128::from(cursor.last.since(cursor.first)).max(1);
    let part = u128::from(state.now.since(cursor.first)).min(whole);
    let last = rail.saturating_sub(1);
    usize::try_from(part * last as u128 / whole).unwrap_or(last)
}

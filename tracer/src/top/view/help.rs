//! The keys.

use ratatui::text::Line;

use crate::top::state::State;

use super::{
    style::REVERSED,
    text::{fit, width},
};

const KEYS: [&str; 11] = [
    "Up Down, k j      choose in the list",
    "g G               first, last",
    "PgUp PgDn, b f    read the text on",
    "Enter             the chosen one alone, with all the room",
    "Esc               back to the list",
    "Tab               incidents, or bridges and address pools",
    "Ctrl-L            draw everything anew",
    "Ctrl-Z            back to the shell; fg returns",
    "?                 these keys",
    "q, Ctrl-C         quit",
    "",
];
const RECORDED: [&str; 5] = [
    "Left Right, h l   to the moment before, behind, at which something was told",
    ", .               a second back, on",
    "Space             play as fast as it happened, or stop",
    "Home End          beginning, end of the recording",
    "",
];
const LIVE: [&str; 2] = [
    "top changes nothing: commands are for you to type, as root.",
    "Times are UTC. Quiet means that no loss was seen.",
];

pub(super) fn lines(state: &State) -> Vec<Line<'static>> {
    let recorded: &[&str] = if state.cursor.is_some() {
        &RECORDED
    } else {
        &[]
    };
    let all: Vec<&str> = [&KEYS, recorded, &LIVE].concat();
    let widest = all.iter().map(|line| width(line)).max().unwrap_or(0);
    let padded = |line: &str| format!("  {}  ", fit(line, widest));
    let framed = std::iter::once("Keys").chain([""]).chain(all).chain([""]);
    framed
        .map(|line| Line::styled(padded(line), REVERSED))
        .collect()
}

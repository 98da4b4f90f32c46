//! The state as a screen: ASCII where the locale has no more, colours only where they are wanted, and
//! every text from outside escaped.

mod bridges;
mod details;
mod footer;
mod header;
mod help;
mod incidents;
mod style;
mod text;

use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    text::Line,
    widgets::{Clear, Paragraph},
};

use super::state::{State, Tab};

/// Less does not hold what must be seen at once.
const LEAST: (u16, u16) = (72, 20);

/// Draws everything, and keeps what is scrolled within the text.
pub(super) fn draw(frame: &mut Frame<'_>, state: &mut State) {
    let area = frame.area();
    if area.width < LEAST.0 || area.height < LEAST.1 {
        too_small(frame, area);
        return;
    }
    let below = footer::lines(state, area.width);
    let [head, body, foot] = Layout::vertical([
        Constraint::Length(2),
        Constraint::Min(0),
        Constraint::Length(rows(below.len())),
    ])
    .areas(area);
    frame.render_widget(Paragraph::new(header::lines(state, area.width)), head);
    frame.render_widget(Paragraph::new(below), foot);
    match state.tab {
        Tab::Incidents => incidents::draw(frame, body, state),
        Tab::Bridges => bridges::draw(frame, body, state),
    }
    if state.help {
        overlay(frame, body, help::lines(state));
    }
}

/// In the middle, over what is below.
fn overlay(frame: &mut Frame<'_>, area: Rect, lines: Vec<Line<'static>>) {
    let widest = lines.iter().map(Line::width).max().unwrap_or(0);
    let (width, height) = (
        rows(widest).min(area.width),
        rows(lines.len()).min(area.height),
    );
    let area = Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 2,
        width,
        height,
    };
    frame.render_widget(Clear, area);
    frame.render_widget(Paragraph::new(lines), area);
}

fn too_small(frame: &mut Frame<'_>, area: Rect) {
    let text = [
        "too small:".to_owned(),
        format!("{}x{} is needed,", LEAST.0, LEAST.1),
        format!("this is {}x{}.", area.width, area.height),
        "q quits".to_owned(),
    ];
    frame.render_widget(Paragraph::new(text.map(Line::from).to_vec()), area);
}

/// A list's length as rows or columns of a screen.
fn rows(length: usize) -> u16 {
    u16::try_from(length).unwrap_or(u16::MAX)
}

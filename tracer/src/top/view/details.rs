//! Everything about one incident: what is lost and what to type come first, so that both are seen at 80x24
//! without scrolling.

use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    text::Line,
    widgets::Paragraph,
};
use tracer_core::finding::Finding;

use crate::{
    sink::human::{self, Look},
    top::state::State,
};

use super::{
    style::{STRONG, rule},
    text::hard,
};

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, state: &mut State, finding: &Finding) {
    let [title, body] = Layout::vertical([Constraint::Length(1), Constraint::Min(0)]).areas(area);
    let lines = lines(finding, state, area.width);
    let room = usize::from(body.height);
    state.page = room.max(1);
    state.scroll = state.scroll.min(lines.len().saturating_sub(room));
    let below = lines.len().saturating_sub(state.scroll + room);
    let more = match (state.scroll, below) {
        (0, 0) => String::new(),
        (above, below) => format!(" (lines above: {above}, below: {below})"),
    };
    let heading = format!("{}{more}", human::title(finding));
    frame.render_widget(
        Paragraph::new(rule(&heading, area.width, state.look)),
        title,
    );
    let shown: Vec<Line<'_>> = lines.into_iter().skip(state.scroll).take(room).collect();
    frame.render_widget(Paragraph::new(shown), body);
}

fn lines(finding: &Finding, state: &State, columns: u16) -> Vec<Line<'static>> {
    let columns = usize::from(columns);
    let look = Look {
        colour: false,
        // Nobody reads lines of 200 columns.
        width: columns.min(110),
        ..state.look
    };
    let story = human::story(finding, &state.overview.hostname, look);
    let plain = |line: String| hard(&line, columns).into_iter().map(Line::raw);
    let strong = |line: String| {
        hard(&line, columns)
            .into_iter()
            .map(|it| Line::styled(it, STRONG))
    };
    let what = story.what.into_iter().flat_map(plain);
    let command = story.command.into_iter().flat_map(strong);
    what.chain(command)
        .chain(story.rest.into_iter().flat_map(plain))
        .collect()
}

//! From top to bottom, for narrow screens.

use maud::{Markup, html};

use super::{Point, Way, came_to, line, lines, names, node, stop, tip, wrap};
use crate::{
    drawing::{Drawing, Part, Station},
    report::text::Text,
};

const WIDTH: i64 = 330;
/// Where the stations are, and where their text begins.
const LINE: i64 = 24;
const TEXT: i64 = 56;
const APART: i64 = 6;
const NODE: i64 = 20;
const LEADING: i64 = 17;
/// Columns of text, and lines of each part of it.
const COLUMNS: usize = 33;
const MOST: usize = 2;
/// From a station's last line to the next station.
const GAP: i64 = 34;

/// A station, where it stands and what is written beside it.
struct Place<'a> {
    station: &'a Station,
    y: i64,
    text: Vec<(&'static str, Text)>,
    /// What is said of the way behind it, and where.
    said: Vec<(Way, Text)>,
    said_at: i64,
}

pub(super) fn svg(drawing: &Drawing, id: &str) -> Markup {
    let places = places(drawing);
    let height = places.last().map_or(0, |it| it.said_at) + 4;
    let at = |nth: usize| places.get(nth).map_or(0, |it| it.y);
    let fork = drawing.outside.len();
    let last = places.len().saturating_sub(1);
    html! {
        svg.tall role="img" aria-labelledby={ (id) "-title " (id) "-desc" } viewBox={ "0 0 " (WIDTH) " " (height) } {
            (names(drawing, id))
            (right(drawing, at(0), at(fork)))
            (line(Way::Wrong, (LINE, at(fork) + NODE), (LINE, at(last) - NODE)))
            (tip(Way::Wrong, (LINE, at(fork + 1) - NODE + 7), (0, 1)))
            @for place in &places { (written(place)) }
        }
    }
}

fn places(drawing: &Drawing) -> Vec<Place<'_>> {
    let mut places = Vec::new();
    let mut y = 26;
    let fork = drawing.outside.len();
    for (nth, station) in drawing
        .outside
        .iter()
        .chain([&drawing.fork])
        .chain(&drawing.inside)
        .enumerate()
    {
        let mut text = lines(station, COLUMNS, MOST);
        if let Some(sender) = drawing.sender.as_ref().filter(|_| nth == fork) {
            text.extend(lines(sender, COLUMNS, MOST));
        }
        let said = said(drawing, nth + 1, fork);
        let said_at = y - 4 + height(text.len());
        let next = said_at + height(said.len()) + GAP;
        places.push(Place {
            station,
            y,
            text,
            said,
            said_at,
        });
        y = next;
    }
    places
}

fn height(lines: usize) -> i64 {
    i64::try_from(lines).unwrap_or(0) * LEADING
}

/// What is said of the way to the station with this number.
fn said(drawing: &Drawing, next: usize, fork: usize) -> Vec<(Way, Text)> {
    let label = |way, label: String| -> Vec<(Way, Text)> {
        let lines = wrap(Text::new(label).shown(), COLUMNS + 4, 2);
        lines.into_iter().map(|it| (way, it)).collect()
    };
    if next == fork {
        let mut said = label(Way::Right, drawing.right_label());
        said.extend(
            drawing
                .arrival_label()
                .into_iter()
                .flat_map(|it| label(Way::Came, it)),
        );
        said
    } else if next == fork + 1 {
        label(Way::Wrong, drawing.wrong_label())
    } else {
        Vec::new()
    }
}

/// What comes in on the left, what should go out on the right.
fn right(drawing: &Drawing, first: i64, last: i64) -> Markup {
    let (start, end) = (first + NODE - 6, last - NODE);
    let came_to = came_to(drawing, end);
    html! {
        @if let Some((stops, refused)) = came_to {
            (line(Way::Came, (LINE - APART, start), (LINE - APART, stops)))
            @if refused { (stop((LINE - APART, stops))) } @else { (tip(Way::Came, (LINE - APART, end + 4), (0, 1))) }
        }
        (line(Way::Right, (LINE + APART, end), (LINE + APART, start + 6)))
        (tip(Way::Right, (LINE + APART, start), (0, -1)))
    }
}

fn written(place: &Place<'_>) -> Markup {
    let at = |nth: i64, y: i64| -> Point { (TEXT, y + nth * LEADING) };
    html! {
        (node(place.station.part, (LINE, place.y)))
        @if place.station.part == Part::Nobody { (stop((LINE, place.y))) }
        @for (nth, (class, line)) in (0..).zip(&place.text) {
            @let (x, y) = at(nth, place.y - 4);
            text class=(class) x=(x) y=(y) { (line) }
        }
        @for (nth, (way, line)) in (0..).zip(&place.said) {
            @let (x, y) = at(nth, place.said_at + 9);
            text class={ "said " (way.class()) } x=(x) y=(y) { (line) }
        }
    }
}

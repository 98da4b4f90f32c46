//! From left to right: far end, gateway, uplink, host, bridge, nobody.

use maud::{Markup, html};

use super::{Point, Way, came_to, line, lines, names, node, stop, tip, wrap};
use crate::{
    drawing::{Drawing, Part, Station},
    report::text::Text,
};

const WIDTH: i64 = 900;
/// From the edge to the middle of the first and last station.
const MARGIN: i64 = 78;
/// Where the stations are.
const LINE: i64 = 88;
/// How far what comes in and what should go out are apart from the middle.
const APART: i64 = 6;
/// Half of the largest node, and some air.
const NODE: i64 = 20;
/// The last line of what is said of the ways, and how wide a letter of it is.
const SAID: i64 = 62;
const LETTER: i64 = 7;
/// Where a station's text begins, and how high a line of it is.
const TEXT: i64 = 128;
const LEADING: i64 = 17;
/// Columns of a station's text, and lines of each part of it.
const COLUMNS: usize = 17;
const MOST: usize = 3;

pub(super) fn svg(drawing: &Drawing, id: &str) -> Markup {
    let stations: Vec<&Station> = drawing
        .outside
        .iter()
        .chain([&drawing.fork])
        .chain(&drawing.inside)
        .collect();
    let fork = drawing.outside.len();
    let places = places(stations.len());
    let texts = stations
        .iter()
        .map(|it| lines(it, COLUMNS, MOST))
        .collect::<Vec<_>>();
    let deepest = texts.iter().map(Vec::len).max().unwrap_or(0);
    let sender = drawing.sender.as_ref().map(|it| lines(it, 40, 1));
    let rows = i64::try_from(deepest + sender.as_ref().map_or(0, Vec::len)).unwrap_or(0);
    let height = TEXT + rows * LEADING + 8;
    html! {
        svg.wide role="img" aria-labelledby={ (id) "-title " (id) "-desc" } viewBox={ "0 0 " (WIDTH) " " (height) } {
            (names(drawing, id))
            (right(drawing, &places, fork))
            (wrong(drawing, &places, fork))
            @for (station, x) in stations.iter().zip(&places) { (node(station.part, (*x, LINE))) }
            @if let (Some(Part::Nobody), Some(x)) = (stations.last().map(|it| it.part), places.last()) { (stop((*x, LINE))) }
            @for (text, x) in texts.iter().zip(&places) { (column(text, (*x, TEXT))) }
            @if let (Some(sender), Some(x)) = (&sender, places.get(fork)) {
                (column(sender, (*x, TEXT + i64::try_from(deepest).unwrap_or(0) * LEADING)))
            }
        }
    }
}

/// Where stations stand, evenly.
fn places(number: usize) -> Vec<i64> {
    let gaps = i64::try_from(number).unwrap_or(2).max(2) - 1;
    (0..=gaps)
        .map(|nth| MARGIN + (WIDTH - 2 * MARGIN) * nth / gaps)
        .collect()
}

/// What comes in above, what should go out below; and what is to be said of both.
fn right(drawing: &Drawing, places: &[i64], fork: usize) -> Markup {
    let (Some(first), Some(last)) = (places.first(), places.get(fork)) else {
        return html! {};
    };
    let (start, end) = (first + NODE - 6, last - NODE);
    let came_to = came_to(drawing, end);
    let right = (Way::Right, drawing.right_label());
    let came = drawing.arrival_label().map(|it| (Way::Came, it));
    let labels: Vec<_> = std::iter::once(right).chain(came).collect();
    html! {
        @if let Some((stops, refused)) = came_to {
            (line(Way::Came, (start, LINE - APART), (stops, LINE - APART)))
            @if refused { (stop((stops, LINE - APART))) } @else { (tip(Way::Came, (end + 4, LINE - APART), (1, 0))) }
        }
        (line(Way::Right, (end, LINE + APART), (start + 6, LINE + APART)))
        (tip(Way::Right, (start, LINE + APART), (-1, 0)))
        (said(&labels, (*first, *last)))
    }
}

fn wrong(drawing: &Drawing, places: &[i64], fork: usize) -> Markup {
    let (Some(first), Some(last)) = (places.get(fork), places.last()) else {
        return html! {};
    };
    let bridge = places.get(fork + 1).copied().unwrap_or(*last);
    html! {
        (line(Way::Wrong, (first + NODE, LINE), (last - NODE, LINE)))
        (tip(Way::Wrong, (bridge - NODE + 3, LINE), (1, 0)))
        (said(&[(Way::Wrong, drawing.wrong_label())], (*first, *last)))
    }
}

/// What is said of ways, above them and between two stations.
fn said(labels: &[(Way, String)], (first, last): Point) -> Markup {
    let columns = usize::try_from((last - first) / LETTER)
        .unwrap_or(0)
        .max(20);
    let lines = labels.iter().flat_map(|(way, label)| {
        let lines = wrap(Text::new(label).shown(), columns, 2);
        lines.into_iter().map(move |it| (*way, it))
    });
    let lines: Vec<(Way, Text)> = lines.collect();
    let top = SAID - (i64::try_from(lines.len()).unwrap_or(1) - 1) * LEADING;
    html! {
        @for (nth, (way, line)) in (0..).zip(&lines) {
            text class={ "said " (way.class()) } x=((first + last) / 2) y=(top + nth * LEADING) text-anchor="middle" { (line) }
        }
    }
}

fn column(lines: &[(&'static str, Text)], (x, y): Point) -> Markup {
    html! {
        @for (nth, (class, line)) in (0..).zip(lines) {
            text class=(class) x=(x) y=(y + nth * LEADING) text-anchor="middle" { (line) }
        }
    }
}

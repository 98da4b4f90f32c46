//! The drawing in ASCII: the stations below each other, the ways as rails between them.

use super::{Arrival, Drawing, Part, Station};
use crate::sink::escape;

/// No line is wider.
pub(crate) const WIDTH: usize = 78;
/// Where names begin: behind the longest title.
const NAMES: usize = 17;

/// Lines of ASCII without newlines, none wider than [`WIDTH`].
pub(crate) fn lines(drawing: &Drawing) -> Vec<String> {
    let mut lines = Vec::new();
    let last = drawing.outside.len().saturating_sub(1);
    for (nth, station) in drawing.outside.iter().enumerate() {
        lines.extend(named(station));
        lines.push(outer_rails(drawing, nth == 0, nth == last));
    }
    if let Some(extra) = extra(drawing) {
        lines.push(line(&rails(' ', ':'), &extra));
    }
    lines.extend(named(&drawing.fork));
    if let Some(sender) = &drawing.sender {
        lines.push(line(
            "",
            &format!("passes on packets of {}", words(sender).join(", ")),
        ));
    }
    let mut label = drawing.wrong_label();
    for station in &drawing.inside {
        let mark = if station.part == Part::Nobody {
            'X'
        } else {
            '#'
        };
        lines.push(line(&rails(mark, ' '), &std::mem::take(&mut label)));
        lines.extend(named(station));
    }
    lines
}

/// Between two stations of the right way: what comes in, and what should go out.
fn outer_rails(drawing: &Drawing, first: bool, last: bool) -> String {
    let out = if first { '^' } else { ':' };
    let comes = match (&drawing.arrival, last) {
        (Arrival::Unseen | Arrival::By(_), _) => ' ',
        (Arrival::Refused, true) => 'X',
        (_, true) => 'v',
        (_, false) => '|',
    };
    let label = if last {
        drawing.right_label()
    } else {
        String::new()
    };
    line(&rails(comes, out), &label)
}

/// What is to be said of arriving packets and does not show in the rails.
fn extra(drawing: &Drawing) -> Option<String> {
    match drawing.arrival {
        Arrival::By(_) | Arrival::Refused => drawing.arrival_label(),
        Arrival::Unseen | Arrival::SameWay => None,
    }
}

fn rails(comes: char, goes: char) -> String {
    format!("  {comes} {goes}")
}

/// A station; what does not fit behind its name has lines of its own.
fn named(station: &Station) -> Vec<String> {
    let head = format!("  {}", station.part.title());
    let words = words(station);
    let all = words.join(", ");
    if NAMES + escape::ascii(&all).len() <= WIDTH {
        return vec![line(&head, &all)];
    }
    let heads = std::iter::once(head.as_str()).chain(std::iter::repeat(""));
    heads
        .zip(words)
        .map(|(head, word)| line(head, word))
        .collect()
}

fn words(station: &Station) -> Vec<&str> {
    let notes = station.notes.iter().map(String::as_str);
    let words = std::iter::once(station.name.as_str()).chain(notes);
    words.filter(|it| !it.is_empty()).collect()
}

fn line(head: &str, text: &str) -> String {
    let text = escape::ascii(text);
    let line = format!("{head:NAMES$}{text}");
    let line = line.trim_end();
    if line.len() <= WIDTH {
        return line.to_owned();
    }
    format!("{}...", &line[..WIDTH - 3])
}

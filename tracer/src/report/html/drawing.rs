//! The two ways as SVG: side by side where there is room, below each other where there is not. Only
//! one of the two is shown, and read out.

mod tall;
mod wide;

use maud::{Markup, html};

use crate::{
    drawing::{Arrival, Drawing, Part, Station},
    report::text::Text,
};

/// The drawing in both shapes; `anchor` is unique on the page.
pub(super) fn figure(drawing: &Drawing, anchor: &str) -> Markup {
    html! {
        figure.drawing {
            (wide::svg(drawing, &format!("{anchor}-wide")))
            (tall::svg(drawing, &format!("{anchor}-tall")))
        }
    }
}

/// What a drawing is called and what it shows.
fn names(drawing: &Drawing, id: &str) -> Markup {
    html! {
        title id={ (id) "-title" } { "The way the packets took, and the way they should have taken" }
        desc id={ (id) "-desc" } { (Text::new(drawing.told())) }
    }
}

/// One way.
#[derive(Clone, Copy)]
enum Way {
    Came,
    Right,
    Wrong,
}

impl Way {
    const fn class(self) -> &'static str {
        match self {
            Self::Came => "came",
            Self::Right => "right",
            Self::Wrong => "wrong",
        }
    }
}

/// A point; whole numbers are fine enough.
type Point = (i64, i64);

fn line(way: Way, (x1, y1): Point, (x2, y2): Point) -> Markup {
    html! { line class={ "way " (way.class()) } x1=(x1) y1=(y1) x2=(x2) y2=(y2) {} }
}

/// An arrow's head at a point: where it is, and where it points to by one step in each direction.
fn tip(way: Way, (x, y): Point, (dx, dy): Point) -> Markup {
    let (back, side) = match way {
        Way::Wrong => (14, 9),
        _ => (9, 6),
    };
    let (bx, by) = (x - dx * back, y - dy * back);
    let points = format!(
        "{x},{y} {},{} {},{}",
        bx + dy * side,
        by + dx * side,
        bx - dy * side,
        by - dx * side
    );
    html! { polygon class={ "tip " (way.class()) } points=(points) {} }
}

/// How far the packets get that come in by the right way, on their way to `end`, and whether they are refused
/// there; nothing where they come in elsewhere.
fn came_to(drawing: &Drawing, end: i64) -> Option<(i64, bool)> {
    match drawing.arrival {
        Arrival::SameWay => Some((end, false)),
        Arrival::Refused => Some((end - 14, true)),
        _ => None,
    }
}

/// Nothing gets beyond.
fn stop((x, y): Point) -> Markup {
    let arm = 8;
    html! {
        line.stop x1=(x - arm) y1=(y - arm) x2=(x + arm) y2=(y + arm) {}
        line.stop x1=(x - arm) y1=(y + arm) x2=(x + arm) y2=(y - arm) {}
    }
}

fn node(part: Part, (x, y): Point) -> Markup {
    let class = match part {
        Part::Bridge | Part::Stranger => "node inside",
        Part::Nobody => "node inside nobody",
        _ => "node",
    };
    html! {
        @match part {
            Part::Host | Part::Inside => rect class=(class) x=(x - 15) y=(y - 15) width="30" height="30" rx="6" {},
            Part::Bridge | Part::RightBridge => rect class=(class) x=(x - 15) y=(y - 10) width="30" height="20" rx="10" {},
            Part::Nobody => circle class=(class) cx=(x) cy=(y) r="15" {},
            _ => circle class=(class) cx=(x) cy=(y) r="11" {},
        }
    }
}

/// A station's lines of text with the class of each: what it is, its name, notes.
fn lines(station: &Station, columns: usize, most: usize) -> Vec<(&'static str, Text)> {
    let mut lines = vec![("part", Text::new(station.part.title()))];
    let name = Text::new(&station.name);
    lines.extend(
        wrap(name.shown(), columns, most)
            .into_iter()
            .map(|it| ("name", it)),
    );
    for note in &station.notes {
        let note = Text::new(note);
        // Notes are smaller, and as the names in a type whose letters are all as wide.
        lines.extend(
            wrap(note.shown(), columns * 13 / 12, most)
                .into_iter()
                .map(|it| ("note", it)),
        );
    }
    lines
}

/// Text in at most `most` lines of so many columns, cut at blanks where there are any. Letters of
/// other scripts count for two: they are wider.
fn wrap(text: &str, columns: usize, most: usize) -> Vec<Text> {
    let mut lines: Vec<String> = Vec::new();
    let mut room = 0;
    for word in text.split_inclusive(' ') {
        if width(word.trim_end()) > room || lines.is_empty() {
            lines.push(String::new());
            room = columns;
        }
        for letter in word.chars() {
            let wide = letter_width(letter);
            if wide > room && letter != ' ' {
                lines.push(String::new());
                room = columns;
            }
            room = room.saturating_sub(wide);
            if let Some(line) = lines.last_mut() {
                line.push(letter);
            }
        }
    }
    let is_cut = lines.len() > most;
    lines.truncate(most);
    if let Some(last) = lines.last_mut().filter(|_| is_cut) {
        last.pop();
        last.push('…');
    }
    let lines = lines
        .iter()
        .map(|line| line.trim())
        .filter(|line| !line.is_empty());
    lines.map(Text::new).collect()
}

fn width(text: &str) -> usize {
    text.chars().map(letter_width).sum()
}

const fn letter_width(letter: char) -> usize {
    if letter.is_ascii() { 1 } else { 2 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(text: &str, columns: usize, most: usize) -> Vec<String> {
        let lines = wrap(text, columns, most);
        lines.iter().map(|it| it.shown().to_owned()).collect()
    }

    #[test]
    fn names_are_cut_where_they_must() {
        assert_eq!(wrapped("br-80cb5a0c07bc", 20, 2), ["br-80cb5a0c07bc"]);
        assert_eq!(
            wrapped("network XXXX-openldap_default", 22, 2),
            ["network", "XXXX-openldap_default"]
        );
        assert_eq!(wrapped("abcdefgh", 3, 2), ["abc", "de…"]);
        assert_eq!(wrapped("容器", 2, 9), ["容", "器"]);
        assert_eq!(wrapped("", 9, 2), Vec::<String>::new());
    }
}

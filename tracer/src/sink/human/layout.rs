//! Lines of a fixed width. Everything that is shown passes through a [`Page`], so nothing hostile
//! gets past its escaping.

use std::{borrow::Cow, fmt::Write as _};

use anstyle::Style;
use unicode_width::UnicodeWidthChar as _;

use super::style::{Look, STRONG, Word};
use crate::sink::{self, escape};

/// Column where the text of a field begins: two of indent, the longest label, one between.
const FIELD: usize = 10;
/// Fewest columns prose gets, however narrow the terminal claims to be.
const NARROWEST: usize = 40;

/// Takes what a finding says, a label and a text at a time. Both may hold hostile names.
pub(crate) trait Fields {
    /// A labelled text; one without a label goes on with what the text before is about.
    fn field(&mut self, label: &str, text: &str);

    /// `->`, or better.
    fn arrow(&self) -> &'static str;
}

/// Text being laid out.
pub(super) struct Page {
    look: Look,
    text: String,
}

impl Page {
    pub(super) const fn new(look: Look) -> Self {
        Self {
            look,
            text: String::new(),
        }
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }

    /// Lines so far.
    pub(super) fn lines(&self) -> usize {
        self.text.matches('\n').count()
    }

    pub(super) fn blank(&mut self) {
        self.text.push('\n');
    }

    /// A line as it is, which is safe to show: it is drawn, not told.
    pub(super) fn line(&mut self, line: &str) {
        self.text.push_str(&self.shown(line));
        self.blank();
    }

    /// A line across the page.
    pub(super) fn rule(&mut self) {
        let dash = if self.look.unicode { "─" } else { "-" };
        self.text.push_str(&dash.repeat(self.width()));
        self.blank();
    }

    /// Wrapped text, indented by `indent`.
    pub(super) fn prose(&mut self, indent: usize, text: &str) {
        let text = self.shown(text).into_owned();
        for line in wrap(&text, self.width() - indent, self.width() - indent) {
            let _ = writeln!(self.text, "{:indent$}{line}", "");
        }
    }

    /// Wrapped text behind a number.
    pub(super) fn item(&mut self, number: usize, text: &str) {
        let text = self.shown(text).into_owned();
        let mut head = format!("{number}. ");
        let indent = head.len();
        for line in wrap(&text, self.width() - indent, self.width() - indent) {
            let _ = writeln!(self.text, "{head:indent$}{line}");
            head.clear();
        }
    }

    /// A time, a word that stands out, and what it is about.
    pub(super) fn headline(&mut self, time: &str, word: Word, text: &str) {
        let text = self.shown(text).into_owned();
        let taken = time.len() + 1 + word.text.len() + 2;
        let mut lines = wrap(&text, self.width() - taken, self.width() - FIELD).into_iter();
        self.text.push_str(time);
        self.text.push(' ');
        self.styled(word.style, word.text);
        let _ = writeln!(self.text, ": {}", lines.next().unwrap_or_default());
        for line in lines {
            let _ = writeln!(self.text, "{:FIELD$}{line}", "");
        }
    }

    /// A line that stands out.
    pub(super) fn title(&mut self, text: &str) {
        self.styled(STRONG, text);
        self.blank();
    }

    /// A command at column 0, as it is: it will be copied. False if it holds characters that could
    /// not be shown, so that the copy would be another command.
    pub(super) fn command(&mut self, command: &str) -> bool {
        let mut exact = true;
        for line in command.lines() {
            // A tab is what a heredoc may need; on a terminal it only moves to the right.
            let parts: Vec<_> = line.split('\t').map(|part| self.shown(part)).collect();
            let shown = parts.join("\t");
            exact &= shown == line;
            self.styled(STRONG, &shown);
            self.blank();
        }
        exact
    }

    fn width(&self) -> usize {
        self.look.width.max(NARROWEST)
    }

    fn shown<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.look.unicode {
            escape::visible(text)
        } else {
            escape::ascii(text)
        }
    }

    fn styled(&mut self, style: Style, text: &str) {
        if self.look.colour && !text.is_empty() {
            let _ = write!(self.text, "{style}{text}{style:#}");
        } else {
            self.text.push_str(text);
        }
    }
}

impl Fields for Page {
    /// Further lines are aligned with the first.
    fn field(&mut self, label: &str, text: &str) {
        let text = self.shown(text).into_owned();
        let room = self.width() - FIELD;
        for (number, line) in wrap(&text, room, room).into_iter().enumerate() {
            self.text.push_str("  ");
            let label = if number == 0 { label } else { "" };
            self.styled(STRONG, label);
            let pad = FIELD - 2 - label.len();
            let _ = writeln!(self.text, "{:pad$}{line}", "");
        }
    }

    fn arrow(&self) -> &'static str {
        if self.look.unicode { "→" } else { "->" }
    }
}

/// `text` in lines of `first`, then `rest` columns. A word longer than a line is cut, since it may
/// be a hostile name; one that merely does not fit moves to the next line.
fn wrap(text: &str, first: usize, rest: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut room = first;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let (mut word, mut width) = (word, columns(word));
        let begins = room == line_width(&lines, first, rest);
        if room < width + usize::from(!begins) {
            if !lines.last().is_none_or(String::is_empty) {
                lines.push(String::new());
                room = rest;
            }
            // A hostile word may be long: it is measured once.
            while width > room {
                let (head, tail) = cut(word, room);
                width = width.saturating_sub(columns(&word[..word.len() - tail.len()]));
                push(&mut lines, head);
                lines.push(String::new());
                room = rest;
                word = tail;
            }
        } else if !begins {
            push(&mut lines, " ");
            room -= 1;
        }
        push(&mut lines, word);
        room -= width;
    }
    lines
}

/// Columns that `text` takes.
fn columns(text: &str) -> usize {
    let widths = text.chars().map(|character| character.width());
    widths.map(Option::unwrap_or_default).sum()
}

/// What fits in `room` columns, and the rest; of a character wider than that nothing is left.
fn cut(word: &str, room: usize) -> (&str, &str) {
    let (head, rest) = sink::columns::cut(word, room);
    if head.is_empty() {
        let mut rest = rest.chars();
        rest.next();
        return ("", rest.as_str());
    }
    (head, rest)
}

const fn line_width(lines: &[String], first: usize, rest: usize) -> usize {
    if lines.len() == 1 { first } else { rest }
}

fn push(lines: &mut [String], text: &str) {
    if let Some(line) = lines.last_mut() {
        line.push_str(text);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_move_and_only_giants_are_cut() {
        assert_eq!(wrap("aa bb cc", 5, 5), ["aa bb", "cc"]);
        assert_eq!(wrap("aa bbbb", 5, 5), ["aa", "bbbb"]);
        assert_eq!(wrap("aa bbbbbbb c", 5, 5), ["aa", "bbbbb", "bb c"]);
        assert_eq!(wrap("aa bb", 2, 9), ["aa", "bb"]);
        assert_eq!(wrap("", 5, 5), [""]);
    }

    #[test]
    fn a_command_is_left_alone() {
        let long = "ip route add ".repeat(20);
        let mut page = Page::new(Look::PLAIN);
        assert!(page.command(&long));
        assert!(page.command("cat <<'EOF'\n  a: b\nEOF"));
        assert!(page.command("\ttabbed"));
        assert!(!page.command("cd /srv/größe"));
        let text = page.into_text();
        assert!(text.starts_with(&format!("{long}\ncat <<'EOF'\n  a: b\nEOF\n\ttabbed\n")));
        assert!(text.ends_with("cd /srv/gr\\xf6\\xdfe\n"));
    }

    proptest! {
        #[test]
        fn nothing_is_wider_than_the_page_and_nothing_is_lost(
            text in "[a-z ]{0,200}", first in 1_usize..40, rest in 1_usize..40,
        ) {
            let lines = wrap(&text, first, rest);
            let room = |number| if number == 0 { first } else { rest };
            let fits = lines.iter().enumerate().all(|(number, line)| line.len() <= room(number));
            prop_assert!(fits);
            let letters = |text: &str| text.replace(' ', "");
            prop_assert_eq!(letters(&lines.concat()), letters(&text));
        }
    }
}

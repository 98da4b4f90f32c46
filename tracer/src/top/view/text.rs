//! Text in columns: a character may take two of them, or none.

use std::borrow::Cow;

use unicode_width::UnicodeWidthStr as _;

use crate::sink::{columns::cut, escape, human::Look};

/// Text from outside as this terminal can show it.
pub(super) fn shown(text: &str, look: Look) -> Cow<'_, str> {
    if look.unicode {
        escape::visible(text)
    } else {
        escape::ascii(text)
    }
}

/// Columns that `text` takes.
pub(super) fn width(text: &str) -> usize {
    text.width()
}

/// `text` in exactly `columns`: padded, or cut with a mark.
pub(super) fn fit(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return pad(text.to_owned(), columns);
    }
    let (head, _) = cut(text, columns.saturating_sub(2));
    let marked = format!("{head}..");
    pad(cut(&marked, columns).0.to_owned(), columns)
}

/// `text` in lines of `columns` at most, cut wherever a line is full: a command has no better places.
pub(super) fn hard(text: &str, columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut rest = text;
    loop {
        let (head, tail) = cut(rest, columns);
        // A character that is wider than a line.
        let (head, tail) = if head.is_empty() && !tail.is_empty() {
            ("", "")
        } else {
            (head, tail)
        };
        lines.push(head.to_owned());
        if tail.is_empty() {
            return lines;
        }
        rest = tail;
    }
}

fn pad(mut text: String, columns: usize) -> String {
    let missing = columns.saturating_sub(text.width());
    text.extend(std::iter::repeat_n(' ', missing));
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_does_not_fit_is_cut_with_a_mark() {
        assert_eq!(fit("bridge", 8), "bridge  ");
        assert_eq!(fit("br-80cb5a0c07bc", 8), "br-80c..");
        assert_eq!(fit("容器容器", 7), "容器.. ");
        assert_eq!(fit("bridge", 1), ".");
        assert_eq!(fit("bridge", 0), "");
    }

    proptest! {
        #[test]
        fn a_column_is_as_wide_as_it_should_be(text in "[a-z容é ]{0,40}", columns in 0_usize..30) {
            prop_assert_eq!(width(&fit(&text, columns)), columns);
        }

        #[test]
        fn a_cut_command_is_whole(text in "[a-z容 ]{0,90}", columns in 2_usize..30) {
            let lines = hard(&text, columns);
            prop_assert!(lines.iter().all(|line| width(line) <= columns));
            prop_assert_eq!(lines.concat(), text);
        }
    }
}

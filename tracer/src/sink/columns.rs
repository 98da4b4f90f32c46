//! Text in columns of a terminal: a character may take two of them, or none.

use unicode_width::UnicodeWidthChar as _;

/// What of `text` fits in so many `columns`, and the rest.
pub(crate) fn cut(text: &str, columns: usize) -> (&str, &str) {
    let mut taken = 0;
    let end = text.char_indices().find_map(|(at, character)| {
        taken += character.width().unwrap_or(0);
        (taken > columns).then_some(at)
    });
    text.split_at(end.unwrap_or(text.len()))
}

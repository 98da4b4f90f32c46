//! Text from outside is hostile: whoever names a container, a network, an interface or a process
//! could otherwise move the operator's cursor, recolour a verdict or reverse a command.
//!
//! For people, such characters are written out (`\x1b`, `\u{202e}`). In JSON they become JSON
//! escapes, so that a line is safe to show on a terminal and still decodes to the exact name.

use std::{borrow::Cow, fmt::Write as _, io};

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

/// Whether a character acts on the terminal or hides instead of showing itself: controls
/// (C0, DEL, C1), bidirectional overrides, line separators, zero-width characters, tags.
pub(crate) fn is_hostile(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// `text` with every hostile character written out.
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    write_out(text, is_hostile)
}

/// `text` in printable ASCII: for a console that can show nothing else.
pub(crate) fn ascii(text: &str) -> Cow<'_, str> {
    write_out(text, |character| {
        !character.is_ascii() || is_hostile(character)
    })
}

fn write_out(text: &str, unwanted: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&unwanted) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match u32::from(character) {
            _ if !unwanted(character) => out.push(character),
            // Writing to a String cannot fail.
            code @ 0..=0xff => drop(write!(out, "\\x{code:02x}")),
            code => drop(write!(out, "\\u{{{code:x}}}")),
        }
    }
    Cow::Owned(out)
}

/// `value` as one line of JSON without a hostile character in it; no newline at the end.
pub(crate) fn json_line(value: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut line = Vec::with_capacity(4096);
    value.serialize(&mut Serializer::with_formatter(&mut line, Guarded))?;
    Ok(line)
}

/// Compact JSON that escapes what serde leaves alone: DEL, C1 and the invisible characters.
struct Guarded;

impl Formatter for Guarded {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        if !fragment.contains(is_hostile) {
            return writer.write_all(fragment.as_bytes());
        }
        let mut buffer = [0; 4];
        for character in fragment.chars() {
            if is_hostile(character) {
                let mut units = [0; 2];
                for unit in character.encode_utf16(&mut units) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            } else {
                writer.write_all(character.encode_utf8(&mut buffer).as_bytes())?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_acts_on_a_terminal_is_written_out() {
        assert_eq!(visible("a\x1b[31mb\x07"), "a\\x1b[31mb\\x07");
        assert_eq!(visible("\u{9b}2J\x7f"), "\\x9b2J\\x7f");
        assert_eq!(visible("x\u{202e}y\u{2066}z"), "x\\u{202e}y\\u{2066}z");
        assert_eq!(
            visible("l\u{2028}p\u{2029}z\u{200b}"),
            "l\\u{2028}p\\u{2029}z\\u{200b}"
        );
        assert_eq!(visible("größe 容器"), "größe 容器");
        assert_eq!(ascii("größe"), "gr\\xf6\\xdfe");
        assert_eq!(ascii("容"), "\\u{5bb9}");
    }

    #[test]
    fn clean_text_is_not_copied() {
        assert!(matches!(visible("XXXX-openldap_default"), Cow::Borrowed(_)));
    }

    #[test]
    fn a_tag_beyond_the_basic_plane_becomes_a_surrogate_pair() {
        let line = json_line(&"\u{e0041}").unwrap();
        assert_eq!(line, br#""\udb40\udc41""#);
    }

    /// Any string, with the hostile characters far more frequent than chance has them.
    fn text() -> impl Strategy<Value = String> {
        let hostile = prop::sample::select(
            (0..0x11_0000)
                .filter_map(char::from_u32)
                .filter(|c| is_hostile(*c))
                .collect::<Vec<_>>(),
        );
        prop::collection::vec(prop_oneof![any::<char>(), hostile], 0..40)
            .prop_map(|characters| characters.into_iter().collect())
    }

    proptest! {
        #[test]
        fn nothing_hostile_reaches_a_person(text in text()) {
            prop_assert!(!visible(&text).contains(is_hostile));
            prop_assert!(ascii(&text).chars().all(|c| c.is_ascii() && !c.is_control()));
        }

        #[test]
        fn writing_out_twice_changes_nothing(text in text()) {
            let once = visible(&text).into_owned();
            prop_assert_eq!(visible(&once), once.as_str());
        }

        #[test]
        fn json_is_safe_to_show_and_loses_nothing(text in text()) {
            let line = String::from_utf8(json_line(&text).unwrap()).unwrap();
            prop_assert!(!line.contains(is_hostile));
            prop_assert_eq!(serde_json::from_str::<String>(&line).unwrap(), text);
        }
    }
}

//! The only way for text into a report. Names of containers, networks, processes and the like are
//! hostile: a name may be a script, a link, a table's end, or turn the line around. Here what acts or
//! hides is written out, and each format escapes the rest.

use std::fmt::Write as _;

use maud::Render;

use crate::sink::escape;

/// Characters of one text. Docker's longest names have 255.
const LONGEST: usize = 4096;
/// A word joiner, which is not seen. Trackers look for names to call and links to make in what Markdown
/// has become, where `&#64;` is `@` again: what they look for must be broken there, too.
const BREAK: &str = "&#8288;";

/// Text as it is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Text(String);

impl Text {
    /// Writes out what acts on the reader's screen, and cuts what is longer than any text.
    pub(crate) fn new(text: impl AsRef<str>) -> Self {
        let text = text.as_ref();
        let Some((end, _)) = text.char_indices().nth(LONGEST) else {
            return Self(escape::visible(text).into_owned());
        };
        let more = text[end..].chars().count();
        let shown = escape::visible(&text[..end]);
        Self(format!("{shown} … and {more} characters more"))
    }

    /// As it is shown, not escaped for anything.
    pub(crate) fn shown(&self) -> &str {
        &self.0
    }

    /// For Markdown: nothing in it is markup, HTML, a link, or calls anybody.
    pub(crate) fn markdown(&self) -> String {
        let mut out = String::with_capacity(self.0.len() + 16);
        let mut place = 0;
        for character in self.0.chars() {
            match character {
                // Writing to a String cannot fail.
                '&' | '<' | '>' | '@' | '|' | '#' => {
                    let _ = write!(out, "&#{};", u32::from(character));
                }
                '\\' | '`' | '*' | '_' | '[' | ']' | '!' | '~' | '$' => {
                    out.extend(['\\', character]);
                }
                _ => out.push(character),
            }
            place += character.len_utf8();
            if matches!(character, '@' | '#' | '!') || is_link(&self.0[..place], &self.0[place..]) {
                out.push_str(BREAK);
            }
        }
        out
    }
}

/// Whether a link that needs no markup goes on from `before` to `after`: `www` and its dot, or a scheme
/// and what follows its colon (GitHub Flavored Markdown, 6.9, and what others do beyond it).
fn is_link(before: &str, after: &str) -> bool {
    let ends = |word: &str| {
        let tail = before.len().checked_sub(word.len());
        let tail = tail.and_then(|at| before.get(at..));
        tail.is_some_and(|tail| tail.eq_ignore_ascii_case(word))
    };
    ends("www") && after.starts_with('.')
        || ends(":") && after.starts_with("//")
        || ["mailto:", "xmpp:", "tel:"].into_iter().any(ends)
}

impl<T: AsRef<str>> From<T> for Text {
    fn from(text: T) -> Self {
        Self::new(text)
    }
}

impl Render for Text {
    fn render_to(&self, buffer: &mut String) {
        self.0.as_str().render_to(buffer);
    }
}

/// Something to type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Command {
    /// Its lines.
    pub(crate) lines: Vec<Text>,
    /// Whether it can be copied: what is shown is what it is.
    pub(crate) is_exact: bool,
}

impl Command {
    /// A command of one or more lines.
    pub(crate) fn new(command: &str) -> Self {
        // A tab is what a heredoc may need.
        let shown = |line: &str| -> String {
            let parts: Vec<_> = line.split('\t').map(|it| Text::new(it).0).collect();
            parts.join("\t")
        };
        let lines: Vec<Text> = command.lines().map(|line| Text(shown(line))).collect();
        let is_exact = lines.iter().map(Text::shown).eq(command.lines());
        Self { lines, is_exact }
    }

    /// As it is shown.
    pub(crate) fn shown(&self) -> String {
        let lines: Vec<&str> = self.lines.iter().map(Text::shown).collect();
        lines.join("\n")
    }

    /// Whether there is nothing to type.
    pub(crate) const fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn html(text: &str) -> String {
        Text::new(text).render().into_string()
    }

    #[test]
    fn a_name_is_no_markup() {
        assert_eq!(
            html("<script>alert(\"1\")</script>"),
            "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;"
        );
        assert_eq!(html("a\0b\u{202e}c\u{85}"), "a\\x00b\\u{202e}c\\x85");
        let name = Text::new("<img>|`x`[a](http://b) @all #1 \u{202e}");
        assert_eq!(
            name.markdown(),
            "&#60;img&#62;&#124;\\`x\\`\\[a\\](http:&#8288;//b) &#64;&#8288;all &#35;&#8288;1 \\\\u{202e}"
        );
    }

    /// What a tracker reads once Markdown is HTML.
    fn read(text: &str) -> String {
        let markdown = Text::new(text).markdown();
        let read = markdown.replace("&#64;", "@").replace("&#35;", "#");
        read.replace(BREAK, "\u{2060}")
    }

    #[test]
    fn a_name_calls_nobody_and_is_no_link() {
        assert_eq!(
            read("@all www.evil.example WWW.evil.example"),
            "@\u{2060}all www\u{2060}.evil.example WWW\u{2060}.evil.example"
        );
        assert_eq!(
            read("HTTPS://evil.example me@evil.example"),
            "HTTPS:\u{2060}//evil.example me@\u{2060}evil.example"
        );
        assert_eq!(
            read("mailto:me tel:112 XMPP:me #1 0a:bb www"),
            "mailto:\u{2060}me tel:\u{2060}112 XMPP:\u{2060}me #\u{2060}1 0a:bb www"
        );
    }

    #[test]
    fn a_giant_is_cut_and_says_so() {
        let text = Text::new("ä".repeat(LONGEST + 7));
        assert!(text.shown().ends_with("ä … and 7 characters more"));
    }

    #[test]
    fn only_an_exact_command_is_copied() {
        let command = Command::new("cat <<'EOF'\n\ta: b\nEOF\n");
        assert!(command.is_exact);
        assert_eq!(command.shown(), "cat <<'EOF'\n\ta: b\nEOF");
        assert!(!Command::new("rm \u{202e}fr- /").is_exact);
        assert!(!Command::new(&"x".repeat(LONGEST + 1)).is_exact);
    }

    proptest! {
        #[test]
        fn nothing_opens_a_tag_or_ends_an_attribute(text in any::<String>()) {
            let html = html(&text);
            prop_assert!(!html.contains(['<', '>', '"']));
            prop_assert!(!html.contains(escape::is_hostile));
            let markdown = Text::new(&text).markdown();
            prop_assert!(!markdown.contains(['<', '>', '|', '@', '\n']));
            let read = read(&text).to_ascii_lowercase();
            prop_assert!(!read.contains("://") && !read.contains("www."));
            let broken = read.split('@').skip(1).all(|it| it.starts_with('\u{2060}'));
            prop_assert!(broken, "{read:?}");
        }
    }
}

//! What the terminal can show, and the few colours there are.

use std::env;

use anstyle::{AnsiColor, Style};
use tracer_core::finding::Verdict;

/// Width of prose: a serial console's 80 columns less the last, which makes some of them wrap.
const COLUMNS: usize = 79;

/// What the terminal can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Look {
    /// Colours and bold type.
    pub(crate) colour: bool,
    /// Characters beyond ASCII.
    pub(crate) unicode: bool,
    /// Columns for prose. Commands are never wrapped.
    pub(crate) width: usize,
}

impl Look {
    /// ASCII within 80 columns: what every console can show.
    pub(crate) const PLAIN: Self = Self {
        colour: false,
        unicode: false,
        width: COLUMNS,
    };

    /// What `stream` can show: colour by anstream's rules (`NO_COLOR`, `CLICOLOR`, `TERM`),
    /// Unicode only on a terminal in a UTF-8 locale.
    pub(crate) fn of(stream: &impl anstream::stream::RawStream) -> Self {
        let colour = anstream::AutoStream::choice(stream) != anstream::ColorChoice::Never;
        let unicode = stream.is_terminal() && is_utf8(|name| env::var(name).ok());
        Self {
            colour,
            unicode,
            ..Self::PLAIN
        }
    }
}

/// Whether the locale's character set is UTF-8: the first of the three that is set decides.
fn is_utf8(variable: impl Fn(&str) -> Option<String>) -> bool {
    ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .filter_map(variable)
        .find(|value| !value.is_empty())
        .is_some_and(|locale| {
            let locale = locale.to_ascii_lowercase();
            locale.ends_with("utf-8") || locale.ends_with("utf8")
        })
}

/// A word that stands out.
#[derive(Clone, Copy)]
pub(super) struct Word {
    pub(super) text: &'static str,
    pub(super) style: Style,
}

const fn word(text: &'static str, colour: AnsiColor) -> Word {
    Word {
        text,
        style: colour.on_default().bold(),
    }
}

pub(super) const APPLIED: Word = word("APPLIED", AnsiColor::Green);
pub(super) const ENDED: Word = word("TAKEN BACK", AnsiColor::Yellow);
pub(super) const KEPT: Word = word("KEPT", AnsiColor::Green);
pub(super) const RESOLVED: Word = word("RESOLVED", AnsiColor::Green);

pub(super) const fn verdict(verdict: Verdict) -> Word {
    match verdict {
        Verdict::Confirmed => word("CONFIRMED", AnsiColor::Red),
        Verdict::Suspected => word("SUSPECTED", AnsiColor::Yellow),
        Verdict::Inconclusive => word("INCONCLUSIVE", AnsiColor::Cyan),
    }
}

/// Labels and commands: bold, since a dimmed or coloured text vanishes on some consoles.
pub(super) const STRONG: Style = Style::new().bold();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_locale_variable_that_is_set_decides() {
        let locale = |set: &'static [(&str, &str)]| {
            is_utf8(|name| {
                set.iter()
                    .find(|(n, _)| *n == name)
                    .map(|(_, v)| (*v).to_owned())
            })
        };
        assert!(locale(&[("LANG", "en_US.UTF-8")]));
        assert!(locale(&[("LC_ALL", ""), ("LC_CTYPE", "C.utf8")]));
        assert!(!locale(&[("LC_ALL", "C"), ("LANG", "en_US.UTF-8")]));
        assert!(!locale(&[]));
    }
}

//! The few styles there are: a serial console shows bold and reverse, and everything is readable without.

use ratatui::{
    style::{Color, Modifier, Style},
    text::Line,
};
use tracer_core::finding::{Finding, Verdict};

use crate::{sink::human::Look, top::incidents::Standing};

/// Labels and commands.
pub(super) const STRONG: Style = Style::new().add_modifier(Modifier::BOLD);
/// The header, the footer and what is chosen.
pub(super) const REVERSED: Style = Style::new().add_modifier(Modifier::REVERSED);

/// How an incident stands, in capitals, and what that looks like.
pub(super) fn standing(finding: &Finding, look: Look) -> (&'static str, Style) {
    let (word, colour) = match (Standing::of(finding), finding.verdict) {
        (Standing::Over, _) => ("RESOLVED", Color::Green),
        (Standing::Happened, _) => ("HAPPENED", Color::Cyan),
        (_, Verdict::Confirmed) => ("CONFIRMED", Color::Red),
        (_, Verdict::Suspected) => ("SUSPECTED", Color::Yellow),
        (_, Verdict::Inconclusive) => ("INCONCLUSIVE", Color::Cyan),
    };
    let style = if look.colour {
        STRONG.fg(colour)
    } else {
        STRONG
    };
    (word, style)
}

/// A line across the screen with a title in it.
pub(super) fn rule(title: &str, width: u16, look: Look) -> Line<'static> {
    let dash = if look.unicode { "─" } else { "-" };
    let width = usize::from(width);
    let title = super::text::fit(
        title,
        super::text::width(title).min(width.saturating_sub(6)),
    );
    let rest = width.saturating_sub(super::text::width(&title) + 4);
    Line::styled(
        format!("{} {title} {}", dash.repeat(2), dash.repeat(rest)),
        STRONG,
    )
}

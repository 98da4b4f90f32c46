//! A finding on a screen of its own, in the order of somebody who was woken up by it: what is lost and
//! why, what to type first, and then everything else.

use tracer_core::finding::{Finding, Phase};

use crate::drawing::{self, Drawing};

use super::{Fields as _, Look, evidence, facts, layout::Page, numbers, remedies};

/// A finding in lines, escaped; those of commands may be wider than the page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Story {
    /// What happens, and why.
    pub(crate) what: Vec<String>,
    /// What to type first, if anything.
    pub(crate) command: Vec<String>,
    /// Facts, the drawing, what proves it, and every remedy with its risk.
    pub(crate) rest: Vec<String>,
}

/// Tells `finding` of the host `host`.
pub(crate) fn story(finding: &Finding, host: &str, look: Look) -> Story {
    Story {
        what: lines(look, |page| page.prose(0, &finding.reason)),
        command: lines(look, |page| first_command(page, finding)),
        rest: lines(look, |page| rest(page, finding, host)),
    }
}

/// Labelled texts in lines.
pub(crate) fn fields(fields: &[(&str, String)], look: Look) -> Vec<String> {
    lines(look, |page| {
        for (label, text) in fields {
            page.field(label, text);
        }
    })
}

fn lines(look: Look, fill: impl FnOnce(&mut Page)) -> Vec<String> {
    let mut page = Page::new(look);
    fill(&mut page);
    page.into_text().lines().map(str::to_owned).collect()
}

fn first_command(page: &mut Page, finding: &Finding) {
    if let Some(first) = finding.remedies.first()
        && finding.phase != Phase::Resolved
    {
        page.line("What to type first, as root:");
        remedies::command(page, &first.command);
    }
}

fn rest(page: &mut Page, finding: &Finding, host: &str) {
    facts::all(page, finding);
    for unknown in &finding.unknown {
        page.field("unknown", unknown);
    }
    if let Some(drawing) = Drawing::of(finding, host) {
        page.blank();
        for line in drawing::text::lines(&drawing) {
            page.line(&line);
        }
        page.blank();
    }
    evidence::field(page, finding, &finding.evidence);
    if finding.lost_events > 0 {
        let lost = numbers::count(finding.lost_events, "event");
        page.field("unseen", &format!("{lost} lost on the way from the kernel"));
    }
    remedies::all(page, &finding.remedies);
}

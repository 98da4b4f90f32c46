//! The report as Markdown, for a ticket.

use std::fmt::Write as _;

use super::{
    model::{Incident, Remedy, Report},
    text::{Command, Text},
};
use crate::{
    drawing::text,
    sink::human::numbers::{digits, number},
};

/// The whole report.
pub(crate) fn text(report: &Report) -> String {
    let mut out = Page(String::new());
    out.line(&format!("# {}", report.title.markdown()));
    let verdict: Vec<String> = report.verdict.iter().map(Text::markdown).collect();
    out.paragraph(&verdict.join(" "));
    out.facts(
        report
            .figures
            .iter()
            .map(|(label, text)| (*label, std::slice::from_ref(text))),
    );
    for incident in &report.outages {
        out.incident(incident);
    }
    if report.more_outages > 0 {
        out.paragraph(&format!(
            "{} that lost less are not told here.",
            number(report.more_outages, "more outage")
        ));
    }
    out.timeline(report);
    out.losses(report);
    if !report.others.is_empty() || report.more_others > 0 {
        out.heading("Also found");
    }
    for incident in &report.others {
        out.incident(incident);
    }
    if report.more_others > 0 {
        out.paragraph(&format!(
            "{} are not told here.",
            number(report.more_others, "more finding")
        ));
    }
    out.heading("What was not seen");
    for unseen in &report.unseen {
        out.line(&format!("- {}", unseen.markdown()));
    }
    out.paragraph("## About this report");
    out.facts(
        report
            .about
            .iter()
            .map(|(label, text)| (*label, std::slice::from_ref(text))),
    );
    out.0
}

/// What is written so far.
struct Page(String);

impl Page {
    fn line(&mut self, text: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "{text}");
    }

    fn paragraph(&mut self, text: &str) {
        self.line("");
        self.line(text);
    }

    fn heading(&mut self, text: &str) {
        self.paragraph(&format!("## {text}"));
        self.line("");
    }

    fn facts<'a>(&mut self, facts: impl Iterator<Item = (&'static str, &'a [Text])>) {
        self.line("");
        for (label, texts) in facts {
            let texts: Vec<String> = texts.iter().map(Text::markdown).collect();
            self.line(&format!("- **{label}:** {}", texts.join("; ")));
        }
    }

    fn incident(&mut self, incident: &Incident) {
        let Incident { kind, verdict, .. } = incident;
        self.paragraph(&format!(
            "## {} ({kind}, {verdict})",
            incident.title.markdown()
        ));
        self.paragraph(&incident.reason.markdown());
        if !incident.end.shown().is_empty() {
            self.paragraph(&incident.end.markdown());
        }
        if let Some(drawing) = &incident.drawing {
            self.fenced("text", &text::lines(drawing).join("\n"));
        }
        self.facts(
            incident
                .facts
                .iter()
                .map(|(label, texts)| (*label, texts.as_slice())),
        );
        self.evidence(incident);
        if !incident.remedies.is_empty() {
            self.paragraph("### What to type, as root");
        }
        for (nth, remedy) in (1..).zip(&incident.remedies) {
            self.remedy(nth, remedy);
        }
    }

    fn evidence(&mut self, incident: &Incident) {
        if incident.evidence.is_empty() {
            return;
        }
        self.paragraph("| first seen | kind | what was seen |");
        self.line("|---|---|---|");
        for piece in &incident.evidence {
            let (at, text) = (piece.at.markdown(), piece.text.markdown());
            self.line(&format!("| {at} | {} | {text} |", piece.kind));
        }
    }

    fn remedy(&mut self, nth: usize, remedy: &Remedy) {
        self.paragraph(&format!(
            "{nth}. **{}:** {}",
            remedy.id,
            remedy.effect.markdown()
        ));
        if let Some(risk) = &remedy.risk {
            self.paragraph(&format!("   Risk: {}", risk.markdown()));
        }
        self.command(&remedy.command);
        if !remedy.undo.is_empty() {
            self.paragraph("   To take it back:");
            self.command(&remedy.undo);
        }
    }

    fn command(&mut self, command: &Command) {
        if !command.is_exact {
            self.paragraph("   Do not copy this: it holds characters that cannot be shown.");
        }
        self.fenced("sh", &command.shown());
    }

    /// Text in a block whose fence is longer than any in the text.
    fn fenced(&mut self, language: &str, text: &str) {
        let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
        let fence = "`".repeat(longest.max(2) + 1);
        self.paragraph(&format!("{fence}{language}\n{text}\n{fence}"));
    }

    fn timeline(&mut self, report: &Report) {
        self.heading("What happened when (UTC)");
        for moment in &report.timeline {
            let (when, text) = (moment.when.markdown(), moment.text.markdown());
            self.line(&format!("- {when} {}: {text}", moment.tag.name()));
        }
        if report.moments_left_out > 0 {
            self.line(&format!(
                "- {} later moments are left out",
                report.moments_left_out
            ));
        }
    }

    fn losses(&mut self, report: &Report) {
        let Some(plot) = &report.plot else {
            return;
        };
        self.heading("Packets lost over time");
        self.line(&plot.told.markdown());
        self.paragraph("| from | packets |");
        self.line("|---|---:|");
        for (when, packets) in &plot.rows {
            self.line(&format!("| {} | {} |", when.markdown(), digits(*packets)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fence_is_longer_than_what_it_holds() {
        let mut page = Page(String::new());
        page.fenced("sh", "echo ````x```");
        assert_eq!(page.0, "\n`````sh\necho ````x```\n`````\n");
    }
}

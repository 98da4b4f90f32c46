//! The report as one page: no request leaves it, no script but its own runs in it.

mod drawing;
mod plot;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use ring::digest;

use crate::sink::human::numbers::number;

use super::{
    model::{Incident, Moment, Remedy, Report, State},
    text::{Command, Text},
};

/// Both stand in the page as they are: neither may hold `</`.
const STYLE: &str = include_str!("html/page.css");
const SCRIPT: &str = include_str!("html/page.js");

/// The page.
pub(crate) fn page(report: &Report) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy());
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                title { (report.title) " \u{2013} bridgetrace" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#main" { "Skip to the report" }
                (header(report))
                main id="main" {
                    (outages(report))
                    (remedies(report))
                    (timeline(report))
                    (plot::section(report.plot.as_ref()))
                    (evidence(report))
                    (others(report))
                    (unseen(report))
                    (about(report))
                }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    page.into_string()
}

/// Nothing may be loaded, and nothing may run but what is in this very page.
fn policy() -> String {
    let (style, script) = (hash(STYLE), hash(SCRIPT));
    format!(
        "default-src 'none'; style-src '{style}'; script-src '{script}'; base-uri 'none'; form-action 'none'"
    )
}

fn hash(text: &str) -> String {
    let hash = digest::digest(&digest::SHA256, text.as_bytes());
    format!("sha256-{}", BASE64_STANDARD.encode(hash))
}

fn header(report: &Report) -> Markup {
    let (class, word) = match report.state {
        State::Losing => ("bad", "Packets were being lost at the end of what is told"),
        State::Unended => ("bad", "Packets were lost; the end was not seen"),
        State::Lost => ("over", "Packets were lost; it is over"),
        State::Found => ("found", "No loss seen, but something was found"),
        State::Quiet => ("quiet", "Nothing found"),
    };
    html! {
        header.top {
            p.eyebrow { "bridgetrace report" }
            h1 { (report.title) }
            p.span { (report.span) }
            p class={ "state " (class) } { (word) }
            p.verdict { @for sentence in &report.verdict { (sentence) " " } }
            @if !report.figures.is_empty() {
                dl.figures {
                    @for (label, value) in &report.figures {
                        div { dt { (label) } dd { (value) } }
                    }
                }
            }
        }
    }
}

fn outages(report: &Report) -> Markup {
    html! {
        @if !report.outages.is_empty() {
            section aria-labelledby="ways" {
                h2 id="ways" { "Where the packets went" }
                @let alone = report.outages.len() == 1;
                @for incident in &report.outages { (told(incident, !alone)) }
                @if report.more_outages > 0 {
                    p.hint { (number(report.more_outages, "more outage")) " that lost less are not told here; replay tells them all." }
                }
            }
        }
    }
}

/// A finding without its evidence and remedies, which have sections of their own for outages; and without
/// its reason where that is the verdict already.
fn told(incident: &Incident, with_reason: bool) -> Markup {
    html! {
        article.incident aria-labelledby=(incident.anchor) {
            h3 id=(incident.anchor) { (incident.title) }
            (badges(incident))
            @if with_reason { p.reason { (incident.reason) } }
            @if !incident.end.shown().is_empty() { p.end { (incident.end) } }
            @if let Some(it) = &incident.drawing { (drawing::figure(it, &incident.anchor)) }
            (facts(&incident.facts))
        }
    }
}

fn badges(incident: &Incident) -> Markup {
    html! {
        p.badges {
            span.badge { (incident.kind) }
            span class={ "badge " (incident.verdict) } { (incident.verdict) }
            span.badge { (incident.state) }
        }
    }
}

fn facts(facts: &[(&'static str, Vec<Text>)]) -> Markup {
    html! {
        @if !facts.is_empty() {
            dl.facts {
                @for (label, texts) in facts {
                    div { dt { (label) } @for text in texts { dd { (text) } } }
                }
            }
        }
    }
}

fn remedies(report: &Report) -> Markup {
    let with: Vec<&Incident> = report
        .outages
        .iter()
        .filter(|it| !it.remedies.is_empty())
        .collect();
    html! {
        @if !with.is_empty() {
            section aria-labelledby="remedies" {
                h2 id="remedies" { "What to type" }
                p.hint {
                    "As root, on that host. bridgetrace itself changes nothing. The host may have changed \
                     since this was recorded: look before you type."
                }
                @for incident in with {
                    @if report.outages.len() > 1 { h3 { (incident.title) } }
                    (advice(incident))
                }
            }
        }
    }
}

fn advice(incident: &Incident) -> Markup {
    html! {
        @if !incident.remedies.is_empty() {
            ol.remedies {
                @for (nth, remedy) in (1..).zip(&incident.remedies) {
                    li { (remedy_item(remedy, &format!("{}-remedy-{nth}", incident.anchor))) }
                }
            }
        }
    }
}

fn remedy_item(remedy: &Remedy, anchor: &str) -> Markup {
    html! {
        p.effect { strong { (remedy.id) } ": " (remedy.effect) }
        @if let Some(risk) = &remedy.risk { p.risk { strong { "Risk: " } (risk) } }
        (command(&remedy.command, anchor, &format!("Copy the command {}", remedy.id)))
        @if !remedy.undo.is_empty() {
            p.undo { "To take it back:" }
            (command(&remedy.undo, &format!("{anchor}-undo"), &format!("Copy what takes {} back", remedy.id)))
        }
    }
}

fn command(command: &Command, anchor: &str, label: &str) -> Markup {
    html! {
        div.command {
            pre { code id=(anchor) { (command.shown()) } }
            @if command.is_exact {
                // The script shows it: without one it could do nothing.
                button type="button" hidden data-copies=(anchor) aria-label=(label) { "Copy" }
            } @else {
                p.hint { "Do not copy this: it holds characters that cannot be shown. The exact text is in replay --format jsonl." }
            }
        }
    }
}

fn timeline(report: &Report) -> Markup {
    html! {
        section aria-labelledby="timeline" {
            h2 id="timeline" { "What happened when" }
            p.hint { "UTC, by the clock of that host." }
            ol.timeline { @for it in &report.timeline { (moment(it)) } }
            @if report.moments_left_out > 0 {
                p.hint { (report.moments_left_out) " later moments are left out; replay tells them all." }
            }
        }
    }
}

fn moment(moment: &Moment) -> Markup {
    let tag = moment.tag.name();
    html! {
        li class=(tag) {
            time datetime=(crate::sink::time::rfc3339(moment.at)) { (moment.when) }
            " " span.tag { (tag) } " " span.what { (moment.text) }
        }
    }
}

fn evidence(report: &Report) -> Markup {
    html! {
        @if !report.outages.is_empty() {
            section aria-labelledby="evidence" {
                h2 id="evidence" { "What proves it" }
                @for incident in &report.outages { (table(incident)) }
            }
        }
    }
}

fn table(incident: &Incident) -> Markup {
    html! {
        @if !incident.evidence.is_empty() {
            // Narrow screens stack the cells; the roles keep it a table for screen readers.
            table.evidence role="table" {
                caption { "Evidence: " (incident.title) ", " (incident.verdict) }
                thead role="rowgroup" {
                    tr role="row" {
                        @for head in ["First seen", "Kind", "What was seen"] {
                            th scope="col" role="columnheader" { (head) }
                        }
                    }
                }
                tbody role="rowgroup" {
                    @for piece in &incident.evidence {
                        tr role="row" {
                            th scope="row" role="rowheader" { (piece.at) }
                            td.kind role="cell" { (piece.kind) }
                            td role="cell" { (piece.text) }
                        }
                    }
                }
            }
        }
    }
}

fn others(report: &Report) -> Markup {
    html! {
        @if !report.others.is_empty() || report.more_others > 0 {
            section aria-labelledby="others" {
                h2 id="others" { "Also found" }
                @for incident in &report.others {
                    (told(incident, true))
                    (table(incident))
                    (advice(incident))
                }
                @if report.more_others > 0 {
                    p.hint { (number(report.more_others, "more finding")) " are not told here; replay tells them all." }
                }
            }
        }
    }
}

fn unseen(report: &Report) -> Markup {
    html! {
        section aria-labelledby="unseen" {
            h2 id="unseen" { "What was not seen" }
            p.hint { "What was not seen is not known not to have happened." }
            ul.unseen { @for it in &report.unseen { li { (it) } } }
        }
    }
}

fn about(report: &Report) -> Markup {
    html! {
        section.about aria-labelledby="about" {
            h2 id="about" { "About this report" }
            dl.facts {
                @for (label, text) in &report.about { div { dt { (label) } dd { (text) } } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn style_and_script_stand_in_a_page_as_they_are() {
        for text in [STYLE, SCRIPT] {
            assert!(!text.contains("</") && !text.contains("<!--"));
        }
        assert!(!STYLE.contains("url(") && !STYLE.contains("@import"));
    }

    #[test]
    fn the_policy_names_the_very_script() {
        // openssl dgst -sha256 -binary </dev/null | base64
        assert_eq!(
            hash(""),
            "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
        );
        assert!(policy().starts_with("default-src 'none'; "));
    }
}

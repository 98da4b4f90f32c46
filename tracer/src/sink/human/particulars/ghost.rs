//! What was left behind: what, since when, what it costs and what it swallows.

use std::fmt::Write as _;

use tracer_core::finding::{Finding, Ghost, Leftover};

use crate::sink::{
    human::{
        layout::Fields,
        numbers::{count, listed},
    },
    time,
};

/// Digits of an id that docker shows and takes.
const SHORT_ID: usize = 12;

pub(super) fn field(page: &mut dyn Fields, finding: &Finding, ghost: &Ghost) {
    let all = ghost.leftovers.len() as u64;
    page.field("left", &listed(&ghost.leftovers, all, left));
    if let Some(since) = ghost.since {
        let age = time::span(finding.at.since(since));
        page.field(
            "since",
            &format!("{}, {age} ago", time::date_and_clock(since)),
        );
    }
    if !ghost.holds.is_empty() {
        let holds: Vec<String> = ghost.holds.iter().map(ToString::to_string).collect();
        page.field(
            "holds",
            &format!("{}, which nobody else can get", holds.join(", ")),
        );
    }
    if finding.counts.packets > 0 {
        let packets = count(finding.counts.packets, "packet");
        let whom = count(finding.counts.remotes, "address");
        page.field(
            "lost",
            &format!("{packets} to {whom} vanished in it since bridgetrace looks"),
        );
    }
    for (label, text) in [("maker", &ghost.creator), ("folder", &ghost.working_dir)] {
        if let Some(text) = text {
            page.field(label, text);
        }
    }
}

/// One thing, as an operator would ask for it.
fn left(left: &Leftover) -> String {
    let mut text = format!("{} {}", left.what, left.name);
    let is_dockers = matches!(left.what, "network" | "container");
    let id: String = left.id.chars().take(SHORT_ID).collect();
    let facts = [is_dockers.then_some(id), left.state.clone()];
    let facts: Vec<String> = facts
        .into_iter()
        .flatten()
        .filter(|it| !it.is_empty())
        .collect();
    if !facts.is_empty() {
        let _ = write!(text, " ({})", facts.join(", "));
    }
    text
}

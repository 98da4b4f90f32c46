//! For the operator at 3 a.m.: plain words in 80 columns, no colour and no Unicode needed.
//!
//! An opened finding tells the whole story and what to type; an update tells what changed; the end
//! is one sentence. To know what changed, the sink remembers what it said last of each incident.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use tracer_core::{
    finding::{Evidence, Finding, Phase, Verdict},
    summary::Summary,
};

use super::{Banner, Sink, time};

mod absence;
mod detail;
mod drops;
mod evidence;
mod facts;
mod layout;
mod lines;
pub(crate) mod numbers;
mod particulars;
mod people;
mod remedies;
pub(crate) mod rescue;
#[cfg(test)]
mod snapshots;
mod story;
mod style;
mod summary;
mod updated;
mod words;

pub(crate) use layout::Fields;
use layout::Page;
pub(crate) use {
    numbers::digits,
    story::{fields, story},
    style::Look,
};

/// What a finding is called: what happens, to somebody woken up by it.
pub(crate) const fn title(finding: &Finding) -> &'static str {
    words::of(finding).title
}

/// Every fact of a finding, a label and a text at a time.
pub(crate) fn tell_facts(to: &mut dyn Fields, finding: &Finding) {
    facts::all(to, finding);
}

/// A piece of evidence in a sentence without its full stop.
pub(crate) fn proof(finding: &Finding, piece: &Evidence) -> String {
    evidence::told(finding, piece)
}

/// Lines of the smallest console: an opened finding longer than this ends with its first command.
const SCREEN: usize = 24;

/// Incidents remembered. What happens once, as a kill, never ends: the oldest word is forgotten.
const TOLD: usize = 1024;

/// How [`Banner::daemons`] begins where a daemon cannot be asked.
const NO_DOCKER: &str = "no docker at ";

/// Writes findings for people to `out`.
pub(crate) struct Human<W> {
    out: W,
    look: Look,
    /// Incidents that are under way, as they were last told.
    told: BTreeMap<String, Finding>,
}

impl<W: Write> Human<W> {
    /// Renders for a terminal that looks like `look`.
    pub(crate) const fn new(out: W, look: Look) -> Self {
        Self {
            out,
            look,
            told: BTreeMap::new(),
        }
    }

    fn remember(&mut self, finding: &Finding) {
        self.told.insert(finding.id.clone(), finding.clone());
        if self.told.len() > TOLD {
            let oldest = self
                .told
                .values()
                .min_by_key(|told| (told.at, told.sequence));
            let oldest = oldest.map(|told| told.id.clone());
            oldest.and_then(|id| self.told.remove(&id));
        }
    }

    fn put(&mut self, page: Page) -> io::Result<()> {
        self.out.write_all(page.into_text().as_bytes())?;
        self.out.flush()
    }
}

impl<W: Write> Sink for Human<W> {
    fn banner(&mut self, banner: &Banner) -> io::Result<()> {
        let page = watching(banner, self.look);
        self.put(page)
    }

    fn finding(&mut self, finding: &Finding) -> io::Result<()> {
        let before = self.told.remove(&finding.id);
        let page = match (finding.phase, before) {
            (Phase::Resolved, _) => resolved(finding, self.look),
            (Phase::Updated, Some(before)) => updated::page(&before, finding, self.look),
            // An update of something never told is told in full.
            (Phase::Opened | Phase::Updated, _) => opened(finding, self.look),
        };
        if finding.phase != Phase::Resolved {
            self.remember(finding);
        }
        self.put(page)
    }

    fn summary(&mut self, summary: &Summary) -> io::Result<()> {
        let page = summary::page(summary, self.look);
        self.put(page)
    }
}

/// What is being watched, and what cannot be seen.
fn watching(banner: &Banner, look: Look) -> Page {
    let mut page = Page::new(look);
    let bridges = numbers::number(banner.bridges, "bridge");
    let namespaces = numbers::number(banner.namespaces, "namespace");
    let silent = banner
        .daemons
        .iter()
        .filter(|daemon| daemon.starts_with(NO_DOCKER));
    let unseen = match banner.unseen.len() + silent.count() {
        0 => "none known".to_owned(),
        blind_spots => format!("{blind_spots}, see below"),
    };
    let (version, hostname) = (&banner.version, &banner.hostname);
    page.prose(
        0,
        &format!(
            "bridgetrace {version} on {hostname}: watching {bridges}, {namespaces}; \
             unseen: {unseen}"
        ),
    );
    for daemon in &banner.daemons {
        match daemon.strip_prefix(NO_DOCKER) {
            Some(cause) => page.field("docker", &format!("cannot be asked at {cause}")),
            None => page.field("docker", daemon.strip_prefix("docker ").unwrap_or(daemon)),
        }
    }
    for unseen in &banner.unseen {
        page.field("unseen", unseen);
    }
    page.field("quiet", "means that no loss was seen; Ctrl-C ends");
    page.blank();
    page
}

fn opened(finding: &Finding, look: Look) -> Page {
    let mut page = Page::new(look);
    let verdict = style::verdict(finding.verdict);
    page.rule();
    page.headline(&time::clock(finding.at), verdict, words::of(finding).title);
    page.prose(0, &finding.reason);
    page.blank();
    facts::all(&mut page, finding);
    evidence::field(&mut page, finding, &finding.evidence);
    for unknown in &finding.unknown {
        page.field("unknown", unknown);
    }
    if finding.lost_events > 0 {
        let lost = numbers::count(finding.lost_events, "event");
        page.field("unseen", &format!("{lost} lost on the way from the kernel"));
    }
    remedies::all(&mut page, &finding.remedies);
    if page.lines() > SCREEN {
        remedies::first_again(&mut page, &finding.remedies);
    }
    page.blank();
    page
}

fn resolved(finding: &Finding, look: Look) -> Page {
    let mut page = Page::new(look);
    // With several incidents under way the bridge tells which one is over.
    let bridge = finding
        .bridge
        .as_ref()
        .filter(|bridge| !finding.reason.contains(&bridge.name));
    let of = bridge
        .map(|bridge| format!(" ({})", bridge.name))
        .unwrap_or_default();
    let reason = finding.reason.trim_end_matches('.');
    page.headline(
        &time::clock(finding.at),
        style::RESOLVED,
        &format!("{reason}{of}"),
    );
    if finding.verdict == Verdict::Inconclusive {
        page.field(
            "note",
            "this was never proven: events or sources were missing",
        );
    }
    page.blank();
    page
}

//! An update: what is new since the incident was last told, and nothing else.

use std::collections::BTreeSet;

use tracer_core::finding::{Evidence, Finding, Remedy};

use super::{
    Look, evidence, facts,
    layout::{Fields as _, Page},
    numbers, particulars, people, remedies, style, words,
};
use crate::sink::time;

pub(super) fn page(before: &Finding, now: &Finding, look: Look) -> Page {
    let mut page = Page::new(look);
    page.headline(
        &time::clock(now.at),
        style::verdict(now.verdict),
        &headline(before, now),
    );
    if now.reason != before.reason {
        page.prose(2, &now.reason);
    }
    victims(&mut page, before, now);
    let known: BTreeSet<_> = before.evidence.iter().map(|piece| piece.kind).collect();
    let new: Vec<Evidence> = now
        .evidence
        .iter()
        .filter(|piece| !known.contains(&piece.kind))
        .cloned()
        .collect();
    evidence::field(&mut page, now, &new);
    if before.docker_network.is_none() && now.docker_network.is_some() {
        facts::whose(&mut page, now);
    }
    particulars::news(&mut page, before, now);
    people(&mut page, before, now);
    for unknown in now
        .unknown
        .iter()
        .filter(|unknown| !before.unknown.contains(unknown))
    {
        page.field("unknown", unknown);
    }
    if now.lost_events > before.lost_events {
        let lost = numbers::count(now.lost_events, "event");
        page.field(
            "unseen",
            &format!("{lost} lost on the way from the kernel so far"),
        );
    }
    commands(&mut page, before, now);
    page.blank();
    page
}

/// The verdict's past if it has one, the bridge, and how much is lost by now.
fn headline(before: &Finding, now: &Finding) -> String {
    let mut text = match &now.bridge {
        Some(bridge) if now.kind.is_loss() => format!("{} {}", words::of(now).still, bridge.name),
        _ => words::of(now).title.to_owned(),
    };
    if now.counts.packets > 0 && now.kind.is_loss() {
        let more = numbers::digits(now.counts.packets.saturating_sub(before.counts.packets));
        let packets = numbers::count(now.counts.packets, "packet");
        text.push_str(&format!(
            ": {packets} (+{more}), {}",
            numbers::count(now.counts.flows, "flow")
        ));
        if now.counts.remotes > 1 {
            text.push_str(&format!(
                ", {}",
                numbers::count(now.counts.remotes, "address")
            ));
        }
    }
    if now.verdict != before.verdict {
        text.push_str(&format!("; was {}", before.verdict.name()));
    }
    text
}

/// Who turned out to be concerned since.
fn people(page: &mut Page, before: &Finding, now: &Finding) {
    if now.container != before.container {
        people::container(page, now);
    }
    if now.gives_up != before.gives_up {
        people::timeout(page, now);
    }
    if now.ci != before.ci {
        people::job(page, now);
    }
    if now.netns != before.netns {
        people::place(page, now);
    }
}

fn victims(page: &mut Page, before: &Finding, now: &Finding) {
    let known: BTreeSet<_> = before.victims.iter().map(|victim| victim.address).collect();
    let new: Vec<_> = now
        .victims
        .iter()
        .filter(|v| !known.contains(&v.address))
        .collect();
    if new.is_empty() {
        return;
    }
    // Only the worst are told by name, in both.
    let all = now.counts.remotes.saturating_sub(before.counts.remotes);
    let all = all.max(new.len() as u64);
    let named = numbers::listed(&new, all, |victim| victim.address.to_string());
    let towards = words::of(now).towards;
    page.field("new", &format!("also packets {towards} {named}"));
}

/// Remedies that were not offered before are told in full. One whose command changed, because
/// there are more victims or a subnet has been taken, only shows the new command.
fn commands(page: &mut Page, before: &Finding, now: &Finding) {
    let offered = |remedy: &Remedy| before.remedies.iter().find(|old| old.id == remedy.id);
    let new: Vec<Remedy> = now
        .remedies
        .iter()
        .filter(|remedy| offered(remedy).is_none())
        .cloned()
        .collect();
    for remedy in &now.remedies {
        if offered(remedy).is_some_and(|old| old.command != remedy.command) {
            page.title(&format!("{} is now:", remedy.id));
            remedies::command(page, &remedy.command);
        }
    }
    remedies::all(page, &new);
}

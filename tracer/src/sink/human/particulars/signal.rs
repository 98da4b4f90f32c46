//! Who ended whom, and what is left of what they were at.

use std::fmt::Write as _;

use tracer_core::finding::{Killing, Left, Particulars, Party};

use super::super::{layout::Fields, numbers::listed, people};

/// Characters of a command line that are shown.
const COMMAND_LINE: usize = 200;

pub(super) fn all(page: &mut dyn Fields, killing: &Killing) {
    party(page, "target", &killing.target);
    if let Some(sender) = &killing.sender {
        party(page, "sender", sender);
    }
    left(page, &killing.left);
}

/// What is left is known when the process has ended.
pub(super) fn news(page: &mut dyn Fields, before: Option<&Particulars>, now: &Killing) {
    let known = match before {
        Some(Particulars::Signal(before)) => Some(&before.left),
        _ => None,
    };
    if known != Some(&now.left) {
        left(page, &now.left);
    }
}

pub(in crate::sink::human) fn party(page: &mut dyn Fields, label: &str, party: &Party) {
    let words = party.arguments.join(" ");
    let command = match (words.is_empty(), &party.executable) {
        (false, _) => shortened(&words),
        (true, Some(executable)) => executable.clone(),
        (true, None) => "its command line is not known".to_owned(),
    };
    let user = party.user.as_ref();
    let user = user.map_or_else(String::new, |user| format!(", user {user}"));
    page.field(
        label,
        &format!("{} (pid {}{user}): {command}", party.name, party.pid),
    );
    if !party.ancestry.is_empty() {
        let all = party.ancestry.len() as u64;
        let parents = listed(&party.ancestry, all, |it| {
            format!("{} ({})", it.name, it.pid)
        });
        page.field("", &format!("started by {parents}"));
    }
    if let Some(container) = &party.container {
        page.field("", &format!("in {}", people::container_line(container)));
    } else if let Some(cgroup) = &party.cgroup {
        page.field("", &format!("in control group {cgroup}"));
    }
}

fn shortened(words: &str) -> String {
    let mut text: String = words.chars().take(COMMAND_LINE).collect();
    if text.len() < words.len() {
        text.push_str(" ...");
    }
    text
}

fn left(page: &mut dyn Fields, left: &Left) {
    let (networks, containers) = (&left.networks, &left.containers);
    let mut text = String::new();
    if !networks.is_empty() {
        let names = listed(networks, networks.len() as u64, String::clone);
        let _ = write!(text, "network {names}");
    }
    if !containers.is_empty() {
        let between = if text.is_empty() { "" } else { "; " };
        let names = listed(containers, containers.len() as u64, |(name, state)| {
            format!("{name} ({state})")
        });
        let _ = write!(text, "{between}container {names}");
    }
    if !text.is_empty() {
        page.field("left", &text);
    }
}

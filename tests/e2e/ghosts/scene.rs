//! What these tests share: reading a ghost, and typing what it advises.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use bridgetrace_lab::{Dockerd, Netns, process::output};
use serde_json::Value;

use crate::outage::expect;
use crate::outage::stage::at;

/// Whether the finding is a ghost of this class.
pub(super) fn is_ghost(finding: &Value, class: &str) -> bool {
    at(finding, "event.action") == "ghost-network"
        && at(finding, "bridgetrace.ghost.class") == class
}

/// The command of the ghost's only remedy, or its undo.
pub(super) fn typed(finding: &Value, which: &str) -> Result<String> {
    let id = at(finding, "bridgetrace.remedies.0.id").as_str();
    expect::remedy(finding, id.context("no remedy")?, which)
}

/// Types the command as root in the namespace, by every shell there is.
pub(super) fn type_in(netns: &Netns, command: &str) -> Result<()> {
    type_into(netns, "sh", command)
}

pub(super) fn type_into(netns: &Netns, shell: &str, command: &str) -> Result<()> {
    output(netns.command(shell).args(["-c", command]))
        .map(drop)
        .with_context(|| format!("type into {shell}:\n{command}"))
}

/// Fails unless the command finds that somebody uses what it would take, and takes nothing: a look of its own
/// says no, which is another thing than a command that cannot be understood, or found.
pub(super) fn refuses(netns: &Netns, command: &str) -> Result<()> {
    let before = links(netns)?;
    let typed = netns.command("sh").args(["-c", command]).output()?;
    ensure!(typed.status.code() == Some(1), "{typed:?} of:\n{command}");
    let after = links(netns)?;
    ensure!(before == after, "{before:?} are {after:?} after\n{command}");
    Ok(())
}

/// Names of all interfaces.
fn links(netns: &Netns) -> Result<Vec<String>> {
    let text = netns.run(&["ip", "-o", "link", "show"])?;
    let names = text.lines().filter_map(|line| line.split(": ").nth(1));
    Ok(names.map(str::to_owned).collect())
}

/// Has the daemon believe that whatever it has was made and ended a day earlier: then nobody can be about to
/// come back for it.
pub(super) fn age(daemon: &mut Dockerd) -> Result<()> {
    daemon.stop()?;
    let data = daemon.data_root();
    let mut files = vec![data.join("network/files/local-kv.db")];
    for entry in fs::read_dir(data.join("containers"))? {
        files.push(entry?.path().join("config.v2.json"));
    }
    let date = |options: &[&str]| output(Command::new("date").args(options));
    let yesterday = date(&["--utc", "--date=yesterday", "+%F"])?;
    // Docker writes some times as the machine's clock on the wall shows them.
    for today in [date(&["--utc", "+%F"])?, date(&["+%F"])?] {
        for file in &files {
            let text = replaced(&fs::read(file)?, today.as_bytes(), yesterday.as_bytes());
            fs::write(file, text).with_context(|| format!("write {}", file.display()))?;
        }
    }
    daemon.restart()
}

/// Dates are all of one length, so the store stays as it was laid out.
fn replaced(text: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut text = text.to_vec();
    let ends = text.len().saturating_sub(from.len());
    for at in 0..=ends {
        if text[at..].starts_with(from) {
            text[at..at + from.len()].copy_from_slice(to);
        }
    }
    text
}

pub(super) fn has_link(netns: &Netns, name: &str) -> bool {
    netns.run(&["ip", "link", "show", name]).is_ok()
}

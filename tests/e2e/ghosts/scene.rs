//! What these tests share: reading a ghost, and typing what it advises.

use anyhow::{Context, Result, ensure};
use bridgetrace_lab::{Netns, process::output};
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

/// Fails if the command does anything: it must find that somebody uses what it would take.
pub(super) fn refuses(netns: &Netns, command: &str) -> Result<()> {
    let typed = type_in(netns, command);
    ensure!(typed.is_err(), "nothing stopped:\n{command}");
    Ok(())
}

pub(super) fn has_link(netns: &Netns, name: &str) -> bool {
    netns.run(&["ip", "link", "show", name]).is_ok()
}

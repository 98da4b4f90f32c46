//! What the cousins share: findings by kind, and remedies typed in and undone.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bridgetrace_lab::topology::{PC, SRV};
use bridgetrace_lab::{peers, wait_until};
use serde_json::Value;

use crate::outage::expect;
use crate::outage::stage::{SOON, Stage, at, evidence, is_phase};
use crate::variants::scene::type_in;

/// What depends on several timers of the kernel's, each seconds long, on a busy machine.
const LATER: Duration = Duration::from_secs(40);

/// Whether the victim gets through at this moment.
pub(super) type Heals<'a> = &'a dyn Fn(&Stage) -> Result<bool>;

/// The first line of this kind that has all these pieces of evidence.
pub(super) fn of_kind(stage: &mut Stage, kind: &str, proof: &[&str]) -> Result<Value> {
    later(stage, |f| is_kind(f, kind) && has_all(f, proof))
}

/// [`Stage::finding`] with more patience.
pub(super) fn later(stage: &mut Stage, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
    let here = stage.lab.srv.inum();
    let wanted = |f: &Value| at(f, "bridgetrace.netns.inum") == here && wanted(f);
    let (finding, _) = stage.tracer.wait_line(LATER, wanted)?;
    Ok(finding)
}

pub(super) fn is_kind(finding: &Value, kind: &str) -> bool {
    at(finding, "bridgetrace.finding.kind") == kind
}

pub(super) fn has_all(finding: &Value, proof: &[&str]) -> bool {
    let found = evidence(finding);
    proof.iter().all(|kind| found.contains(kind))
}

pub(super) fn reason(finding: &Value) -> Result<&str> {
    at(finding, "event.reason").as_str().context("no reason")
}

/// How many packets a line says were lost.
pub(super) fn packets(finding: &Value) -> Result<u64> {
    let packets = at(finding, "bridgetrace.counts.packets").as_u64();
    packets.with_context(|| format!("no number of packets in\n{finding:#}"))
}

/// Types in a remedy: the victim gets through and the end is told. Then its undo: the outage is
/// back and told again; returns that line.
pub(super) fn remedy_works(
    stage: &mut Stage,
    finding: &Value,
    remedy: &str,
    heals: Heals<'_>,
) -> Result<Value> {
    let command = expect::remedy(finding, remedy, "command")?;
    type_in(stage, &command)?;
    wait_until(&format!("{command} to help"), SOON, || heals(stage))?;
    let id = expect::id(finding)?;
    later(stage, |f| {
        is_phase(f, "resolved") && at(f, "bridgetrace.finding.id") == id.as_str()
    })?;
    let undo = expect::remedy(finding, remedy, "undo")?;
    type_in(stage, &undo)?;
    ensure!(!heals(stage)?, "nothing is lost after {undo}");
    let kind = at(finding, "bridgetrace.finding.kind");
    later(stage, |f| {
        at(f, "bridgetrace.finding.kind") == kind
            && at(f, "bridgetrace.finding.id") != id.as_str()
            && is_phase(f, "opened")
    })
}

/// The PC's ping is answered. Twice: one request alone may have a made-up source.
pub(super) fn pc_is_back(stage: &Stage) -> Result<bool> {
    Ok(peers::ping_from(&stage.lab.pc, PC, SRV, 2)?.received > 0)
}

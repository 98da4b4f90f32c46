//! What the variants share: a stage on a topology prepared by the test, and remedies typed in.

use anyhow::{Context, Result, ensure};
use bridgetrace_lab::process::output;
use bridgetrace_lab::topology::SRV;
use bridgetrace_lab::{Topology, peers, preflight};
use serde_json::Value;
use std::process::Command;

use crate::outage::expect;
use crate::outage::stage::{Stage, is_phase};

/// A stage whose server `prepare` has changed before docker and the tracer come up.
pub(super) fn raise(prepare: impl FnOnce(&Topology) -> Result<()>) -> Result<Stage> {
    preflight::require()?;
    let lab = Topology::new()?;
    prepare(&lab)?;
    ensure!(
        peers::reachable(&lab.pc, SRV)?,
        "nothing answers before the outage"
    );
    Stage::raise_in(lab, &[])
}

/// Makes the collision and pings; the first thing said.
pub(crate) fn collide_and_ping(stage: &mut Stage) -> Result<(String, Value)> {
    let network = stage.collide()?;
    let opened = ping_and_find(stage)?;
    Ok((network, opened))
}

/// The PC pings once, in vain; the first thing said.
pub(super) fn ping_and_find(stage: &mut Stage) -> Result<Value> {
    ensure!(!peers::reachable(&stage.lab.pc, SRV)?, "nothing is lost");
    stage.finding(|f| is_phase(f, "opened"))
}

/// Types in the host route of a finding as a person would who sits where the tracer runs; the
/// PC is back, the outage over, and the undo brings it back.
pub(super) fn host_route_works(stage: &mut Stage, finding: &Value) -> Result<()> {
    let command = expect::remedy(finding, "host-route", "command")?;
    type_in(stage, &command)?;
    ensure!(
        peers::reachable(&stage.lab.pc, SRV)?,
        "unreachable after {command}"
    );
    stage.phase(&expect::id(finding)?, "resolved")?;
    let undo = expect::remedy(finding, "host-route", "undo")?;
    type_in(stage, &undo)?;
    ensure!(
        !peers::reachable(&stage.lab.pc, SRV)?,
        "reachable after {undo}"
    );
    Ok(())
}

/// Runs a command in the shell of the namespace that the tracer is in.
pub(crate) fn type_in(stage: &Stage, command: &str) -> Result<()> {
    let netns = format!("--net=/proc/{}/ns/net", stage.tracer.id());
    let mut shell = Command::new("nsenter");
    let typed = output(shell.args([&netns, "sh", "-c", command]));
    typed
        .map(drop)
        .with_context(|| format!("type in {command}"))
}

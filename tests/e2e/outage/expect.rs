//! What is expected of a finding, whatever the victim did.

use anyhow::{Context, Result, ensure};
use bridgetrace_lab::docker::bridge_name;
use serde_json::{Value, json};

use super::stage::{NETWORK, at, evidence, holds};

/// What every line says about the PC's packets, lost in [`NETWORK`] of this id.
pub(crate) fn pc_lost_in(finding: &Value, network: &str) -> Result<()> {
    pc_lost_in_bridge(finding, network, &bridge_name(network))
}

/// [`pc_lost_in`] for a network whose bridge has another name.
pub(crate) fn pc_lost_in_bridge(finding: &Value, network: &str, bridge: &str) -> Result<()> {
    holds(
        finding,
        &[
            ("event.action", json!("reply-blackhole")),
            ("event.kind", json!("alert")),
            ("event.outcome", json!("failure")),
            ("source.ip", json!("172.42.10.112")),
            ("destination.ip", json!("172.22.10.119")),
            ("network.name", json!(NETWORK)),
            ("network.direction", json!("egress")),
            ("observer.egress.interface.name", json!(bridge)),
            ("bridgetrace.schema", json!(1)),
            ("bridgetrace.finding.kind", json!("reply-blackhole")),
            ("bridgetrace.netns.owner", json!("host")),
            ("bridgetrace.route.prefix", json!("172.22.0.0/16")),
            ("bridgetrace.route.device", json!(bridge)),
            ("bridgetrace.route.table", json!(254)),
            ("bridgetrace.bridge.name", json!(bridge)),
            ("bridgetrace.bridge.owner", json!("docker")),
            ("bridgetrace.docker_network.id", json!(network)),
            ("bridgetrace.docker_network.name", json!(NETWORK)),
            (
                "bridgetrace.docker_network.subnets",
                json!(["172.22.0.0/16"]),
            ),
            ("bridgetrace.counts.remotes", json!(1)),
            ("bridgetrace.lost_events", json!(0)),
        ],
    )?;
    should_leave_by(finding, "eno8303")
}

/// The way the packets should have taken.
pub(crate) fn should_leave_by(finding: &Value, device: &str) -> Result<()> {
    holds(
        finding,
        &[
            ("bridgetrace.expected_route.prefix", json!("0.0.0.0/0")),
            ("bridgetrace.expected_route.device", json!(device)),
            ("bridgetrace.expected_route.gateway", json!("172.42.10.1")),
            ("bridgetrace.expected_route.table", json!(254)),
        ],
    )
}

/// Confirmed, by these pieces of evidence at least.
pub(crate) fn proven_by(finding: &Value, kinds: &[&str]) -> Result<()> {
    holds(
        finding,
        &[("bridgetrace.finding.verdict", json!("confirmed"))],
    )?;
    let found = evidence(finding);
    ensure!(found.len() >= 2, "one piece of evidence in\n{finding:#}");
    for kind in kinds {
        ensure!(found.contains(kind), "no {kind} in\n{finding:#}");
    }
    Ok(())
}

/// The finding's id, the same in all its lines.
pub(crate) fn id(finding: &Value) -> Result<String> {
    let id = at(finding, "bridgetrace.finding.id").as_str();
    id.map(str::to_owned).context("a finding without an id")
}

/// The command of the remedy called `name`, or its undo.
pub(crate) fn remedy(finding: &Value, name: &str, part: &str) -> Result<String> {
    let remedies = at(finding, "bridgetrace.remedies").as_array();
    let remedy = remedies
        .into_iter()
        .flatten()
        .find(|remedy| remedy["id"] == name)
        .with_context(|| format!("no {name} in\n{finding:#}"))?;
    let text = remedy[part].as_str();
    text.map(str::to_owned)
        .with_context(|| format!("no {part} of {name}"))
}

//! What these tests share: the topology in both tongues, and what a lost IPv6 reply looks like.

use anyhow::{Context, Result, ensure};
use bridgetrace_lab::docker::bridge_name;
use bridgetrace_lab::scenario::COLLIDING;
use bridgetrace_lab::topology::{COLLISION6, PC6, SRV_GATEWAY6, SRV6};
use bridgetrace_lab::{Topology, peers, preflight, wait_until};
use serde_json::{Value, json};

use crate::outage::expect;
use crate::outage::stage::{SOON, Stage, at, holds, is_phase};
use crate::variants::scene::type_in;

/// The IPv4 part of the network that covers the PC in IPv6; far from everybody.
pub(super) const SUBNET4: &str = "10.201.66.0/24";

/// A stage on which everybody speaks IPv6 too.
pub(super) fn raise() -> Result<Stage> {
    preflight::require()?;
    Stage::raise_in(Topology::dual()?, &[])
}

/// The PC pings once over IPv6, in vain; the first thing said.
pub(super) fn ping_and_find(stage: &mut Stage) -> Result<Value> {
    ensure!(!peers::reachable(&stage.lab.pc, SRV6)?, "nothing is lost");
    stage.finding(|f| is_phase(f, "opened"))
}

/// What every line says of the PC's lost replies in the network of this id.
pub(super) fn pc_lost_in(finding: &Value, network: &str) -> Result<()> {
    is_lost(finding, "reply-blackhole", network)?;
    holds(
        finding,
        &[
            ("source.ip", json!(SRV6.to_string())),
            ("destination.ip", json!(PC6.to_string())),
            ("bridgetrace.counts.remotes", json!(1)),
        ],
    )
}

/// What every line says of a loss as `kind` in the network of this id.
pub(super) fn is_lost(finding: &Value, kind: &str, network: &str) -> Result<()> {
    let bridge = bridge_name(network);
    holds(
        finding,
        &[
            ("event.action", json!(kind)),
            ("event.kind", json!("alert")),
            ("network.type", json!("ipv6")),
            ("network.name", json!(COLLIDING)),
            ("observer.egress.interface.name", json!(bridge)),
            ("bridgetrace.netns.owner", json!("host")),
            ("bridgetrace.route.prefix", json!(COLLISION6)),
            ("bridgetrace.route.device", json!(bridge)),
            ("bridgetrace.route.table", json!(254)),
            ("bridgetrace.bridge.owner", json!("docker")),
            ("bridgetrace.docker_network.id", json!(network)),
            ("bridgetrace.docker_network.name", json!(COLLIDING)),
            (
                "bridgetrace.docker_network.subnets",
                json!([SUBNET4, COLLISION6]),
            ),
            ("bridgetrace.lost_events", json!(0)),
        ],
    )?;
    should_leave_by_the_router(finding)
}

/// The way the packets should have taken: the default route, by the router's IPv6 address.
fn should_leave_by_the_router(finding: &Value) -> Result<()> {
    holds(
        finding,
        &[
            ("bridgetrace.expected_route.prefix", json!("::/0")),
            ("bridgetrace.expected_route.device", json!("eno8303")),
            (
                "bridgetrace.expected_route.gateway",
                json!(SRV_GATEWAY6.to_string()),
            ),
            ("bridgetrace.expected_route.table", json!(254)),
        ],
    )
}

/// Types in the host route: what did not work does, the outage is over, and the undo brings it back.
pub(super) fn host_route_works(
    stage: &mut Stage,
    finding: &Value,
    works: impl Fn(&Stage) -> Result<bool>,
) -> Result<()> {
    let remote = at(finding, "destination.ip").as_str().context("nobody")?;
    let command = expect::remedy(finding, "host-route", "command")?;
    let wanted = format!("ip route add {remote}/128 via {SRV_GATEWAY6} dev eno8303");
    ensure!(command == wanted, "{command}");
    type_in(stage, &command)?;
    ensure!(works(stage)?, "no better after {command}");
    stage.phase(&expect::id(finding)?, "resolved")?;
    let undo = expect::remedy(finding, "host-route", "undo")?;
    type_in(stage, &undo)?;
    ensure!(!works(stage)?, "no worse after {undo}");
    Ok(())
}

/// The PC's ping is answered.
pub(super) fn answers(stage: &Stage) -> Result<bool> {
    peers::reachable(&stage.lab.pc, SRV6)
}

/// Whether the PC is answered becomes this.
pub(super) fn becomes(stage: &Stage, answered: bool) -> Result<()> {
    let what = if answered { "an answer" } else { "silence" };
    wait_until(what, SOON, || Ok(answers(stage)? == answered))
}

//! A network without containers: its bridge has no carrier and swallows replies all the same.

use anyhow::{Context, Result, ensure};
use bridgetrace_lab::docker::{BUSYBOX, bridge_name};
use bridgetrace_lab::topology::SRV;
use bridgetrace_lab::{Topology, peers, wait_for};
use serde_json::{Value, json};

use super::scene::{collide_and_ping, host_route_works, ping_and_find};
use crate::outage::expect;
use crate::outage::stage::{NETWORK, SOON, Stage, at, evidence, holds, is_phase};

/// The network never had a container.
#[test]
fn an_empty_network_is_called_a_ghost() -> Result<()> {
    Stage::raise(&[])?.play(|stage| {
        let (network, opened) = collide_and_ping(stage)?;
        is_a_ghost(&opened, &network)?;
        host_route_works(stage, &opened)
    })
}

/// Its only container has left: the route is `linkdown` and still attracts the replies.
#[test]
fn a_network_that_its_last_container_left_is_called_a_ghost() -> Result<()> {
    Stage::raise(&[])?.play(|stage| {
        stage.daemon.import_busybox()?;
        let network = stage.collide()?;
        let net = format!("--network={NETWORK}");
        let sleep = ["run", "--detach", &net, BUSYBOX, "sleep", "600"];
        let container = stage.daemon.docker(&sleep)?;
        stage.knows_of(1, &network)?;
        stage.daemon.docker(&["rm", "--force", &container])?;
        linkdown(&stage.lab, &bridge_name(&network))?;
        stage.knows_of(0, &network)?;
        let opened = ping_and_find(stage)?;
        is_a_ghost(&opened, &network)?;
        let id = expect::id(&opened)?;
        let dead = stage.finding(|f| {
            at(f, "bridgetrace.finding.id") == id.as_str()
                && evidence(f).contains(&"neighbour-failed")
                && evidence(f).contains(&"drop")
        })?;
        is_a_ghost(&dead, &network)?;
        let reasons = at(&dead, "bridgetrace.evidence").to_string();
        ensure!(reasons.contains("NEIGH_FAILED"), "{reasons}");
        Ok(())
    })
}

/// What `ip link set … down` undoes: the connected route, and with it the outage.
#[test]
fn taking_the_ghost_down_ends_the_outage() -> Result<()> {
    Stage::raise(&[])?.play(|stage| {
        let (network, opened) = collide_and_ping(stage)?;
        let bridge = bridge_name(&network);
        stage.lab.srv.ip(&format!("link set {bridge} down"))?;
        ends(stage, &opened)
    })
}

/// The kernel can be told to ignore routes of links without carrier.
#[test]
fn ignoring_routes_without_carrier_ends_the_outage() -> Result<()> {
    Stage::raise(&[])?.play(|stage| {
        let (_, opened) = collide_and_ping(stage)?;
        for scope in ["all", "default"] {
            let key = format!("net.ipv4.conf.{scope}.ignore_routes_with_linkdown");
            stage.lab.srv.sysctl(&key, "1")?;
        }
        ends(stage, &opened)
    })
}

fn ends(stage: &mut Stage, opened: &Value) -> Result<()> {
    ensure!(peers::ping(&stage.lab.pc, SRV, 3)?.received == 3);
    let resolved = stage.phase(&expect::id(opened)?, "resolved")?;
    let reason = at(&resolved, "event.reason")
        .as_str()
        .context("no reason")?;
    ensure!(
        reason.starts_with("Replies reach 172.22.10.119 again"),
        "{reason}"
    );
    let last = stage.last_word()?;
    ensure!(is_phase(&last, "resolved"), "{last:#}");
    Ok(())
}

fn is_a_ghost(finding: &Value, network: &str) -> Result<()> {
    expect::pc_lost_in(finding, network)?;
    expect::proven_by(
        finding,
        &["ghost-bridge", "route-into-bridge", "no-such-endpoint"],
    )?;
    holds(
        finding,
        &[
            ("bridgetrace.bridge.carrier", json!(false)),
            ("bridgetrace.docker_network.endpoints", json!([])),
        ],
    )
}

/// Up to a second after the last container.
fn linkdown(lab: &Topology, bridge: &str) -> Result<()> {
    wait_for("the route to be linkdown", SOON, || {
        let routes = lab.srv.run(&["ip", "route", "show", "dev", bridge]);
        routes
            .map(|routes| routes.contains("linkdown").then_some(()))
            .transpose()
    })?
}

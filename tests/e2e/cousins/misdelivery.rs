//! A container owns the client's address: the replies are delivered, to the wrong machine.

use std::io::Write;

use anyhow::{Result, ensure};
use bridgetrace_lab::docker::bridge_name;
use bridgetrace_lab::peers::{self, EchoServer};
use bridgetrace_lab::scenario::{self, COLLIDING};
use bridgetrace_lab::topology::{PC, SRV, UPLINK};
use bridgetrace_lab::{Container, Dockerd, Topology, preflight, showcase};
use serde_json::{Value, json};

use super::scene::{of_kind, packets, pc_is_back, reason, remedy_works};
use crate::outage::expect;
use crate::outage::stage::{SOON, Stage, at, detail, holds, trace};

pub(super) const KIND: &str = "misdelivery";
const PROOF: [&str; 3] = [
    "endpoint-has-address",
    "ingress-asymmetry",
    "route-into-bridge",
];

/// The network and the container that owns the PC's address are there when the tracer starts.
fn raise(before: impl FnOnce(&Topology) -> Result<()>) -> Result<(Stage, Container, String)> {
    preflight::require()?;
    let lab = Topology::new()?;
    before(&lab)?;
    let daemon = Dockerd::start(&lab.srv)?;
    daemon.import_busybox()?;
    let network = scenario::collide(&daemon)?;
    let usurper = scenario::usurp(&daemon)?;
    let tracer = trace(&lab.srv, &daemon, &[])?;
    let stage = Stage {
        lab,
        daemon,
        tracer,
    };
    Ok((stage, usurper, network))
}

#[test]
fn a_reply_that_reaches_a_container_names_it() -> Result<()> {
    let (mut stage, usurper, network) = raise(|_| Ok(()))?;
    stage.play(|stage| {
        ensure!(!peers::reachable(&stage.lab.pc, SRV)?, "nothing is lost");
        let finding = of_kind(stage, KIND, &PROOF)?;
        is_delivered_to(&finding, &usurper, &network)?;
        holds(&finding, &[("network.transport", json!("icmp"))])?;
        ensure!(packets(&finding)? == 1, "one reply was lost:\n{finding:#}");
        showcase::show("a container has the client's address, a ping", &finding)?;
        let again = remedy_works(stage, &finding, "host-route", &pc_is_back)?;
        is_delivered_to(&again, &usurper, &network)
    })
}

/// As many as the client sent: each was answered, none of the answers arrived.
#[test]
fn every_misdelivered_reply_is_counted() -> Result<()> {
    let (mut stage, usurper, network) = raise(|_| Ok(()))?;
    stage.play(|stage| {
        let pings = peers::ping(&stage.lab.pc, SRV, 10)?;
        ensure!(pings.sent == 10 && pings.received == 0, "{pings:?}");
        of_kind(stage, KIND, &PROOF)?;
        let last = stage.last_word()?;
        is_delivered_to(&last, &usurper, &network)?;
        ensure!(packets(&last)? == 10, "10 replies were lost:\n{last:#}");
        Ok(())
    })
}

/// The container knows nothing of the connection and resets it: to the server the client has hung
/// up, and the client waits.
#[test]
fn a_connection_that_a_container_resets_is_explained() -> Result<()> {
    let mut held = None;
    let (mut stage, usurper, network) = raise(|lab| {
        let server = EchoServer::start(&lab.srv, (SRV, 7).into())?;
        let mut client = peers::connect(&lab.pc, (PC, 40_022).into(), (SRV, 7).into())?;
        peers::echo(&mut client, b"before", SOON)?;
        held = Some((server, client));
        Ok(())
    })?;
    stage.play(|stage| {
        let (_server, client) = held.as_mut().expect("connected");
        ensure!(!peers::reachable(&stage.lab.pc, SRV)?, "nothing is lost");
        client.write_all(b"during")?;
        let finding = of_kind(stage, KIND, &["reset-by-container"])?;
        is_delivered_to(&finding, &usurper, &network)?;
        holds(&finding, &[("network.transport", json!("tcp"))])?;
        ensure!(
            detail(&finding, "reset-by-container", "address")? == &json!(PC),
            "{finding:#}"
        );
        let reason = reason(&finding)?;
        ensure!(
            reason.contains("resets connections it knows nothing of"),
            "{reason}"
        );
        showcase::show(
            "a container has the client's address, a connection",
            &finding,
        )?;
        remedy_works(stage, &finding, "host-route", &pc_is_back).map(drop)
    })
}

pub(super) fn is_delivered_to(finding: &Value, whom: &Container, network: &str) -> Result<()> {
    expect::proven_by(finding, &PROOF)?;
    expect::should_leave_by(finding, UPLINK)?;
    let bridge = bridge_name(network);
    holds(
        finding,
        &[
            ("event.action", json!(KIND)),
            ("source.ip", json!(SRV)),
            ("destination.ip", json!(PC)),
            ("network.direction", json!("egress")),
            ("network.name", json!(COLLIDING)),
            ("container.id", json!(whom.id())),
            ("container.name", json!(whom.name())),
            ("observer.ingress.interface.name", json!(UPLINK)),
            ("observer.egress.interface.name", json!(bridge)),
            ("bridgetrace.docker_network.id", json!(network)),
            ("bridgetrace.counts.remotes", json!(1)),
        ],
    )?;
    let owner = detail(finding, "endpoint-has-address", "container")?;
    ensure!(owner == whom.name(), "{finding:#}");
    let reason = reason(finding)?;
    let named = format!(
        "reach container {}, which has that address too",
        whom.name()
    );
    ensure!(
        reason.contains(&named) && !reason.contains("  "),
        "{reason:?}"
    );
    let proof = at(finding, "bridgetrace.evidence").to_string();
    ensure!(!proof.contains("no-such-endpoint"), "{proof}");
    Ok(())
}

//! A container has the PC's IPv6 address: the replies reach it.

use std::io::{Read, Write};
use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use bridgetrace_lab::peers::{self, EchoServer};
use bridgetrace_lab::scenario::COLLIDING;
use bridgetrace_lab::topology::{PC6, SRV6};
use bridgetrace_lab::{Container, Service, showcase, wait_until};
use serde_json::{Value, json};

use super::scene::{answers, host_route_works, is_lost, raise};
use crate::outage::expect;
use crate::outage::stage::{SOON, Stage, at, evidence, holds};

const SERVER: SocketAddr = SocketAddr::new(std::net::IpAddr::V6(SRV6), 7);
const CLIENT: SocketAddr = SocketAddr::new(std::net::IpAddr::V6(PC6), 40_022);

/// The PC pings: whoever answers, it is not the PC that hears it.
#[test]
fn a_ping_is_answered_to_a_container() -> Result<()> {
    let told = raise()?.play(|stage| {
        let network = usurped(stage)?;
        ensure!(peers::ping(&stage.lab.pc, SRV6, 5)?.received == 0);
        let told = misdelivered(stage, |_| true)?;
        is_misdelivered(&told, &network)?;
        holds(&told, &[("network.transport", json!("ipv6-icmp"))])?;
        host_route_works(stage, &told, answers)?;
        Ok(told)
    })?;
    showcase::show("a container has the client's IPv6 address", &told)
}

/// The container knows nothing of the connection and resets it: the server believes that the
/// client hung up.
#[test]
fn an_open_connection_is_reset_by_the_container() -> Result<()> {
    let told = raise()?.play(|stage| {
        let _server = EchoServer::start(&stage.lab.srv, SERVER)?;
        let mut client = peers::connect(&stage.lab.pc, CLIENT, SERVER)?;
        peers::echo(&mut client, b"before", SOON)?;
        let network = usurped(stage)?;
        client.write_all(b"during")?;
        let told = misdelivered(stage, |f| evidence(f).contains(&"reset-by-container"))?;
        is_misdelivered(&told, &network)?;
        holds(&told, &[("source.port", json!(SERVER.port()))])?;
        client.set_nonblocking(true)?;
        ensure!(client.read(&mut [0; 1]).is_err(), "it arrived");
        Ok(told)
    })?;
    showcase::show(
        "a container has the client's IPv6 address and resets its open connection",
        &told,
    )
}

/// The network with a container that has the PC's address, known to the server as a neighbour.
fn usurped(stage: &Stage) -> Result<String> {
    stage.daemon.import_busybox()?;
    let network = stage.collide6()?;
    let usurper = Service::idle("usurper").network(COLLIDING).ip(PC6);
    let usurper: Container = usurper.run(&stage.daemon)?;
    ensure!(usurper.address6(COLLIDING)? == PC6);
    wait_until("the container to answer", SOON, || {
        peers::reachable(&stage.lab.srv, PC6)
    })?;
    Ok(network)
}

/// The first line about a misdelivery of which this holds.
fn misdelivered(stage: &mut Stage, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
    stage.finding(|f| at(f, "event.action") == "misdelivery" && wanted(f))
}

fn is_misdelivered(finding: &Value, network: &str) -> Result<()> {
    is_lost(finding, "misdelivery", network)?;
    expect::proven_by(finding, &["route-into-bridge", "ingress-asymmetry"])?;
    holds(
        finding,
        &[
            ("destination.ip", json!(PC6.to_string())),
            ("container.name", json!("usurper")),
            ("bridgetrace.counts.remotes", json!(1)),
        ],
    )?;
    let reason = at(finding, "event.reason").as_str().context("no reason")?;
    ensure!(
        reason.contains("reach container usurper, which has that address too"),
        "{reason}"
    );
    Ok(())
}

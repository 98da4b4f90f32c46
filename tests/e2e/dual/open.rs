//! Connections that are older than the network: the client asks, the server speaks, a login stalls.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bridgetrace_lab::peers::{self, EchoServer, Sshd};
use bridgetrace_lab::topology::{PC6, SRV6};
use bridgetrace_lab::{Topology, showcase};
use serde_json::{Value, json};

use super::scene::{pc_lost_in, raise};
use crate::outage::expect;
use crate::outage::ssh::{names_sshd, screen};
use crate::outage::stage::{SOON, Stage, evidence, holds, is_phase};
use crate::variants::scene::type_in;

const SERVER: SocketAddr = SocketAddr::new(std::net::IpAddr::V6(SRV6), 7);
const CLIENT: SocketAddr = SocketAddr::new(std::net::IpAddr::V6(PC6), 40_022);
/// TCP repeats a segment ever more rarely.
const REPEATED: Duration = Duration::from_secs(30);

/// The client repeats its question: that it comes in elsewhere is the proof.
#[test]
fn an_open_connection_whose_client_asks_is_explained() -> Result<()> {
    let confirmed = raise()?.play(|stage| {
        let _server = EchoServer::start(&stage.lab.srv, SERVER)?;
        let mut client = peers::connect(&stage.lab.pc, CLIENT, SERVER)?;
        peers::echo(&mut client, b"before", SOON)?;
        let network = stage.collide6()?;
        client.write_all(b"during")?;
        let opened = stage.finding(|f| is_phase(f, "opened"))?;
        is_the_connection(&opened, &network)?;
        is_this_process(stage, &opened)?;
        let confirmed = stage.confirmed(&expect::id(&opened)?)?;
        expect::proven_by(&confirmed, &["route-into-bridge", "ingress-asymmetry"])?;
        let ingress = [("observer.ingress.interface.name", json!("eno8303"))];
        holds(&confirmed, &ingress)?;
        goes_on(stage, &confirmed, &mut client, b"during")?;
        Ok(confirmed)
    })?;
    showcase::show(
        "an open TCP connection over IPv6 whose client asks",
        &confirmed,
    )
}

/// The client is silent, nothing ever comes in: the proof is the neighbour's failure and the
/// packet's death.
#[test]
fn an_open_connection_whose_server_speaks_is_explained() -> Result<()> {
    // Another lab with a bridge in the same range makes the kernel half remember who came in before.
    bridgetrace_lab::alone();
    let confirmed = raise()?.play(|stage| {
        let (mut server, mut client) = connection(&stage.lab)?;
        let network = stage.collide6()?;
        server.write_all(b"news")?;
        let opened = stage.finding(|f| is_phase(f, "opened"))?;
        is_the_connection(&opened, &network)?;
        is_this_process(stage, &opened)?;
        let confirmed = stage.confirmed(&expect::id(&opened)?)?;
        expect::proven_by(
            &confirmed,
            &[
                "route-into-bridge",
                "no-such-endpoint",
                "neighbour-failed",
                "drop",
            ],
        )?;
        let found = evidence(&confirmed);
        ensure!(!found.contains(&"ingress-asymmetry"), "the client spoke");
        goes_on(stage, &confirmed, &mut client, b"news")?;
        Ok(confirmed)
    })?;
    showcase::show(
        "an open TCP connection over IPv6 whose server speaks",
        &confirmed,
    )
}

/// Somebody is logged in: the session hangs, and goes on where it stopped.
#[test]
fn a_login_session_stalls_and_the_host_route_brings_it_back() -> Result<()> {
    raise()?.play(|stage| {
        let sshd = Sshd::start(&stage.lab.srv)?;
        let mut session = sshd.ssh(&stage.lab.pc, SRV6, "cat")?;
        let mut keyboard = session.child().stdin.take().context("no stdin")?;
        let screen = screen(&mut session)?;
        writeln!(keyboard, "before")?;
        ensure!(screen.recv_timeout(SOON).with_context(|| sshd.log())? == "before");
        let network = stage.collide6()?;
        writeln!(keyboard, "during")?;
        let opened = stage.finding(|f| is_phase(f, "opened"))?;
        pc_lost_in(&opened, &network)?;
        holds(&opened, &[("source.port", json!(22))])?;
        let id = expect::id(&opened)?;
        names_sshd(stage, &id)?;
        let confirmed = stage.confirmed(&id)?;
        expect::proven_by(&confirmed, &["route-into-bridge", "ingress-asymmetry"])?;
        type_in(stage, &expect::remedy(&confirmed, "host-route", "command")?)?;
        ensure!(screen.recv_timeout(REPEATED)? == "during");
        stage.phase(&id, "resolved")?;
        drop(keyboard);
        ensure!(session.wait(SOON)?.success(), "{}", sshd.log());
        Ok(())
    })
}

/// With the host route what was lost arrives by a repetition.
fn goes_on(stage: &mut Stage, finding: &Value, client: &mut TcpStream, lost: &[u8]) -> Result<()> {
    client.set_read_timeout(Some(Duration::from_millis(1)))?;
    ensure!(client.read(&mut [0; 1]).is_err(), "it arrived");
    type_in(stage, &expect::remedy(finding, "host-route", "command")?)?;
    client.set_read_timeout(Some(REPEATED))?;
    let mut late = vec![0; lost.len()];
    client.read_exact(&mut late).context("the repetition")?;
    ensure!(late == lost, "{late:?}");
    stage.phase(&expect::id(finding)?, "resolved").map(drop)
}

fn is_the_connection(finding: &Value, network: &str) -> Result<()> {
    pc_lost_in(finding, network)?;
    holds(
        finding,
        &[
            ("network.transport", json!("tcp")),
            ("source.port", json!(SERVER.port())),
            ("destination.port", json!(CLIENT.port())),
            ("bridgetrace.counts.flows", json!(1)),
        ],
    )
}

/// The sender is a thread of the test.
fn is_this_process(stage: &mut Stage, opened: &Value) -> Result<()> {
    let named = stage.named(&expect::id(opened)?)?;
    holds(&named, &[("process.pid", json!(std::process::id()))])
}

/// Both ends of a connection from the PC to the server.
fn connection(lab: &Topology) -> Result<(TcpStream, TcpStream)> {
    let listener = lab.srv.enter(|| TcpListener::bind(SERVER))??;
    let client = peers::connect(&lab.pc, CLIENT, SERVER)?;
    let (server, _) = listener.accept().context("accept")?;
    server.set_nodelay(true)?;
    Ok((server, client))
}

//! Both ends of a connection are silent; the network, then the tracer, come long after it; then one
//! end speaks.

use std::io::Write;
use std::net::{TcpListener, TcpStream};

use anyhow::{Context, Result, ensure};
use bridgetrace_lab::topology::{PC, SRV};
use bridgetrace_lab::{Dockerd, Topology, peers, preflight};
use serde_json::{Value, json};

use crate::outage::expect;
use crate::outage::stage::{NETWORK, Stage, evidence, holds, is_phase, trace};

const PORT: u16 = 2222;
const CLIENT: u16 = 40_022;

/// The connection exists, the collision happens in silence, the tracer starts last.
fn raise() -> Result<(Stage, TcpStream, TcpStream, String)> {
    preflight::require()?;
    // Another lab with a bridge in the same range makes the kernel half remember who came in before.
    bridgetrace_lab::alone();
    let lab = Topology::new()?;
    let listener = lab.srv.enter(|| TcpListener::bind((SRV, PORT)))??;
    let client = peers::connect(&lab.pc, (PC, CLIENT).into(), (SRV, PORT).into())?;
    let (server, _) = listener.accept().context("accept")?;
    server.set_nodelay(true)?;
    let daemon = Dockerd::start(&lab.srv)?;
    let create = ["network", "create", "--subnet=172.22.0.0/16", NETWORK];
    let network = daemon.docker(&create)?;
    let tracer = trace(&lab.srv, &daemon, &[])?;
    let stage = Stage {
        lab,
        daemon,
        tracer,
    };
    Ok((stage, server, client, network))
}

#[test]
fn the_server_speaks_first() -> Result<()> {
    let (mut stage, mut server, _client, network) = raise()?;
    stage.play(|stage| {
        ensure!(
            stage.findings()?.is_empty(),
            "said before anything was lost"
        );
        server.write_all(b"news")?;
        let opened = stage.finding(|f| is_phase(f, "opened"))?;
        is_the_connection(&opened, &network)?;
        let confirmed = stage.confirmed(&expect::id(&opened)?)?;
        is_the_connection(&confirmed, &network)?;
        expect::proven_by(
            &confirmed,
            &["route-into-bridge", "neighbour-failed", "drop"],
        )?;
        ensure!(!evidence(&confirmed).contains(&"ingress-asymmetry"));
        names_the_test(stage, &opened)
    })
}

#[test]
fn the_client_speaks_first() -> Result<()> {
    let (mut stage, _server, mut client, network) = raise()?;
    stage.play(|stage| {
        ensure!(
            stage.findings()?.is_empty(),
            "said before anything was lost"
        );
        client.write_all(b"hello")?;
        let opened = stage.finding(|f| is_phase(f, "opened"))?;
        is_the_connection(&opened, &network)?;
        let confirmed = stage.confirmed(&expect::id(&opened)?)?;
        is_the_connection(&confirmed, &network)?;
        expect::proven_by(&confirmed, &["route-into-bridge", "ingress-asymmetry"])?;
        names_the_test(stage, &opened)
    })
}

fn is_the_connection(finding: &Value, network: &str) -> Result<()> {
    expect::pc_lost_in(finding, network)?;
    holds(
        finding,
        &[
            ("network.transport", json!("tcp")),
            ("source.port", json!(PORT)),
            ("destination.port", json!(CLIENT)),
            ("bridgetrace.counts.flows", json!(1)),
        ],
    )
}

fn names_the_test(stage: &mut Stage, opened: &Value) -> Result<()> {
    let named = stage.named(&expect::id(opened)?)?;
    holds(&named, &[("process.pid", json!(std::process::id()))])
}

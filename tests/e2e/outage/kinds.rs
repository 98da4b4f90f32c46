//! Three ways the victim notices: a ping, a new connection, one that was open before.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bridgetrace_lab::peers::{self, EchoServer};
use bridgetrace_lab::topology::{PC, SRV};
use bridgetrace_lab::{Process, Topology, wait_until};
use serde_json::{Value, json};

use super::expect;
use super::stage::{SOON, Stage, evidence, holds, is_phase};

const PORT: u16 = 7;
const CLIENT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(PC), 40_022);

/// The PC pings the server. The kernel answers, so no process is to be named; the request is
/// seen coming in a moment before the reply is routed: proven at once.
#[test]
fn a_ping_is_explained() -> Result<()> {
    Stage::raise(&[])?.play(|stage| {
        let network = stage.collide()?;
        peers::ping(&stage.lab.pc, SRV, 1)?;
        let opened = stage.finding(|f| is_phase(f, "opened"))?;
        expect::pc_lost_in(&opened, &network)?;
        holds(
            &opened,
            &[
                ("network.transport", json!("icmp")),
                ("observer.ingress.interface.name", json!("eno8303")),
                ("bridgetrace.bridge.carrier", json!(false)),
                ("bridgetrace.docker_network.endpoints", json!([])),
                ("bridgetrace.counts.packets", json!(1)),
                ("bridgetrace.counts.flows", json!(1)),
            ],
        )?;
        for absent in ["process", "container"] {
            ensure!(opened.get(absent).is_none(), "{absent} in {opened:#}");
        }
        expect::proven_by(
            &opened,
            &["route-into-bridge", "ingress-asymmetry", "no-such-endpoint"],
        )?;
        bridgetrace_lab::showcase::show("a ping", &opened)
    })
}

/// The PC opens a connection to a listener on the server: the SYN-ACK is lost, no socket of the
/// connection exists yet, and the process is the listener's.
#[test]
fn a_new_connection_is_explained() -> Result<()> {
    Stage::raise(&[])?.play(|stage| {
        let listener = listen(&stage.lab)?;
        let network = stage.collide()?;
        let _client = peers::begin_connect(&stage.lab.pc, CLIENT, (SRV, PORT).into())?;
        let opened = stage.finding(|f| is_phase(f, "opened"))?;
        expect::pc_lost_in(&opened, &network)?;
        holds(
            &opened,
            &[
                ("network.transport", json!("tcp")),
                ("source.port", json!(PORT)),
                ("destination.port", json!(CLIENT.port())),
                ("observer.ingress.interface.name", json!("eno8303")),
                ("bridgetrace.counts.packets", json!(1)),
                ("bridgetrace.counts.flows", json!(1)),
            ],
        )?;
        expect::proven_by(
            &opened,
            &["route-into-bridge", "ingress-asymmetry", "no-such-endpoint"],
        )?;
        names_process(stage, &opened, listener.id(), "busybox")
    })
}

/// The connection is older than the network. The client asks, the server's answer is lost: the
/// client repeats its question, and that it comes in elsewhere is the proof.
#[test]
fn an_open_connection_whose_client_asks_is_explained() -> Result<()> {
    Stage::raise(&[])?.play(|stage| {
        let _server = EchoServer::start(&stage.lab.srv, (SRV, PORT).into())?;
        let mut client = peers::connect(&stage.lab.pc, CLIENT, (SRV, PORT).into())?;
        peers::echo(&mut client, b"before", SOON)?;
        let network = stage.collide()?;
        client.write_all(b"during")?;
        let opened = stage.finding(|f| is_phase(f, "opened"))?;
        is_the_open_connection(&opened, &network)?;
        names_process(stage, &opened, std::process::id(), &own_name()?)?;
        let id = expect::id(&opened)?;
        let confirmed = stage.confirmed(&id)?;
        is_the_open_connection(&confirmed, &network)?;
        expect::proven_by(&confirmed, &["route-into-bridge", "ingress-asymmetry"])?;
        holds(
            &confirmed,
            &[("observer.ingress.interface.name", json!("eno8303"))],
        )
    })
}

/// The connection is older than the network and its client is silent: the server speaks, nothing
/// ever comes in. The proof is the neighbour's failure and the packet's death, three seconds on.
#[test]
fn an_open_connection_whose_server_speaks_is_explained() -> Result<()> {
    // Another lab with a bridge in the same range makes the kernel half remember who came in before.
    bridgetrace_lab::alone();
    Stage::raise(&[])?.play(|stage| {
        let (mut server, mut client) = connection(&stage.lab)?;
        let network = stage.collide()?;
        server.write_all(b"news")?;
        let opened = stage.finding(|f| is_phase(f, "opened"))?;
        is_the_open_connection(&opened, &network)?;
        names_process(stage, &opened, std::process::id(), &own_name()?)?;
        holds(
            &opened,
            &[
                ("bridgetrace.finding.verdict", json!("suspected")),
                ("bridgetrace.counts.packets", json!(1)),
            ],
        )?;
        let id = expect::id(&opened)?;
        let confirmed = stage.confirmed(&id)?;
        is_the_open_connection(&confirmed, &network)?;
        expect::proven_by(
            &confirmed,
            &[
                "route-into-bridge",
                "no-such-endpoint",
                "neighbour-failed",
                "drop",
            ],
        )?;
        ensure!(
            !evidence(&confirmed).contains(&"ingress-asymmetry"),
            "the client never spoke"
        );
        client.set_read_timeout(Some(Duration::from_millis(1)))?;
        ensure!(client.read(&mut [0; 4]).is_err(), "the news arrived");
        Ok(())
    })
}

fn is_the_open_connection(finding: &Value, network: &str) -> Result<()> {
    expect::pc_lost_in(finding, network)?;
    holds(
        finding,
        &[
            ("network.transport", json!("tcp")),
            ("source.port", json!(PORT)),
            ("destination.port", json!(CLIENT.port())),
            ("bridgetrace.counts.flows", json!(1)),
        ],
    )
}

/// The process is named in the first line, or in one that follows.
fn names_process(stage: &mut Stage, opened: &Value, pid: u32, name: &str) -> Result<()> {
    let named = stage.named(&expect::id(opened)?)?;
    holds(
        &named,
        &[("process.pid", json!(pid)), ("process.name", json!(name))],
    )
}

/// A listener that is a process of its own, ready.
fn listen(lab: &Topology) -> Result<Process> {
    let mut command = lab.srv.command("/bin/busybox");
    command.args(["nc", "-ll", "-p", "7", "-e", "/bin/cat"]);
    let listener = Process::spawn(command)?;
    wait_until("the listener", SOON, || {
        let sockets = lab.srv.run(&["ss", "-Hltn", "sport = :7"])?;
        Ok(!sockets.is_empty())
    })?;
    Ok(listener)
}

/// Both ends of a connection from the PC to the server.
fn connection(lab: &Topology) -> Result<(TcpStream, TcpStream)> {
    let listener = lab.srv.enter(|| TcpListener::bind((SRV, PORT)))??;
    let client = peers::connect(&lab.pc, CLIENT, (SRV, PORT).into())?;
    let (server, _) = listener.accept().context("accept")?;
    server.set_nodelay(true)?;
    Ok((server, client))
}

/// What the kernel calls the test itself.
fn own_name() -> Result<String> {
    Ok(fs::read_to_string("/proc/self/comm")?.trim_end().to_owned())
}

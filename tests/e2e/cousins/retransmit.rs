//! A connection that was open long before the network came, silent at both ends: at the first
//! segment that is lost the outage is told, with how often TCP tries and when it will give up.

use std::io::Write;
use std::net::{TcpListener, TcpStream};

use anyhow::{Context, Result, ensure};
use bridgetrace_lab::peers::{self, EchoServer};
use bridgetrace_lab::topology::{PC, SRV};
use bridgetrace_lab::{Topology, preflight, showcase, wait_for};
use serde_json::{Value, json};

use super::scene::later;
use crate::outage::expect;
use crate::outage::stage::{SOON, Stage, at, detail, holds, is_confirmed, is_phase};

const PORT: u16 = 2222;
const CLIENT: u16 = 40_022;
const KIND: &str = "reply-blackhole";

/// Both ends of a connection on a server whose `tcp_retries2` is set before.
fn raise(retries: &str) -> Result<(Stage, TcpStream, TcpStream)> {
    preflight::require()?;
    let lab = Topology::new()?;
    lab.srv.sysctl("net.ipv4.tcp_retries2", retries)?;
    let listener = lab.srv.enter(|| TcpListener::bind((SRV, PORT)))??;
    let client = peers::connect(&lab.pc, (PC, CLIENT).into(), (SRV, PORT).into())?;
    let (server, _) = listener.accept().context("accept")?;
    server.set_nodelay(true)?;
    Ok((Stage::raise_in(lab, &[])?, server, client))
}

#[test]
fn the_server_speaks_into_the_void_and_says_for_how_long() -> Result<()> {
    let (mut stage, mut server, _client) = raise("15")?;
    stage.play(|stage| {
        let network = stage.collide()?;
        server.write_all(b"news")?;
        let tried = is_tried_again(stage, &network, 925, 15)?;
        expect::proven_by(&tried, &["neighbour-failed", "drop", "retransmit"])?;
        showcase::show(
            "an open connection on which the server speaks first",
            &tried,
        )?;
        tries_go_on(stage, &tried)
    })
}

#[test]
fn the_client_asks_and_the_answer_is_repeated_in_vain() -> Result<()> {
    let (mut stage, mut server, mut client) = raise("8")?;
    stage.play(|stage| {
        let network = stage.collide()?;
        client.write_all(b"news?")?;
        server.write_all(b"none")?;
        let tried = is_tried_again(stage, &network, 102, 8)?;
        expect::proven_by(&tried, &["ingress-asymmetry", "retransmit"])?;
        showcase::show("an open connection on which the client asks first", &tried)?;
        tries_go_on(stage, &tried)
    })
}

/// No connection yet, and so none that would be given up: the listener repeats its SYN-ACK.
#[test]
fn a_new_connection_is_answered_again_and_again() -> Result<()> {
    Stage::raise(&[])?.play(|stage| {
        let _server = EchoServer::start(&stage.lab.srv, (SRV, PORT).into())?;
        let network = stage.collide()?;
        let from = (PC, CLIENT).into();
        let _client = peers::begin_connect(&stage.lab.pc, from, (SRV, PORT).into())?;
        let tried = retransmitted(stage)?;
        is_the_connection(&tried, &network)?;
        expect::proven_by(&tried, &["ingress-asymmetry", "retransmit"])?;
        ensure!(at(&tried, "bridgetrace.gives_up").is_null(), "{tried:#}");
        showcase::show("a new connection to the server", &tried)?;
        grows(stage, &tried)
    })
}

/// The first line is about the first segment; a sure one that knows of repetitions follows.
fn is_tried_again(stage: &mut Stage, network: &str, after_s: u64, retries: u64) -> Result<Value> {
    let opened = stage.finding(|f| is_phase(f, "opened"))?;
    is_the_connection(&opened, network)?;
    let gives_up = json!({
        "after_s": after_s, "sysctl": "net.ipv4.tcp_retries2", "value": retries,
    });
    holds(&opened, &[("bridgetrace.gives_up", gives_up.clone())])?;
    let tried = retransmitted(stage)?;
    is_the_connection(&tried, network)?;
    holds(&tried, &[("bridgetrace.gives_up", gives_up)])?;
    let named = stage.named(&expect::id(&opened)?)?;
    holds(&named, &[("process.pid", json!(std::process::id()))])?;
    Ok(tried)
}

fn is_the_connection(finding: &Value, network: &str) -> Result<()> {
    expect::pc_lost_in(finding, network)?;
    holds(
        finding,
        &[
            ("bridgetrace.finding.kind", json!(KIND)),
            ("network.transport", json!("tcp")),
            ("source.port", json!(PORT)),
            ("destination.port", json!(CLIENT)),
            ("bridgetrace.counts.flows", json!(1)),
        ],
    )
}

fn retransmitted(stage: &mut Stage) -> Result<Value> {
    later(stage, |f| {
        is_confirmed(f) && count(f).is_ok_and(|count| count > 0)
    })
}

fn count(finding: &Value) -> Result<u64> {
    let count = detail(finding, "retransmit", "count")?.as_u64();
    count.with_context(|| format!("not counted in\n{finding:#}"))
}

/// The kernel tries again, and the last word knows of more tries.
fn tries_go_on(stage: &mut Stage, tried: &Value) -> Result<()> {
    let before = backoff(stage)?;
    wait_for("one more try", SOON * 3, || {
        backoff(stage)
            .map(|now| (now > before).then_some(()))
            .transpose()
    })??;
    grows(stage, tried)
}

/// How often the kernel has doubled its patience with the connection.
fn backoff(stage: &Stage) -> Result<u32> {
    let filter = format!("sport = :{PORT}");
    let sockets = stage.lab.srv.run(&["ss", "-Htino", &filter])?;
    let backoff = sockets
        .split_whitespace()
        .find_map(|word| word.strip_prefix("backoff:"));
    backoff.map_or(Ok(0), |backoff| backoff.parse().context("backoff"))
}

fn grows(stage: &mut Stage, tried: &Value) -> Result<()> {
    let before = count(tried)?;
    let more = later(stage, |f| count(f).is_ok_and(|count| count > before))?;
    ensure!(expect::id(&more)? == expect::id(tried)?, "{more:#}");
    ensure!(detail(&more, "retransmit", "what")?.is_null(), "{more:#}");
    Ok(())
}

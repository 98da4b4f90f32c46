//! A connection is older than the network: whoever is at its other end is outside.

use std::io::Write as _;
use std::net::SocketAddr;

use anyhow::{Result, ensure};
use bridgetrace_lab::peers::{self, EchoServer};
use bridgetrace_lab::showcase;
use bridgetrace_lab::topology::SRV;
use serde_json::{Value, json};

use super::scene::{GIT, MACHINE, connects, host_route_works, lost, raise, says};
use crate::outage::expect;
use crate::outage::stage::{SOON, holds, is_phase};

/// This host goes on asking on a connection it opened before.
#[test]
fn this_host_asks_on_an_open_connection() -> Result<()> {
    let confirmed = raise()?.play(|stage| {
        let _git = EchoServer::start(&stage.lab.pc, GIT)?;
        let any = SocketAddr::from((SRV, 0));
        let mut open = peers::connect(&stage.lab.srv, any, GIT)?;
        peers::echo(&mut open, b"before", SOON)?;
        let network = stage.collide()?;
        open.write_all(b"during")?;
        let port = open.local_addr()?.port();
        let opened = stage.finding(|f| is_phase(f, "opened"))?;
        is_the_open_connection(&opened, &network, port)?;
        let id = expect::id(&opened)?;
        let who = [("process.pid", json!(std::process::id()))];
        holds(&stage.named(&id)?, &who)?;
        let confirmed = stage.confirmed(&id)?;
        is_the_open_connection(&confirmed, &network, port)?;
        let proof = [
            "route-into-bridge",
            "no-such-endpoint",
            "neighbour-failed",
            "drop",
        ];
        expect::proven_by(&confirmed, &proof)?;
        host_route_works(stage, &confirmed, |stage| connects(&stage.lab.srv, GIT))?;
        Ok(confirmed)
    })?;
    showcase::show(
        "a connection of this host's is older than the network",
        &confirmed,
    )
}

fn is_the_open_connection(finding: &Value, network: &str, port: u16) -> Result<()> {
    lost(finding, "request-blackhole", network, MACHINE)?;
    ensure!(!says(finding, "if it is"), "in doubt: {finding:#}");
    holds(
        finding,
        &[
            ("source.ip", json!(SRV.to_string())),
            ("source.port", json!(port)),
            ("destination.port", json!(GIT.port())),
            ("network.transport", json!("tcp")),
            ("bridgetrace.counts.flows", json!(1)),
        ],
    )
}

//! The daemon itself asks: its registry mirror is in the subnet of a network.

use std::fs;
use std::net::Ipv4Addr;

use anyhow::{Result, ensure};
use bridgetrace_lab::dockerd::Options;
use bridgetrace_lab::peers::{EchoServer, NameServer};
use bridgetrace_lab::{Netns, Process, showcase};
use serde_json::json;

use super::scene::{MACHINE, connects, host_route_works, lost, raise_with, says, start};
use crate::outage::expect;
use crate::outage::stage::{Stage, evidence, holds, is_phase};

const PORT: u16 = 5000;

fn mirror() -> String {
    format!("http://{MACHINE}:{PORT}/")
}

/// `docker pull`: the daemon connects to its mirror, in vain.
#[test]
fn the_daemon_asks_its_registry_mirror() -> Result<()> {
    let options = Options::new().config(json!({"registry-mirrors": [mirror()]}));
    let confirmed = raise_with(options)?.play(|stage| {
        let _names = names_at_hand(&stage.lab.srv)?;
        let _registry = EchoServer::start(&stage.lab.pc, (MACHINE, PORT).into())?;
        let network = stage.collide()?;
        let _pull = pull(stage)?;
        let opened = stage.finding(|f| is_phase(f, "opened"))?;
        lost(&opened, "request-blackhole", &network, MACHINE)?;
        is_the_mirror(&opened)?;
        let id = expect::id(&opened)?;
        let dockerd = [
            ("process.name", json!("dockerd")),
            ("process.pid", json!(stage.daemon.pid()?)),
        ];
        holds(&stage.named(&id)?, &dockerd)?;
        let confirmed = stage.confirmed(&id)?;
        is_the_mirror(&confirmed)?;
        let proof = [
            "route-into-bridge",
            "configured-peer",
            "neighbour-failed",
            "drop",
        ];
        expect::proven_by(&confirmed, &proof)?;
        let connects = |stage: &Stage| connects(&stage.lab.srv, (MACHINE, PORT).into());
        host_route_works(stage, &confirmed, connects)?;
        Ok(confirmed)
    })?;
    showcase::show(
        "the daemon's registry mirror lies in the network's subnet",
        &confirmed,
    )
}

/// Before its mirror the daemon asks the machine's nameserver about docker.io, and would wait for the
/// answer longer than anybody likes: it is on the server itself.
fn names_at_hand(srv: &Netns) -> Result<NameServer> {
    let text = fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    let mut addresses = text
        .lines()
        .filter_map(|line| line.strip_prefix("nameserver "));
    let address = addresses.find_map(|address| address.trim().parse().ok());
    let address: Ipv4Addr = address.unwrap_or(Ipv4Addr::LOCALHOST);
    if !address.is_loopback() {
        srv.ip(&format!("address add {address}/32 dev lo"))?;
    }
    NameServer::start(srv, (address, 53).into(), Ipv4Addr::new(192, 0, 2, 7))
}

fn pull(stage: &Stage) -> Result<Process> {
    start(stage.daemon.command(&["pull", "hello-world"]))
}

fn is_the_mirror(finding: &serde_json::Value) -> Result<()> {
    let said = format!("{MACHINE} is the registry mirror {} of unix://", mirror());
    ensure!(says(finding, &said), "not {said:?}: {finding:#}");
    ensure!(!says(finding, "if it is"), "in doubt: {finding:#}");
    ensure!(
        evidence(finding).contains(&"configured-peer"),
        "{finding:#}"
    );
    let tcp = [
        ("network.transport", json!("tcp")),
        ("destination.port", json!(PORT)),
    ];
    holds(finding, &tcp)
}

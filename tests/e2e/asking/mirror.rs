//! The daemon itself asks: its registry mirror is in the subnet of a network.

use anyhow::{Result, ensure};
use bridgetrace_lab::dockerd::Options;
use bridgetrace_lab::peers::EchoServer;
use bridgetrace_lab::{Process, showcase};
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

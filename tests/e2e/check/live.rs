//! A network over somebody in use is told of at once, before anybody notices.

use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Result, ensure};
use bridgetrace_lab::docker::bridge_name;
use bridgetrace_lab::{peers, topology};
use serde_json::{Value, json};

use crate::outage::expect;
use crate::outage::stage::{NETWORK, Stage, at, holds, is_phase};

const PORT: u16 = 22;
const ALIVE: Duration = Duration::from_secs(5);

fn is_overlap(finding: &Value, phase: &str) -> bool {
    at(finding, "event.action") == "subnet-overlap" && is_phase(finding, phase)
}

/// The PC is connected and says nothing while the network comes: that it will be cut off is said
/// nevertheless. Then it speaks, and the outage is told beside it; both end with the network.
#[test]
fn whoever_will_be_cut_off_is_named_before_a_packet_is_lost() -> Result<()> {
    Stage::raise(&[])?.play(|stage| {
        let server = SocketAddr::from((topology::SRV, PORT));
        let client = SocketAddr::from((topology::PC, 0));
        let _server = peers::EchoServer::start(&stage.lab.srv, server)?;
        let mut connection = peers::connect(&stage.lab.pc, client, server)?;
        peers::echo(&mut connection, b"before", ALIVE)?;

        let network = stage.collide()?;
        let overlap = stage.state(|f| is_overlap(f, "opened"))?;
        ensure!(stage.findings()?.is_empty(), "lost before anybody spoke");
        holds(
            &overlap,
            &[
                ("bridgetrace.bridge.name", json!(bridge_name(&network))),
                ("bridgetrace.finding.verdict", json!("confirmed")),
                ("bridgetrace.overlap.prefix", json!("172.22.0.0/16")),
                (
                    "bridgetrace.overlap.with.0.prefix",
                    json!("172.22.10.119/32"),
                ),
                ("bridgetrace.overlap.with.0.role", json!("peer")),
                ("bridgetrace.expected_route.device", json!("eno8303")),
            ],
        )?;
        let id = expect::id(&overlap)?;
        let of_it = |f: &Value| at(f, "bridgetrace.finding.id") == id.as_str();
        stage.state(|f| of_it(f) && at(f, "bridgetrace.docker_network.name") == NETWORK)?;

        connection.write_all(b"during")?;
        let lost = stage.finding(|f| is_phase(f, "opened"))?;
        expect::pc_lost_in(&lost, &network)?;
        ensure!(
            at(&lost, "event.sequence").as_u64() > at(&overlap, "event.sequence").as_u64(),
            "the outage was told first"
        );
        stage.daemon.docker(&["network", "rm", NETWORK])?;
        stage.state(|f| of_it(f) && is_phase(f, "resolved"))?;
        let all = stage.everything()?;
        let opened = all.iter().filter(|f| is_overlap(f, "opened"));
        ensure!(opened.count() == 1, "told twice: {all:#?}");
        Ok(())
    })
}

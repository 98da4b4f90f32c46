//! Many victims behind one bridge are one incident, told in a few lines.

use std::net::Ipv4Addr;

use anyhow::{Result, ensure};
use bridgetrace_lab::peers::{self, UdpResponder};
use bridgetrace_lab::topology::SRV;
use bridgetrace_lab::{Topology, preflight};
use serde_json::json;

use super::expect;
use super::stage::{SOON, Stage, at, holds, is_phase};

/// Opened, what came within a second of it, the failed neighbours, the last word.
const A_HANDFUL: usize = 5;

/// Twenty clients ask the server at the same time.
#[test]
fn twenty_victims_are_one_incident() -> Result<()> {
    preflight::require()?;
    let victims: Vec<Ipv4Addr> = (1..=20)
        .map(|last| Ipv4Addr::new(172, 22, 40, last))
        .collect();
    let lab = Topology::builder().peers(victims.clone()).build()?;
    Stage::raise_in(lab, &[])?.play(|stage| {
        let server = UdpResponder::start(&stage.lab.srv, (SRV, 5353).into())?;
        let network = stage.collide()?;
        for victim in &victims {
            peers::udp_send_exactly(&stage.lab.pc, (*victim, 0).into(), (SRV, 5353).into(), 1)?;
        }
        server.wait_replied(20, SOON)?;
        let all = stage.finding(|f| at(f, "bridgetrace.counts.remotes") == 20)?;
        holds(
            &all,
            &[
                ("bridgetrace.counts.packets", json!(20)),
                ("bridgetrace.counts.flows", json!(20)),
                ("bridgetrace.docker_network.id", json!(network)),
                ("bridgetrace.route.prefix", json!("172.22.0.0/16")),
            ],
        )?;
        expect::should_leave_by(&all, "eno8303")?;
        expect::proven_by(&all, &["route-into-bridge", "ingress-asymmetry"])?;
        let named = at(&all, "bridgetrace.victims")
            .as_array()
            .map_or(0, Vec::len);
        ensure!(named == 20, "{named} victims in {all:#}");
        // One route that helps them all and leaves the bridge the rest.
        let route = expect::remedy(&all, "prefix-route", "command")?;
        ensure!(
            route == "ip route add 172.22.40.0/27 via 172.42.10.1 dev eno8303",
            "{route}"
        );

        let last = stage.last_word()?;
        ensure!(expect::id(&last)? == expect::id(&all)?);
        let lines = stage.findings()?;
        ensure!(lines.len() <= A_HANDFUL, "{} lines", lines.len());
        ensure!(lines.iter().filter(|line| is_phase(line, "opened")).count() == 1);
        Ok(())
    })
}

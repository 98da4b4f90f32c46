//! As many IPv6 packets are said to be lost as were lost.

use std::net::{Ipv6Addr, SocketAddr};

use anyhow::{Result, ensure};
use bridgetrace_lab::peers::{self, UdpResponder};
use bridgetrace_lab::topology::{PC6, SRV6};
use bridgetrace_lab::{Topology, preflight, showcase};
use serde_json::{Value, json};

use super::scene::{pc_lost_in, raise};
use crate::outage::stage::{SOON, Stage, at, evidence, holds, is_phase};

const SERVICE: SocketAddr = SocketAddr::new(std::net::IpAddr::V6(SRV6), 5353);
const COLLEAGUE: Ipv6Addr = Ipv6Addr::new(0xfd00, 0x172, 0x22, 0x10, 0, 0, 0, 0x120);

#[test]
fn every_lost_ping_counts() -> Result<()> {
    raise()?.play(|stage| {
        let network = stage.collide6()?;
        let pings = peers::ping(&stage.lab.pc, SRV6, 7)?;
        ensure!((pings.sent, pings.received) == (7, 0), "{pings:?}");
        let last = stage.last_word()?;
        pc_lost_in(&last, &network)?;
        counted(&last, 7, 1)
    })
}

/// Half of the datagrams are lost before the kernel gives up the neighbour, half after.
#[test]
fn every_lost_datagram_counts() -> Result<()> {
    let last = raise()?.play(|stage| {
        let server = UdpResponder::start(&stage.lab.srv, SERVICE)?;
        let network = stage.collide6()?;
        let socket = peers::udp_send_exactly(&stage.lab.pc, (PC6, 0).into(), SERVICE, 100)?;
        server.wait_replied(100, SOON)?;
        stage.finding(|f| {
            evidence(f).contains(&"neighbour-failed") && evidence(f).contains(&"drop")
        })?;
        for number in 0..100_u32 {
            socket.send_to(&number.to_be_bytes(), SERVICE)?;
        }
        server.wait_replied(200, SOON)?;
        let last = stage.last_word()?;
        pc_lost_in(&last, &network)?;
        holds(
            &last,
            &[
                ("network.transport", json!("udp")),
                ("source.port", json!(SERVICE.port())),
                ("destination.port", json!(socket.local_addr()?.port())),
                ("process.pid", json!(std::process::id())),
            ],
        )?;
        counted(&last, 200, 1)?;
        socket.set_nonblocking(true)?;
        ensure!(socket.recv(&mut [0; 64]).is_err(), "a reply arrived");
        Ok(last)
    })?;
    showcase::show("UDP replies over IPv6", &last)
}

/// Two clients behind one bridge are one outage, counted by client.
#[test]
fn the_packets_of_two_victims_add_up() -> Result<()> {
    preflight::require()?;
    let lab = Topology::builder().dual().peer(COLLEAGUE).build()?;
    Stage::raise_in(lab, &[])?.play(|stage| {
        let server = UdpResponder::start(&stage.lab.srv, SERVICE)?;
        stage.collide6()?;
        for (client, count) in [(PC6, 30), (COLLEAGUE, 20)] {
            peers::udp_send_exactly(&stage.lab.pc, (client, 0).into(), SERVICE, count)?;
        }
        server.wait_replied(50, SOON)?;
        let last = stage.last_word()?;
        counted(&last, 50, 2)?;
        let victims = json!([
            {"ip": PC6.to_string(), "packets": 30},
            {"ip": COLLEAGUE.to_string(), "packets": 20},
        ]);
        holds(&last, &[("bridgetrace.victims", victims)])?;
        let findings = stage.findings()?;
        let opened = findings.iter().filter(|f| is_phase(f, "opened")).count();
        ensure!(opened == 1, "{opened} incidents");
        Ok(())
    })
}

fn counted(finding: &Value, packets: u32, remotes: u32) -> Result<()> {
    let counts = at(finding, "bridgetrace.counts");
    ensure!(
        counts["packets"] == packets && counts["remotes"] == remotes,
        "{packets} packets to {remotes} were lost, said is {counts} in\n{finding:#}"
    );
    holds(finding, &[("bridgetrace.lost_events", json!(0))])
}

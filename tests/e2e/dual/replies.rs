//! Replies to somebody who begins: a ping, a new connection, a login.

use std::net::SocketAddr;

use anyhow::{Result, ensure};
use bridgetrace_lab::peers::{self, EchoServer, Sshd};
use bridgetrace_lab::showcase;
use bridgetrace_lab::topology::{PC6, SRV6};
use serde_json::json;

use super::scene::{answers, host_route_works, pc_lost_in, ping_and_find, raise};
use crate::outage::expect;
use crate::outage::ssh::names_sshd;
use crate::outage::stage::{Stage, at, evidence, holds, is_phase};

const SERVER: SocketAddr = SocketAddr::new(std::net::IpAddr::V6(SRV6), 7);
const CLIENT: SocketAddr = SocketAddr::new(std::net::IpAddr::V6(PC6), 40_022);
const AT_ONCE: [&str; 3] = ["route-into-bridge", "ingress-asymmetry", "no-such-endpoint"];

/// The kernel answers by itself, so no process is to be named; the request is seen coming in.
#[test]
fn a_ping_is_explained() -> Result<()> {
    let opened = raise()?.play(|stage| {
        let network = stage.collide6()?;
        let opened = ping_and_find(stage)?;
        pc_lost_in(&opened, &network)?;
        holds(
            &opened,
            &[
                ("network.transport", json!("ipv6-icmp")),
                ("observer.ingress.interface.name", json!("eno8303")),
                ("bridgetrace.counts.packets", json!(1)),
                ("bridgetrace.counts.flows", json!(1)),
            ],
        )?;
        ensure!(opened.get("process").is_none(), "{opened:#}");
        expect::proven_by(&opened, &AT_ONCE)?;
        host_route_works(stage, &opened, answers)?;
        Ok(opened)
    })?;
    showcase::show("a ping over IPv6", &opened)
}

/// The kernel gives up the neighbour and frees what waited for it, without a reason.
#[test]
fn the_death_of_a_reply_is_proven() -> Result<()> {
    raise()?.play(|stage| {
        let network = stage.collide6()?;
        let opened = ping_and_find(stage)?;
        let id = expect::id(&opened)?;
        let dead = stage.finding(|f| {
            at(f, "bridgetrace.finding.id") == id.as_str()
                && evidence(f).contains(&"neighbour-failed")
                && evidence(f).contains(&"drop")
        })?;
        pc_lost_in(&dead, &network)?;
        let proofs = at(&dead, "bridgetrace.evidence").to_string();
        ensure!(proofs.contains("NOT_SPECIFIED"), "{proofs}");
        holds(&dead, &[("bridgetrace.counts.packets", json!(1))])
    })
}

/// The SYN-ACK is lost: the process is the listener's.
#[test]
fn a_new_connection_is_explained() -> Result<()> {
    let opened = raise()?.play(|stage| {
        let _server = EchoServer::start(&stage.lab.srv, SERVER)?;
        let network = stage.collide6()?;
        let _client = peers::begin_connect(&stage.lab.pc, CLIENT, SERVER)?;
        let opened = stage.finding(|f| is_phase(f, "opened"))?;
        pc_lost_in(&opened, &network)?;
        holds(
            &opened,
            &[
                ("network.transport", json!("tcp")),
                ("source.port", json!(SERVER.port())),
                ("destination.port", json!(CLIENT.port())),
                ("observer.ingress.interface.name", json!("eno8303")),
                ("bridgetrace.counts.flows", json!(1)),
            ],
        )?;
        expect::proven_by(&opened, &AT_ONCE)?;
        let named = stage.named(&expect::id(&opened)?)?;
        holds(&named, &[("process.pid", json!(std::process::id()))])?;
        host_route_works(stage, &opened, connects)?;
        Ok(opened)
    })?;
    showcase::show("a new TCP connection over IPv6", &opened)
}

fn connects(stage: &Stage) -> Result<bool> {
    Ok(peers::connect(&stage.lab.pc, (PC6, 0).into(), SERVER).is_ok())
}

/// Somebody logs in: the process is the sshd that listens.
#[test]
fn a_login_is_explained() -> Result<()> {
    let opened = raise()?.play(|stage| {
        let sshd = Sshd::start(&stage.lab.srv)?;
        let network = stage.collide6()?;
        let _login = sshd.ssh(&stage.lab.pc, SRV6, "true")?;
        let opened = stage.finding(|f| is_phase(f, "opened"))?;
        pc_lost_in(&opened, &network)?;
        holds(&opened, &[("source.port", json!(22))])?;
        expect::proven_by(&opened, &AT_ONCE)?;
        names_sshd(stage, &expect::id(&opened)?)?;
        Ok(opened)
    })?;
    showcase::show("an ssh login over IPv6", &opened)
}

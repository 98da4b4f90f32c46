//! Containers and the host ask for addresses in docker's networks: of containers they must not reach, of
//! nobody, or by a slip.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use bridgetrace_lab::peers::{self, EchoServer};
use bridgetrace_lab::topology::{PC, SRV};
use bridgetrace_lab::{Container, Service, wait_until};
use serde_json::json;

use super::host::{gave_up, is_healthy, network, raise, saw};
use crate::outage::records::records;
use crate::outage::stage::{Stage, holds, is_phase};

/// What is asked for at least as long as this was no slip: three seconds are enough to be told of.
const INSISTENT: Duration = Duration::from_secs(5);
const OUTSIDE: SocketAddr = SocketAddr::new(IpAddr::V4(PC), 7);

/// Two networks with a container each.
fn neighbours(stage: &Stage) -> Result<[Container; 2]> {
    network(&stage.daemon, "left", "10.202.0.0/24")?;
    network(&stage.daemon, "right", "10.203.0.0/24")?;
    let run = |name| Service::echo(name, 7).network(name).run(&stage.daemon);
    Ok([run("left")?, run("right")?])
}

/// Repeats what one container asks, until it goes on long enough.
fn insist(mut ask: impl FnMut() -> Result<()>) -> Result<()> {
    let start = Instant::now();
    wait_until("enough questions", INSISTENT * 10, || {
        ask()?;
        Ok(start.elapsed() >= INSISTENT)
    })
}

/// Docker keeps its networks apart: what a container asks of another network's is dropped, whether
/// somebody is there or not.
#[test]
fn a_container_scans_another_network() -> Result<()> {
    is_healthy(|stage| {
        let [left, _right] = neighbours(stage)?;
        let scan = "for i in $(seq 1 40); do ping -c1 -W1 10.203.0.$i & \
                    nc -w1 10.203.0.$i 22 & done >/dev/null 2>&1 </dev/null; wait";
        insist(|| left.exec(&["sh", "-c", scan]).map(drop))
    })
}

/// One container asks for one of another network, which is there, again and again.
#[test]
fn a_container_asks_a_container_of_another_network() -> Result<()> {
    is_healthy(|stage| {
        let [left, right] = neighbours(stage)?;
        let whom = (right.address("right")?, 7);
        insist(|| {
            ensure!(!left.connects(whom), "docker lets them talk to each other");
            ensure!(!left.reaches(whom.0), "docker lets them talk to each other");
            Ok(())
        })
    })
}

/// Both reach the world outside, and the host both of them.
#[test]
fn containers_of_two_networks_reach_the_outside() -> Result<()> {
    is_healthy(|stage| {
        let _outside = EchoServer::start(&stage.lab.pc, OUTSIDE)?;
        let both = neighbours(stage)?;
        insist(|| {
            for (container, name) in both.iter().zip(["left", "right"]) {
                ensure!(
                    container.reaches(PC) && container.connects(OUTSIDE),
                    "{name}"
                );
                ensure!(container.reaches(SRV), "{name}");
                ensure!(peers::reachable(&stage.lab.srv, container.address(name)?)?);
            }
            Ok(())
        })?;
        let records = records(stage)?;
        ensure!(records.is_empty(), "{records:#?}");
        Ok(())
    })
}

/// The host pings an address that nobody has, once: it may be told of, but never as more than suspected.
#[test]
fn a_slip_of_the_hand_is_never_confirmed() -> Result<()> {
    raise()?.play(|stage| {
        let nobody = Ipv4Addr::new(10, 202, 0, 77);
        network(&stage.daemon, "web", "10.202.0.0/24")?;
        ensure!(
            !peers::reachable(&stage.lab.srv, nobody)?,
            "somebody answers"
        );
        saw(stage, nobody)?;
        gave_up(stage, nobody)?;
        // The tracer goes on after that, and has had its time when it tells of the next thing.
        stage.collide()?;
        ensure!(!peers::reachable(&stage.lab.pc, SRV)?, "no collision");
        stage.finding(|f| is_phase(f, "opened") && f["event"]["action"] == "reply-blackhole")?;
        for said in stage.last_words()? {
            if said["destination"]["ip"] == json!(nobody.to_string()) {
                holds(
                    &said,
                    &[("bridgetrace.finding.verdict", json!("suspected"))],
                )?;
            }
        }
        Ok(())
    })
}

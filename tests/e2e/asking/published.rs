//! A published port of a container in one network, a client whose address lies in another's subnet: the
//! replies are passed on from the one bridge into the other.

use std::net::{IpAddr, SocketAddr};

use anyhow::{Result, ensure};
use bridgetrace_lab::peers::UdpResponder;
use bridgetrace_lab::scenario::{APPS, PUBLISHED};
use bridgetrace_lab::topology::{PC, SRV};
use bridgetrace_lab::{Container, Netns, Process, Service, peers, showcase, wait_until};
use serde_json::{Value, json};

use super::firewall::{isolated, open};
use super::scene::{connects, host_route_works, lost, raise, says, start};
use crate::outage::expect;
use crate::outage::stage::{SOON, Stage, at, detail, evidence, holds, is_phase};

const CLIENT: SocketAddr = SocketAddr::new(IpAddr::V4(PC), 40_022);

/// Docker keeps its networks apart: its firewall drops the reply. MASQUERADE has rewritten the client's
/// address, and back.
#[test]
fn the_reply_is_dropped_between_two_networks() -> Result<()> {
    let confirmed = raise()?.play(|stage| {
        let echo = publish(stage)?;
        let network = stage.collide()?;
        let _client = peers::begin_connect(&stage.lab.pc, CLIENT, PUBLISHED)?;
        let opened = stage.finding(|f| is_phase(f, "opened"))?;
        is_the_reply(&opened, &network, &echo)?;
        let confirmed = stage.confirmed(&expect::id(&opened)?)?;
        is_the_reply(&confirmed, &network, &echo)?;
        expect::proven_by(
            &confirmed,
            &[
                "route-into-bridge",
                "ingress-asymmetry",
                "no-such-endpoint",
                "drop",
            ],
        )?;
        ensure!(
            detail(&confirmed, "drop", "reason")? == "NETFILTER_DROP",
            "{confirmed:#}"
        );
        ensure!(isolated(&stage.lab.srv)? > 0, "docker dropped nothing");
        host_route_works(stage, &confirmed, |stage| {
            connects(&stage.lab.pc, PUBLISHED)
        })?;
        Ok(confirmed)
    })?;
    showcase::show(
        "a published port's client lies in another network's subnet, docker's isolation drops the reply",
        &confirmed,
    )
}

/// A rule of the administrator's lets the networks talk to each other: the reply gets into the other
/// bridge, where nobody has the client's address. On its way it has got the host's.
#[test]
fn the_reply_is_swallowed_by_the_other_bridge() -> Result<()> {
    let confirmed = raise()?.play(|stage| {
        open(&stage.lab.srv)?;
        publish(stage)?;
        let network = stage.collide()?;
        let _clients = clients(&stage.lab.pc)?;
        let opened = stage.finding(|f| is_phase(f, "opened"))?;
        is_echos(&opened, &network)?;
        let host = [
            ("source.ip", json!(SRV.to_string())),
            ("source.port", json!(PUBLISHED.port())),
        ];
        holds(&opened, &host)?;
        // The kernel gives up three seconds later; the client comes in again.
        let id = expect::id(&opened)?;
        let confirmed = stage.finding(|f| {
            let found = evidence(f);
            let proof = ["neighbour-failed", "ingress-asymmetry"];
            at(f, "bridgetrace.finding.id") == id.as_str()
                && proof.iter().all(|kind| found.contains(kind))
        })?;
        is_echos(&confirmed, &network)?;
        expect::proven_by(
            &confirmed,
            &["route-into-bridge", "no-such-endpoint", "drop"],
        )?;
        ensure!(
            detail(&confirmed, "drop", "reason")? == "NEIGH_FAILED",
            "{confirmed:#}"
        );
        ensure!(
            isolated(&stage.lab.srv)? == 0,
            "docker dropped it after all"
        );
        host_route_works(stage, &confirmed, |stage| {
            connects(&stage.lab.pc, PUBLISHED)
        })?;
        Ok(confirmed)
    })?;
    showcase::show(
        "a published port's client lies in another network's subnet, whose bridge swallows the reply",
        &confirmed,
    )
}

/// Somebody who connects over and over.
fn clients(pc: &Netns) -> Result<Process> {
    let mut shell = pc.command("sh");
    let (ip, port) = (PUBLISHED.ip(), PUBLISHED.port());
    shell.args([
        "-c",
        &format!("while :; do busybox nc -w1 {ip} {port}; done"),
    ]);
    start(shell)
}

/// Datagrams, answered one by one, until nobody is left to answer: as many are lost as the firewall says.
#[test]
fn as_many_are_lost_as_the_firewall_drops() -> Result<()> {
    raise()?.play(|stage| {
        stage.daemon.create_network(APPS, &["10.201.1.0/24"])?;
        let answer = Service::idle("answer")
            .network(APPS)
            .arg("--publish=8007:7/udp")
            .run(&stage.daemon)?;
        // Busybox serves no datagrams.
        let inside = (answer.address(APPS)?, 7).into();
        let _server = UdpResponder::start(&answer.netns()?, inside)?;
        let network = stage.collide()?;
        peers::udp_send_exactly(&stage.lab.pc, CLIENT, PUBLISHED, 25)?;
        wait_until("25 answers to be dropped", SOON, || {
            Ok(isolated(&stage.lab.srv)? == 25)
        })?;
        let opened = stage.finding(|f| is_phase(f, "opened"))?;
        let last = stage.last_word()?;
        ensure!(expect::id(&opened)? == expect::id(&last)?);
        lost(&last, "forward-blackhole", &network, PC)?;
        expect::proven_by(&last, &["ingress-asymmetry", "drop"])?;
        holds(
            &last,
            &[
                ("network.transport", json!("udp")),
                ("source.port", json!(7)),
                ("destination.port", json!(CLIENT.port())),
                ("container.name", json!("answer")),
                ("bridgetrace.counts.packets", json!(25)),
                ("bridgetrace.counts.flows", json!(1)),
            ],
        )
    })
}

/// The container `echo` of the compose service `web`, [`PUBLISHED`], which the PC reaches.
fn publish(stage: &Stage) -> Result<Container> {
    stage.daemon.create_network(APPS, &["10.201.1.0/24"])?;
    let echo = Service::echo("echo", 7)
        .network(APPS)
        .publish(PUBLISHED.port(), 7)
        .label("com.docker.compose.project", "shop")
        .label("com.docker.compose.service", "web")
        .run(&stage.daemon)?;
    ensure!(connects(&stage.lab.pc, PUBLISHED), "not published");
    Ok(echo)
}

fn is_the_reply(finding: &Value, network: &str, echo: &Container) -> Result<()> {
    is_echos(finding, network)?;
    holds(
        finding,
        &[
            ("source.ip", json!(echo.address(APPS)?.to_string())),
            ("source.port", json!(7)),
            ("destination.port", json!(CLIENT.port())),
            ("container.id", json!(echo.id())),
            ("observer.ingress.interface.name", json!("eno8303")),
            ("bridgetrace.counts.flows", json!(1)),
        ],
    )
}

fn is_echos(finding: &Value, network: &str) -> Result<()> {
    lost(finding, "forward-blackhole", network, PC)?;
    let who = "Replies of container echo (service web, published as port 8007) to 172.22.10.119";
    ensure!(says(finding, who), "not {who:?}: {finding:#}");
    holds(
        finding,
        &[
            ("network.transport", json!("tcp")),
            ("container.name", json!("echo")),
            ("service.name", json!("web")),
        ],
    )
}

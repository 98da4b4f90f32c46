//! The daemon lost its state and made its network again: two routes to one prefix, of which the
//! older, to a bridge nobody knows any more, wins. What this host sends is lost.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use anyhow::{Result, ensure};
use bridgetrace_lab::peers::{self, NameServer};
use bridgetrace_lab::topology::SRV;
use bridgetrace_lab::{Container, Service, showcase};
use serde_json::json;

use super::amnesia::{Twice, is_cut_off, should_have_used};
use super::scene::{of_kind, remedy_works};
use crate::outage::expect;
use crate::outage::stage::{Stage, holds};

const DNS: SocketAddr = SocketAddr::new(IpAddr::V4(SRV), 53);
const ANSWER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 7);

/// A container asks a service of the host, whose answer goes to the bridge of before.
#[test]
fn an_answer_to_a_container_goes_to_the_bridge_of_before() -> Result<()> {
    let Twice {
        mut stage,
        loss,
        container,
        address,
    } = Twice::raise(&Service::idle("asker"))?;
    stage.play(|stage| {
        let _server = NameServer::start(&stage.lab.srv, DNS, ANSWER)?;
        ask(&container)?;
        let finding = of_kind(
            stage,
            "reply-blackhole",
            &["duplicate-route", "drop", "neighbour-failed"],
        )?;
        is_cut_off(&finding, &loss, &container, address)?;
        should_have_used(&finding, &loss)?;
        expect::proven_by(&finding, &["duplicate-route", "drop"])?;
        holds(
            &finding,
            &[
                ("source.ip", json!(SRV)),
                ("source.port", json!(53)),
                ("destination.ip", json!(address)),
                ("network.transport", json!("udp")),
            ],
        )?;
        showcase::show(
            "a network made twice: the host answers a container",
            &finding,
        )?;
        let answers = |_: &Stage| is_answered(&container);
        let again = remedy_works(stage, &finding, "drop-route", &answers)?;
        is_cut_off(&again, &loss, &container, address)?;
        should_have_used(&again, &loss)
    })
}

/// The host itself asks the container.
#[test]
fn a_request_to_a_container_goes_to_the_bridge_of_before() -> Result<()> {
    let Twice {
        mut stage,
        loss,
        container,
        address,
    } = Twice::raise(&Service::echo("echo", 7))?;
    stage.play(|stage| {
        ensure!(
            !peers::reachable(&stage.lab.srv, address)?,
            "nothing is lost"
        );
        let finding = of_kind(stage, "request-blackhole", &["duplicate-route", "drop"])?;
        is_cut_off(&finding, &loss, &container, address)?;
        should_have_used(&finding, &loss)?;
        holds(
            &finding,
            &[
                ("destination.ip", json!(address)),
                ("network.transport", json!("icmp")),
                ("bridgetrace.finding.verdict", json!("confirmed")),
                ("bridgetrace.counts.packets", json!(1)),
            ],
        )?;
        showcase::show("a network made twice: the host asks a container", &finding)?;
        let answers = |stage: &Stage| peers::reachable(&stage.lab.srv, address);
        let again = remedy_works(stage, &finding, "drop-route", &answers)?;
        is_cut_off(&again, &loss, &container, address)
    })
}

/// The host connects to the container's port.
#[test]
fn a_connection_to_a_container_goes_to_the_bridge_of_before() -> Result<()> {
    let Twice {
        mut stage,
        loss,
        container,
        address,
    } = Twice::raise(&Service::echo("echo", 7))?;
    stage.play(|stage| {
        let from = SocketAddr::from(([0, 0, 0, 0], 0));
        let _client = peers::begin_connect(&stage.lab.srv, from, (address, 7).into())?;
        let finding = of_kind(stage, "request-blackhole", &["duplicate-route"])?;
        is_cut_off(&finding, &loss, &container, address)?;
        should_have_used(&finding, &loss)?;
        holds(
            &finding,
            &[
                ("destination.port", json!(7)),
                ("network.transport", json!("tcp")),
            ],
        )
    })
}

fn ask(container: &Container) -> Result<()> {
    container.spawn(&["nslookup", "who", &SRV.to_string()])
}

/// Whether the host's answer reaches the container.
fn is_answered(container: &Container) -> Result<bool> {
    let script = format!("timeout 3 nslookup who {SRV} || true");
    let heard = container.exec(&["sh", "-c", &script])?;
    Ok(heard.contains(&ANSWER.to_string()))
}

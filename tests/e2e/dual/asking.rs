//! Questions over IPv6 to a machine outside whose address the network covers: of the host, and of a
//! container of another network.

use std::net::{Ipv6Addr, SocketAddr};

use anyhow::{Result, ensure};
use bridgetrace_lab::firewall::dropped;
use bridgetrace_lab::scenario::APPS;
use bridgetrace_lab::topology::COLLISION6;
use bridgetrace_lab::{Container, Service, Topology, peers, preflight, showcase};
use serde_json::{Value, json};

use super::scene::{host_route_works, is_lost};
use crate::outage::stage::{Stage, detail, evidence, holds, is_phase};

/// A machine outside: what a company has of registries and git servers.
const MACHINE: Ipv6Addr = Ipv6Addr::new(0xfd00, 0x172, 0x22, 0x10, 0, 0, 0, 0x77);
const APPS6: [&str; 2] = ["10.201.1.0/24", "fd00:201:1::/64"];
/// Attempts, a fifth of a second apart.
const INSISTING: u32 = 5;
const DATAGRAMS: u32 = 10;

fn raise() -> Result<Stage> {
    preflight::require()?;
    // Another lab with a bridge in the same range makes the kernel half remember who came in before.
    bridgetrace_lab::alone();
    let lab = Topology::builder().dual().peer(MACHINE).build()?;
    let stage = Stage::raise_in(lab, &[])?;
    ensure!(host_asks(&stage)?, "not there before the outage");
    Ok(stage)
}

/// The host insists; nobody but the operator knows that the machine is outside.
#[test]
fn the_host_asks_a_machine_outside() -> Result<()> {
    let opened = raise()?.play(|stage| {
        let network = stage.collide6()?;
        ensure!(peers::ping(&stage.lab.srv, MACHINE, INSISTING)?.received == 0);
        let opened = stage.finding(|f| is_phase(f, "opened"))?;
        is_lost(&opened, "request-blackhole", &network)?;
        is_suspected(&opened)?;
        let pings = [("bridgetrace.counts.packets", json!(INSISTING))];
        holds(&opened, &pings)?;
        host_route_works(stage, &opened, host_asks)?;
        Ok(opened)
    })?;
    showcase::show("this host asks a machine outside over IPv6", &opened)
}

fn host_asks(stage: &Stage) -> Result<bool> {
    peers::reachable(&stage.lab.srv, MACHINE)
}

/// A container of another network insists. This engine keeps networks apart over IPv4 only: what
/// it sends dies on the other bridge, where nobody answers.
#[test]
fn a_container_asks_a_machine_outside() -> Result<()> {
    let opened = raise()?.play(|stage| {
        let asker = asker(stage)?;
        ensure!(asker.reaches(MACHINE), "not reached before");
        let network = stage.collide6()?;
        let ping = format!("ping -c{INSISTING} -W1 {MACHINE}");
        ensure!(asker.exec(&["sh", "-c", &ping]).is_err(), "nothing is lost");
        let opened = stage.finding(|f| is_phase(f, "opened"))?;
        is_lost(&opened, "forward-blackhole", &network)?;
        is_suspected(&opened)?;
        ensure!(evidence(&opened).contains(&"drop"), "{opened:#}");
        let address = asker.address6(APPS)?.to_string();
        holds(
            &opened,
            &[
                ("source.ip", json!(address)),
                ("container.name", json!("asker")),
            ],
        )?;
        host_route_works(stage, &opened, |_| Ok(asker.reaches(MACHINE)))?;
        Ok(opened)
    })?;
    showcase::show("a container asks a machine outside over IPv6", &opened)
}

/// The administrator keeps networks apart over IPv6, too: as many are lost as the firewall drops.
#[test]
fn as_many_are_lost_as_the_firewall_drops() -> Result<()> {
    raise()?.play(|stage| {
        let asker = asker(stage)?;
        let network = stage.collide6()?;
        let refuse = ["ip6tables", "-I", "FORWARD", "-d", COLLISION6, "-j", "DROP"];
        stage.lab.srv.run(&refuse)?;
        let any = SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0));
        peers::udp_send_exactly(&asker.netns()?, any, (MACHINE, 514).into(), DATAGRAMS)?;
        let refused = dropped(&stage.lab.srv, "ip6tables", "filter", "FORWARD")?;
        ensure!(refused == u64::from(DATAGRAMS), "{refused} were dropped");
        stage.finding(|f| is_phase(f, "opened"))?;
        let last = stage.last_word()?;
        is_lost(&last, "forward-blackhole", &network)?;
        ensure!(
            detail(&last, "drop", "reason")? == "NETFILTER_DROP",
            "{last:#}"
        );
        ensure!(
            detail(&last, "route-into-bridge", "seen")? == "packet-route",
            "{last:#}"
        );
        holds(
            &last,
            &[
                ("container.name", json!("asker")),
                ("bridgetrace.counts.packets", json!(DATAGRAMS)),
                ("bridgetrace.counts.flows", json!(1)),
            ],
        )
    })
}

/// A container whose IPv6 packets are passed on, and whose answers find back.
fn asker(stage: &Stage) -> Result<Container> {
    stage.daemon.import_busybox()?;
    stage.daemon.create_network(APPS, &APPS6)?;
    let asker = Service::idle("asker").network(APPS).run(&stage.daemon)?;
    // This engine leaves both to the administrator.
    stage.lab.srv.sysctl("net.ipv6.conf.all.forwarding", "1")?;
    let back = format!(
        "route add {} via {}",
        APPS6[1],
        bridgetrace_lab::topology::SRV6
    );
    stage.lab.router.ip(&back)?;
    Ok(asker)
}

fn is_suspected(finding: &Value) -> Result<()> {
    holds(
        finding,
        &[
            ("bridgetrace.finding.verdict", json!("suspected")),
            ("network.transport", json!("ipv6-icmp")),
            ("destination.ip", json!(MACHINE.to_string())),
            ("bridgetrace.counts.remotes", json!(1)),
        ],
    )?;
    let found = evidence(finding);
    ensure!(found.contains(&"route-into-bridge"), "{finding:#}");
    Ok(())
}

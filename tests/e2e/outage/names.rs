//! A bridge is known by what it does, never by its name; one that leads out is never blamed.

use anyhow::{Result, ensure};
use bridgetrace_lab::peers::{self, UdpResponder};
use bridgetrace_lab::topology::{SRV, TWIN, UPLINK_BRIDGE};
use bridgetrace_lab::{Topology, preflight, wait_until};
use serde_json::json;

use super::expect;
use super::stage::{NETWORK, SOON, Stage, holds, is_phase};

/// The network's bridge is called `corp0`; the PC pings.
#[test]
fn a_bridge_of_any_name_leads_to_its_network() -> Result<()> {
    Stage::raise(&[])?.play(|stage| {
        let name = "com.docker.network.bridge.name=corp0";
        let create = [
            "network",
            "create",
            "--subnet=172.22.0.0/16",
            "--opt",
            name,
            NETWORK,
        ];
        let network = stage.daemon.docker(&create)?;
        peers::ping(&stage.lab.pc, SRV, 1)?;
        let opened = stage.finding(|f| is_phase(f, "opened"))?;
        expect::pc_lost_in_bridge(&opened, &network, "corp0")?;
        expect::proven_by(
            &opened,
            &["route-into-bridge", "ingress-asymmetry", "no-such-endpoint"],
        )
    })
}

/// The uplink is a bridge. Replies go out through it, and some of them to a neighbour that does
/// not answer ARP: what a bridge that swallows replies looks like, but this one leads out.
#[test]
fn an_uplink_that_is_a_bridge_is_never_blamed() -> Result<()> {
    preflight::require()?;
    let lab = Topology::builder()
        .bridged_uplink()
        .neighbour(TWIN)
        .build()?;
    Stage::raise_in(lab, &[])?.play(|stage| {
        let server = UdpResponder::start(&stage.lab.srv, (SRV, 5353).into())?;
        ensure!(peers::ping(&stage.lab.pc, SRV, 3)?.received == 3);
        mute_the_twin(&stage.lab)?;
        peers::udp_send_exactly(&stage.lab.router, (TWIN, 0).into(), (SRV, 5353).into(), 5)?;
        server.wait_replied(5, SOON)?;
        twin_has_failed(&stage.lab)?;
        // The tracer has seen it all and is awake: it explains the collision that follows.
        blamed_is_the_collision(stage)?;
        stage.last_word()?;
        Ok(())
    })
}

/// The uplink is a bridge and a docker network collides: the replies should leave by the uplink.
#[test]
fn replies_are_missed_on_an_uplink_that_is_a_bridge() -> Result<()> {
    preflight::require()?;
    let lab = Topology::builder().bridged_uplink().build()?;
    Stage::raise_in(lab, &[])?.play(|stage| {
        blamed_is_the_collision(stage)?;
        let route = [
            "route",
            "add",
            "172.22.10.119/32",
            "via",
            "172.42.10.1",
            "dev",
            UPLINK_BRIDGE,
        ];
        stage.lab.srv.ip(&route.join(" "))?;
        ensure!(peers::reachable(&stage.lab.pc, SRV)?);
        let last = stage.last_word()?;
        ensure!(is_phase(&last, "resolved"), "{last:#}");
        Ok(())
    })
}

/// Makes the collision; the first thing said is that, with the uplink's bridge as the way out.
fn blamed_is_the_collision(stage: &mut Stage) -> Result<()> {
    let network = stage.collide()?;
    peers::ping(&stage.lab.pc, SRV, 1)?;
    let opened = stage.finding(|_| true)?;
    holds(
        &opened,
        &[
            ("event.action", json!("reply-blackhole")),
            ("bridgetrace.finding.phase", json!("opened")),
            ("destination.ip", json!("172.22.10.119")),
            ("observer.ingress.interface.name", json!(UPLINK_BRIDGE)),
            ("bridgetrace.docker_network.id", json!(network)),
        ],
    )?;
    expect::should_leave_by(&opened, UPLINK_BRIDGE)?;
    expect::proven_by(&opened, &["route-into-bridge", "ingress-asymmetry"])
}

/// The twin, an address of the router's, answers no ARP any more and is forgotten. The router
/// knows the server already, so it asks nothing from which the server would learn.
fn mute_the_twin(lab: &Topology) -> Result<()> {
    lab.router.sysctl("net/ipv4/conf/lan-srv/arp_ignore", "8")?;
    lab.srv
        .ip(&format!("neighbour flush to {TWIN} dev {UPLINK_BRIDGE}"))
}

fn twin_has_failed(lab: &Topology) -> Result<()> {
    let twin = TWIN.to_string();
    wait_until("the twin's silence", SOON, || {
        let entry = lab.srv.run(&["ip", "neighbour", "show", "to", &twin])?;
        Ok(entry.contains("FAILED"))
    })
}

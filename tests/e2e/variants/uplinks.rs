//! Uplinks of every sort: what leads out is named as the way out, and never blamed.

use anyhow::{Result, ensure};
use bridgetrace_lab::{Topology, wait_for};
use bridgetrace_lab::{peers, topology::SRV};
use serde_json::json;

use super::scene::{self, collide_and_ping, host_route_works};
use super::tunnel::Tunnel;
use crate::outage::expect;
use crate::outage::stage::{SOON, Stage, holds};

/// Moves the server's address and its default route from the NIC to `device`.
fn move_address(lab: &Topology, device: &str) -> Result<()> {
    lab.srv.ip(&format!(
        "address flush dev eno8303\n\
         link set {device} up\n\
         address add {SRV}/24 dev {device}\n\
         route add default via 172.42.10.1 dev {device}\n"
    ))
}

/// The same on the router's side of a tunnel.
fn move_gateway(lab: &Topology, device: &str) -> Result<()> {
    lab.router.ip(&format!(
        "address del 172.42.10.1/24 dev lan-srv\n\
         link set {device} up\n\
         address add 172.42.10.1/24 dev {device}\n"
    ))
}

/// The router has learnt where the server is now.
fn settle(lab: &Topology) -> Result<()> {
    lab.router.ip("neighbour flush all")?;
    wait_for("the PC to reach the server again", SOON, || {
        peers::reachable(&lab.pc, SRV)
            .map(|reached| reached.then_some(()))
            .transpose()
    })?
}

fn leaves_by(stage: &mut Stage, device: &str) -> Result<()> {
    ensure!(peers::ping(&stage.lab.pc, SRV, 3)?.received == 3);
    let (network, opened) = collide_and_ping(stage)?;
    expect::should_leave_by(&opened, device)?;
    expect::proven_by(
        &opened,
        &["route-into-bridge", "ingress-asymmetry", "no-such-endpoint"],
    )?;
    holds(
        &opened,
        &[
            ("observer.ingress.interface.name", json!(device)),
            ("bridgetrace.docker_network.id", json!(network)),
        ],
    )?;
    host_route_works(stage, &opened)?;
    for said in stage.findings()? {
        holds(&said, &[("bridgetrace.docker_network.id", json!(network))])?;
    }
    Ok(())
}

#[test]
fn a_macvlan() -> Result<()> {
    let prepare = |lab: &Topology| {
        lab.srv
            .ip("link add link eno8303 name mac0 type macvlan mode bridge")?;
        // Both hear the question who has the address, and the NIC would answer for `mac0`: packets would come in by either.
        lab.srv.sysctl("net.ipv4.conf.eno8303.arp_ignore", "1")?;
        move_address(lab, "mac0")?;
        settle(lab)
    };
    scene::raise(prepare)?.play(|stage| leaves_by(stage, "mac0"))
}

#[test]
fn a_vxlan() -> Result<()> {
    let prepare = |lab: &Topology| {
        lab.srv.ip("address add 10.99.0.2/24 dev eno8303\n\
             link add vx0 type vxlan id 5 dstport 4789 local 10.99.0.2 remote 10.99.0.1\n\
             route del default\n\
             address del 172.42.10.112/24 dev eno8303\n\
             link set vx0 up\n\
             address add 172.42.10.112/24 dev vx0\n\
             route add default via 172.42.10.1 dev vx0\n")?;
        lab.router.ip("address add 10.99.0.1/24 dev lan-srv\n\
             link add vx0 type vxlan id 5 dstport 4789 local 10.99.0.1 remote 10.99.0.2\n")?;
        move_gateway(lab, "vx0")?;
        settle(lab)
    };
    scene::raise(prepare)?.play(|stage| leaves_by(stage, "vx0"))
}

/// A VPN: packets leave through a program.
#[test]
fn a_tun() -> Result<()> {
    let mut tunnel = None;
    let prepare = |lab: &Topology| {
        tunnel = Some(Tunnel::dig(&lab.srv, &lab.router, "tun0")?);
        move_address(lab, "tun0")?;
        move_gateway(lab, "tun0")?;
        settle(lab)
    };
    scene::raise(prepare)?.play(|stage| leaves_by(stage, "tun0"))
}

/// A bridge whose only port is a VXLAN: it leads out, though it never held the default route.
#[test]
fn a_bridge_over_a_vxlan_is_not_blamed() -> Result<()> {
    let prepare = |lab: &Topology| {
        lab.srv.ip(
            "link add vx0 type vxlan id 5 dstport 4789 local 172.42.10.112 remote 172.42.10.1\n\
             link add over0 type bridge\n\
             link set vx0 master over0\n\
             link set vx0 up\n\
             link set over0 up\n\
             address add 10.77.0.1/16 dev over0\n",
        )
    };
    scene::raise(prepare)?.play(|stage| {
        // Somebody from over there asks by another way; the answer meets nobody on `over0`.
        stage.lab.pc.ip("address add 10.77.0.9/32 dev eth0")?;
        stage
            .lab
            .router
            .ip("route add 10.77.0.9/32 via 172.22.10.119")?;
        peers::ping_from(&stage.lab.pc, std::net::Ipv4Addr::new(10, 77, 0, 9), SRV, 1)?;
        let (network, opened) = collide_and_ping(stage)?;
        expect::pc_lost_in(&opened, &network)?;
        stage.last_word().map(drop)
    })
}

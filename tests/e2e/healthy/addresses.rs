//! The host's own addresses, uplinks and namespaces change under way.

use std::net::Ipv4Addr;

use anyhow::{Result, ensure};
use bridgetrace_lab::peers::{self, EchoServer, UdpResponder};
use bridgetrace_lab::topology::{PC, SRV};
use bridgetrace_lab::{Netns, Topology, wait_for};

use super::host::{is_healthy, network, raise_with, run};
use crate::outage::stage::{SOON, Stage};
use crate::variants::tunnel::Tunnel;

fn reaches(lab: &Topology, to: Ipv4Addr) -> Result<()> {
    wait_for("the PC to reach the server", SOON, || {
        peers::reachable(&lab.pc, to)
            .map(|reached| reached.then_some(()))
            .transpose()
    })?
}

/// A VPN comes up, takes the default route and everything else, and goes, while clients speak.
#[test]
fn a_vpn_comes_and_goes() -> Result<()> {
    is_healthy(|stage| {
        network(&stage.daemon, "web", "10.202.0.0/24")?;
        run(&stage.daemon, &["--network=web"], "sleep 600")?;
        let _server = EchoServer::start(&stage.lab.srv, (SRV, 7).into())?;
        let mut client = peers::connect(&stage.lab.pc, (PC, 0).into(), (SRV, 7).into())?;
        for _ in 0..3 {
            let tunnel = Tunnel::dig(&stage.lab.srv, &stage.lab.router, "tun0")?;
            stage.lab.srv.ip("link set tun0 up\n\
                 address add 10.8.0.2/24 dev tun0\n\
                 route add 0.0.0.0/1 dev tun0\n\
                 route add 128.0.0.0/1 dev tun0\n")?;
            stage.lab.router.ip("link set tun0 up\n\
                 address add 10.8.0.1/24 dev tun0\n")?;
            peers::echo(&mut client, b"through the tunnel", SOON)?;
            ensure!(peers::reachable(&stage.lab.pc, SRV)?);
            drop(tunnel);
            peers::echo(&mut client, b"by the uplink again", SOON)?;
        }
        Ok(())
    })
}

/// The lease ends: the server gets another address, later its old one, while it is spoken to.
#[test]
fn the_uplink_gets_another_address() -> Result<()> {
    is_healthy(|stage| {
        let other = Ipv4Addr::new(172, 42, 10, 113);
        network(&stage.daemon, "web", "10.202.0.0/24")?;
        let server = UdpResponder::start(&stage.lab.srv, (SRV, 5353).into())?;
        peers::udp_send_exactly(&stage.lab.pc, (PC, 0).into(), (SRV, 5353).into(), 50)?;
        server.wait_replied(50, SOON)?;
        drop(server);
        for (from, to) in [(SRV, other), (other, SRV)] {
            stage.lab.srv.ip(&format!(
                "address del {from}/24 dev eno8303\n\
                 address add {to}/24 dev eno8303\n\
                 route add default via 172.42.10.1\n"
            ))?;
            reaches(&stage.lab, to)?;
        }
        Ok(())
    })
}

/// The cable is pulled and put back, with a connection and a container's guest under way.
#[test]
fn the_uplink_flaps() -> Result<()> {
    is_healthy(|stage| {
        network(&stage.daemon, "web", "10.202.0.0/24")?;
        run(&stage.daemon, &["--network=web"], "sleep 600")?;
        let _server = EchoServer::start(&stage.lab.srv, (SRV, 7).into())?;
        let mut client = peers::connect(&stage.lab.pc, (PC, 0).into(), (SRV, 7).into())?;
        for _ in 0..3 {
            stage.lab.router.ip("link set lan-srv down")?;
            ensure!(!peers::reachable(&stage.lab.pc, SRV)?, "still connected");
            stage.lab.router.ip("link set lan-srv up")?;
            stage.lab.srv.ip("link set eno8303 down")?;
            stage
                .lab
                .srv
                .ip("link set eno8303 up\nroute add default via 172.42.10.1")?;
            reaches(&stage.lab, SRV)?;
            peers::echo(&mut client, b"still there?", SOON)?;
        }
        Ok(())
    })
}

/// Namespaces with bridges come and go; in each somebody asks for somebody who is not there. The
/// namespace is gone before anybody could look into it.
#[test]
fn many_namespaces_come_and_go() -> Result<()> {
    is_healthy(|stage| {
        for number in 0..30 {
            let job = Netns::new("job")?;
            job.ip("link add br0 type bridge\n\
                 address add 10.55.0.1/24 dev br0\n\
                 link set br0 up\n")?;
            asks_in_vain(&job, Ipv4Addr::new(10, 55, 0, 2 + number))?;
        }
        ensure!(peers::reachable(&stage.lab.pc, SRV)?);
        Ok(())
    })
}

/// A datagram to somebody on the bridge; nobody waits for what comes of it.
fn asks_in_vain(netns: &Netns, whom: Ipv4Addr) -> Result<()> {
    netns.enter(|| -> std::io::Result<()> {
        let socket = std::net::UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        socket.send_to(b"anybody?", (whom, 53)).map(drop)
    })??;
    Ok(())
}

/// A host of virtual machines: the uplink is a bridge, and a machine behind it falls silent.
#[test]
fn the_uplink_is_a_bridge_with_machines_on_it() -> Result<()> {
    let prepare = |(lab, _): &(Topology, bridgetrace_lab::Dockerd)| {
        lab.srv.ip("link add br0 type bridge\n\
             link set eno8303 master br0\n\
             address flush dev eno8303\n\
             link set br0 up\n\
             address add 172.42.10.112/24 dev br0\n\
             route add default via 172.42.10.1\n\
             tuntap add vm0 mode tap\n\
             link set vm0 master br0\n\
             link set vm0 up\n")?;
        lab.router.ip("neighbour flush all")?;
        reaches(lab, SRV)
    };
    raise_with(prepare)?.play(|stage| {
        machine_dies(stage)?;
        let said = stage.findings()?;
        ensure!(said.is_empty(), "{said:#?}");
        stage.collide()?;
        ensure!(!peers::reachable(&stage.lab.pc, SRV)?);
        let opened = stage.finding(|_| true)?;
        crate::outage::expect::should_leave_by(&opened, "br0")?;
        stage.last_word().map(drop)
    })
}

/// A virtual machine asked the server and is gone: the answer finds nobody on the bridge.
fn machine_dies(stage: &mut Stage) -> Result<()> {
    let machine = Ipv4Addr::new(172, 42, 10, 50);
    let server = UdpResponder::start(&stage.lab.srv, (SRV, 5353).into())?;
    let from = (machine, 4000).into();
    stage
        .lab
        .router
        .ip("address add 172.42.10.50/32 dev lan-srv")?;
    let socket = peers::udp_send_exactly(&stage.lab.router, from, (SRV, 5353).into(), 1)?;
    server.wait_replied(1, SOON)?;
    drop(socket);
    stage
        .lab
        .router
        .sysctl("net/ipv4/conf/lan-srv/arp_ignore", "8")?;
    stage.lab.srv.ip("neighbour flush all")?;
    // The gateway's own entry is needed again at once.
    peers::udp_send_exactly(&stage.lab.router, from, (SRV, 5353).into(), 1)?;
    server.wait_replied(2, SOON)?;
    super::host::saw(stage, machine)?;
    stage
        .lab
        .router
        .sysctl("net/ipv4/conf/lan-srv/arp_ignore", "0")?;
    reaches(&stage.lab, SRV)
}

/// Docker has a network in the PC's /16, but not over its address: nothing is lost.
#[test]
fn a_network_beside_the_clients_swallows_nothing() -> Result<()> {
    is_healthy(|stage| {
        network(&stage.daemon, "near", "172.22.128.0/17")?;
        run(
            &stage.daemon,
            &["--network=near", "--name=near"],
            "sleep 600",
        )?;
        ensure!(peers::ping(&stage.lab.pc, SRV, 10)?.received == 10);
        let server = UdpResponder::start(&stage.lab.srv, (SRV, 5353).into())?;
        peers::udp_send_exactly(&stage.lab.pc, (PC, 0).into(), (SRV, 5353).into(), 100)?;
        server.wait_replied(100, SOON)?;
        super::host::remove(&stage.daemon, "near")?;
        stage.daemon.docker(&["network", "rm", "near"]).map(drop)
    })
}

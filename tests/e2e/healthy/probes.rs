//! Somebody looks for what is not there: health checks and scans.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

use anyhow::Result;
use bridgetrace_lab::Netns;
use bridgetrace_lab::peers;
use bridgetrace_lab::topology::SRV;
use socket2::{Domain, Socket, Type};

use super::host::{address, forget_neighbours, gave_up, is_healthy, network, remove, run, saw};

/// The host's health check asks an endpoint that was removed, in every way.
#[test]
fn a_health_check_of_a_removed_endpoint() -> Result<()> {
    is_healthy(|stage| {
        network(&stage.daemon, "web", "10.202.0.0/24")?;
        run(
            &stage.daemon,
            &["--network=web", "--name=web"],
            "httpd -f -p 80",
        )?;
        let web = address(&stage.daemon, "web", "web")?;
        check(&stage.lab.srv, web)?;
        remove(&stage.daemon, "web")?;
        forget_neighbours(stage)?;
        check(&stage.lab.srv, web)?;
        saw(stage, web)?;
        gave_up(stage, web)
    })
}

/// A SYN, a ping, a datagram.
fn check(srv: &Netns, whom: Ipv4Addr) -> Result<()> {
    let any = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    let _connection = peers::begin_connect(srv, any, (whom, 80).into())?;
    peers::ping(srv, whom, 1)?;
    say(srv, any, whom, &[53, 161, 5060, 40_000])
}

/// A datagram from one of the host's ports to each of another's.
fn say(srv: &Netns, from: SocketAddr, whom: Ipv4Addr, ports: &[u16]) -> Result<()> {
    srv.enter(|| -> std::io::Result<()> {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, None)?;
        // A process that another test has just forked holds the last one, until it becomes a program.
        socket.set_reuse_address(true)?;
        socket.bind(&from.into())?;
        let socket = UdpSocket::from(socket);
        for port in ports {
            // Nobody there: the kernel may say so at the next call.
            socket.send_to(b"alive?", (whom, *port)).ok();
        }
        Ok(())
    })??;
    Ok(())
}

/// The host scans a subnet of its own with SYNs, pings and datagrams, also from well-known ports.
#[test]
fn the_host_scans_its_own_subnet() -> Result<()> {
    is_healthy(|stage| {
        network(&stage.daemon, "web", "10.202.0.0/24")?;
        run(&stage.daemon, &["--network=web", "--name=web"], "sleep 600")?;
        let any = Ipv4Addr::UNSPECIFIED;
        let mut connections = Vec::new();
        for last in 2..60 {
            let whom = Ipv4Addr::new(10, 202, 0, last);
            let to = (whom, 22).into();
            connections.push(peers::begin_connect(&stage.lab.srv, (any, 0).into(), to)?);
            say(&stage.lab.srv, (any, 53).into(), whom, &[53, 40_000])?;
            say(&stage.lab.srv, (any, 0).into(), whom, &[123, 50_000])?;
        }
        let broadcast = ["ping", "-c1", "-W1", "-b", "10.202.0.255"];
        // Nobody answers broadcasts by default.
        stage.lab.srv.run(&broadcast).ok();
        for last in [3, 30, 59] {
            let whom = Ipv4Addr::new(10, 202, 0, last);
            saw(stage, whom)?;
            gave_up(stage, whom)?;
        }
        Ok(())
    })
}

/// The same with the address of the uplink: SYNs and datagrams from ports nobody chose.
#[test]
fn the_host_scans_its_own_subnet_from_the_uplinks_address() -> Result<()> {
    is_healthy(|stage| {
        network(&stage.daemon, "web", "10.202.0.0/24")?;
        let mut connections = Vec::new();
        for last in 2..40 {
            let whom = Ipv4Addr::new(10, 202, 0, last);
            let to = (whom, 22).into();
            connections.push(peers::begin_connect(&stage.lab.srv, (SRV, 0).into(), to)?);
            say(&stage.lab.srv, (SRV, 0).into(), whom, &[53, 123])?;
        }
        peers::ping_from(&stage.lab.srv, SRV, Ipv4Addr::new(10, 202, 0, 50), 1)?;
        for last in [3, 39, 50] {
            let whom = Ipv4Addr::new(10, 202, 0, last);
            saw(stage, whom)?;
            gave_up(stage, whom)?;
        }
        Ok(())
    })
}

/// A container scans its own subnet, its neighbours' and the host.
#[test]
fn a_container_scans_its_own_subnet() -> Result<()> {
    is_healthy(|stage| {
        network(&stage.daemon, "left", "10.202.0.0/24")?;
        network(&stage.daemon, "right", "10.203.0.0/24")?;
        let allow = "iptables -I DOCKER-USER -j ACCEPT";
        let allow: Vec<&str> = allow.split(' ').collect();
        stage.lab.srv.run(&allow)?;
        let scan = "for i in $(seq 1 20); do for net in 10.202.0 10.203.0 172.42.10; do \
                    ping -c1 -W1 $net.$i >/dev/null & \
                    traceroute -n -q1 -w1 -m1 $net.$i >/dev/null & \
                    nc -w1 $net.$i 22 </dev/null & done; done; wait; echo done";
        let scan = format!("{{ {scan}; }} 2>/dev/null");
        stage.daemon.docker(&[
            "run",
            "--rm",
            "--network=left",
            bridgetrace_lab::docker::BUSYBOX,
            "sh",
            "-c",
            &scan,
        ])?;
        // The host looked for the neighbours' addresses on the container's behalf.
        gave_up(stage, Ipv4Addr::new(10, 203, 0, 17))
    })
}

//! Published ports: through docker-proxy from the host, by DNAT from outside.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Result, ensure};
use bridgetrace_lab::peers;
use bridgetrace_lab::topology::{PC, SRV};
use bridgetrace_lab::wait_for;
use socket2::SockRef;

use super::host::{address, forget_neighbours, is_healthy, network, remove, run};
use crate::outage::stage::SOON;

const ECHO: &str = "exec nc -ll -p 50000 -e cat";

/// Connections from the PC, from the host by every one of its addresses and from another
/// container; the container dies with all of them open, and comes back, on a high port as well.
#[test]
fn the_container_behind_published_ports_dies_and_comes_back() -> Result<()> {
    is_healthy(|stage| {
        network(&stage.daemon, "web", "10.202.0.0/24")?;
        for _ in 0..3 {
            let publish = ["--network=web", "--name=web", "--publish=8080:50000"];
            run(&stage.daemon, &publish, ECHO)?;
            let web = address(&stage.daemon, "web", "web")?;
            let mut open = Vec::new();
            for (netns, from, to) in [
                (&stage.lab.pc, PC, SocketAddr::from((SRV, 8080))),
                (
                    &stage.lab.srv,
                    Ipv4Addr::LOCALHOST,
                    (Ipv4Addr::LOCALHOST, 8080).into(),
                ),
                (&stage.lab.srv, SRV, (SRV, 8080).into()),
                (&stage.lab.srv, SRV, (web, 50_000).into()),
            ] {
                let connect = || {
                    let mut stream = peers::connect(netns, (from, 0).into(), to).ok()?;
                    // Nothing of it may outlive the lab.
                    SockRef::from(&stream)
                        .set_linger(Some(Duration::ZERO))
                        .ok()?;
                    let said = peers::echo(&mut stream, b"hello", SOON);
                    said.ok().map(|_| stream)
                };
                let stream = wait_for(&format!("{from} to be served by {to}"), SOON, connect)?;
                open.push(stream);
            }
            stage.daemon.docker(&["kill", "web"])?;
            forget_neighbours(stage)?;
            for stream in &mut open {
                // Ended by now, or into the void.
                std::io::Write::write_all(stream, b"still there?").ok();
            }
            ensure!(
                peers::begin_connect(&stage.lab.srv, (SRV, 0).into(), (web, 50_000).into()).is_ok()
            );
            remove(&stage.daemon, "web")?;
        }
        Ok(())
    })
}

/// Datagrams to a published port, from outside and from a chosen port of the host, before,
/// while and after the container lives.
#[test]
fn datagrams_to_a_published_port_find_nobody() -> Result<()> {
    is_healthy(|stage| {
        network(&stage.daemon, "log", "10.202.0.0/24")?;
        for _ in 0..3 {
            let publish = ["--network=log", "--name=log", "--publish=5514:514/udp"];
            run(&stage.daemon, &publish, "sleep 600")?;
            let log = address(&stage.daemon, "log", "log")?;
            ensure!(log == Ipv4Addr::new(10, 202, 0, 2));
            let to = (SRV, 5514).into();
            peers::udp_send_exactly(&stage.lab.pc, (PC, 514).into(), to, 20)?;
            peers::udp_send_exactly(&stage.lab.srv, (SRV, 514).into(), to, 20)?;
            stage.daemon.docker(&["kill", "log"])?;
            forget_neighbours(stage)?;
            peers::udp_send_exactly(&stage.lab.pc, (PC, 514).into(), to, 20)?;
            peers::udp_send_exactly(&stage.lab.srv, (SRV, 514).into(), to, 20)?;
            remove(&stage.daemon, "log")?;
        }
        Ok(())
    })
}

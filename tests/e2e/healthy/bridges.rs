//! Multicast and broadcast on bridges, and networks that are no bridges.

use std::net::{Ipv4Addr, UdpSocket};

use anyhow::{Result, ensure};
use bridgetrace_lab::peers;
use bridgetrace_lab::topology::SRV;

use super::host::{address, is_healthy, network, remove, run};

/// The host announces itself on every bridge, with guests and without.
#[test]
fn multicast_and_broadcast_on_bridges() -> Result<()> {
    is_healthy(|stage| {
        network(&stage.daemon, "full", "10.202.0.0/24")?;
        network(&stage.daemon, "empty", "10.203.0.0/24")?;
        run(
            &stage.daemon,
            &["--network=full", "--name=guest"],
            "sleep 600",
        )?;
        let own = [
            Ipv4Addr::new(10, 202, 0, 1),
            Ipv4Addr::new(10, 203, 0, 1),
            SRV,
        ];
        let announce = || -> std::io::Result<()> {
            for from in own {
                let socket = UdpSocket::bind((from, 5353))?;
                socket.set_broadcast(true)?;
                let [a, b, c, _] = from.octets();
                for to in [
                    Ipv4Addr::new(224, 0, 0, 251),
                    Ipv4Addr::new(239, 1, 2, 3),
                    Ipv4Addr::new(a, b, c, 255),
                    Ipv4Addr::BROADCAST,
                ] {
                    for _ in 0..20 {
                        socket.send_to(b"here I am", (to, 5353))?;
                    }
                }
            }
            Ok(())
        };
        for device in ["full", "empty"] {
            let id = stage
                .daemon
                .docker(&["network", "inspect", "--format={{.Id}}", device])?;
            let bridge = bridgetrace_lab::docker::bridge_name(&id);
            stage
                .lab
                .srv
                .ip(&format!("route add 239.1.2.3 dev {bridge}"))?;
            stage.lab.srv.enter(announce)??;
            stage
                .lab
                .srv
                .ip(&format!("route del 239.1.2.3 dev {bridge}"))?;
        }
        remove(&stage.daemon, "guest")?;
        stage.lab.srv.enter(announce)??;
        Ok(())
    })
}

/// Guests of a macvlan network come and go; the host can neither reach them nor lose anything.
#[test]
fn guests_of_a_macvlan_network_come_and_go() -> Result<()> {
    is_healthy(|stage| {
        let create = [
            "network",
            "create",
            "--driver=macvlan",
            "--subnet=172.42.10.0/24",
            "--ip-range=172.42.10.192/27",
            "--gateway=172.42.10.1",
            "--opt=parent=eno8303",
            "mac",
        ];
        stage.daemon.docker(&create)?;
        for number in 0..3 {
            let name = format!("guest{number}");
            run(
                &stage.daemon,
                &["--network=mac", "--name", &name],
                "sleep 600",
            )?;
            let guest = address(&stage.daemon, &name, "mac")?;
            ensure!(peers::reachable(&stage.lab.pc, guest)?, "{guest}");
            ensure!(!peers::reachable(&stage.lab.srv, guest)?, "{guest}");
            remove(&stage.daemon, &name)?;
        }
        ensure!(peers::reachable(&stage.lab.pc, SRV)?);
        Ok(())
    })
}

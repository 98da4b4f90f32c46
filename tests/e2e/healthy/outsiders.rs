//! Somebody outside, who looks around, pretends to be somebody else, or asks for a lot.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::thread;

use anyhow::{Context, Result, ensure};
use bridgetrace_lab::peers;
use bridgetrace_lab::topology::{PC, SRV};
use bridgetrace_lab::{Container, Netns, Service, wait_until};

use super::host::{is_healthy, network};
use crate::outage::records::records;
use crate::outage::stage::{SOON, Stage};

const ANY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
const PUBLISHED: SocketAddr = SocketAddr::new(IpAddr::V4(SRV), 8007);
const FILTER: [&str; 2] = [
    "net/ipv4/conf/all/rp_filter",
    "net/ipv4/conf/eno8303/rp_filter",
];

fn publish(stage: &Stage) -> Result<Container> {
    network(&stage.daemon, "web", "10.202.0.0/24")?;
    let web = Service::echo("web", 7)
        .network("web")
        .publish(PUBLISHED.port(), 7);
    web.run(&stage.daemon)
}

/// Ports of the server, published and not, and the containers' own addresses by way of the server.
#[test]
fn the_pc_scans_the_server_and_its_containers() -> Result<()> {
    is_healthy(|stage| {
        let web = publish(stage)?;
        let router = &stage.lab.router;
        router.ip(&format!("route add 10.202.0.0/24 via {SRV}"))?;
        let mut connections = Vec::new();
        for round in 0..3 {
            for port in 8000..8040 {
                connections.push(peers::begin_connect(
                    &stage.lab.pc,
                    ANY,
                    (SRV, port).into(),
                )?);
            }
            for last in 1..40 {
                let whom = Ipv4Addr::new(10, 202, 0, last);
                connections.push(peers::begin_connect(&stage.lab.pc, ANY, (whom, 7).into())?);
            }
            let nobody = Ipv4Addr::new(10, 202, 0, 99);
            let reached = peers::ping(&stage.lab.pc, nobody, 5)?.received;
            ensure!(reached == 0, "{reached} answers in round {round}");
        }
        ensure!(
            !peers::reachable(&stage.lab.pc, web.address("web")?)?,
            "routed"
        );
        Ok(())
    })
}

/// Packets with made-up sources out of a container network's subnet, one of each: the server's strict
/// filter drops them, and rightly.
#[test]
fn made_up_sources_are_dropped_on_arrival() -> Result<()> {
    is_healthy(|stage| {
        publish(stage)?;
        let srv = &stage.lab.srv;
        for key in FILTER {
            srv.sysctl(key, "1")?;
        }
        let before = srv.counter("TcpExt", "IPReversePathFilter")?;
        for last in 2..40 {
            let made_up = Ipv4Addr::new(10, 202, 0, last);
            stage
                .lab
                .pc
                .ip(&format!("address add {made_up}/32 dev lo"))?;
            peers::udp_send_exactly(&stage.lab.pc, (made_up, 0).into(), (SRV, 9).into(), 1)?;
        }
        wait_until("the filter to drop them all", SOON, || {
            Ok(srv.counter("TcpExt", "IPReversePathFilter")? >= before + 38)
        })?;
        // The collision at the end is to be seen as the loss of replies.
        FILTER.iter().try_for_each(|key| srv.sysctl(key, "0"))
    })
}

/// Hundreds of connections at once, and one after the other; none is worth a record.
#[test]
fn a_storm_of_connections_to_a_published_port() -> Result<()> {
    is_healthy(|stage| {
        publish(stage)?;
        let pc = &stage.lab.pc;
        thread::scope(|scope| -> Result<()> {
            let clients: Vec<_> = (0..4).map(|_| scope.spawn(|| storm(pc))).collect();
            clients.into_iter().try_for_each(|client| {
                let result = client.join();
                result.ok().context("a client panicked")?
            })
        })?;
        ensure!(peers::ping(pc, SRV, 5)?.received == 5);
        let records = records(stage)?;
        ensure!(records.is_empty(), "{records:#?}");
        Ok(())
    })
}

fn storm(pc: &Netns) -> Result<()> {
    for round in 0_u32..50 {
        let from = SocketAddr::from((PC, 0));
        let mut stream = peers::connect(pc, from, PUBLISHED)?;
        peers::echo(&mut stream, &round.to_be_bytes(), SOON)?;
    }
    Ok(())
}

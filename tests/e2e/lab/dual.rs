//! The machines speak IPv6 as they speak IPv4, and docker swallows it in the same way.

use std::io::Read;
use std::net::{Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bridgetrace_lab::docker::bridge_name;
use bridgetrace_lab::peers::{self, EchoServer, Sshd, UdpResponder};
use bridgetrace_lab::topology::{PC, PC6, SRV, SRV6};
use bridgetrace_lab::{Dockerd, Topology, WorldDump, preflight, scenario, wait_until};

const SOON: Duration = Duration::from_secs(10);
/// A retransmission that is under way doubles its pause each time.
const REPEATED: Duration = Duration::from_secs(30);

#[test]
fn every_peer_reaches_the_server_in_both_tongues() -> Result<()> {
    preflight::require()?;
    let far = Ipv6Addr::new(0xfd00, 0x99, 0, 0, 0, 0, 0, 7);
    let twin = Ipv6Addr::new(0xfd00, 0x172, 0x42, 0x10, 0, 0, 0, 0x110);
    let lab = Topology::builder()
        .dual()
        .peer(far)
        .neighbour(twin)
        .build()?;
    ensure!(peers::ping(&lab.pc, SRV6, 3)?.received == 3);
    ensure!(peers::ping(&lab.pc, SRV, 3)?.received == 3);
    ensure!(peers::reachable(&lab.srv, PC6)?);
    ensure!(peers::reachable_from(&lab.pc, far, SRV6)?);
    ensure!(peers::reachable_from(&lab.router, twin, SRV6)?);
    let tentative = lab.srv.run(&["ip", "-6", "address", "show", "tentative"])?;
    ensure!(tentative.is_empty(), "{tentative}");
    Ok(())
}

#[test]
fn ssh_tcp_and_udp_work_over_ipv6() -> Result<()> {
    preflight::require()?;
    let lab = Topology::dual()?;
    let sshd = Sshd::start(&lab.srv)?;
    let mut session = sshd.ssh(&lab.pc, SRV6, "echo $SSH_CONNECTION")?;
    let mut stdout = session.child().stdout.take().context("no stdout")?;
    let mut heard = String::new();
    stdout.read_to_string(&mut heard)?;
    ensure!(session.wait(SOON)?.success(), "{}", sshd.log());
    ensure!(heard.starts_with(&format!("{PC6} ")), "{heard}");
    let _echo = EchoServer::start(&lab.srv, (SRV6, 7).into())?;
    let mut stream = peers::connect(&lab.pc, (PC6, 0).into(), (SRV6, 7).into())?;
    peers::echo(&mut stream, b"hello", SOON)?;
    let server = UdpResponder::start(&lab.srv, (SRV6, 5353).into())?;
    let socket = peers::udp_send_exactly(&lab.pc, (PC6, 41_000).into(), (SRV6, 5353).into(), 100)?;
    server.wait_replied(100, SOON)?;
    ensure!(peers::count_replies(&socket, Duration::from_millis(200))? == 100);
    Ok(())
}

#[test]
fn an_ipv6_network_stalls_connections_until_it_is_removed() -> Result<()> {
    preflight::require()?;
    let lab = Topology::dual()?;
    let daemon = Dockerd::start(&lab.srv)?;
    let world = WorldDump::new(&lab.namespaces(), Some(&daemon));
    world.on_error(|| {
        let _server = EchoServer::start(&lab.srv, (SRV6, 7).into())?;
        let from = SocketAddr::from((PC6, 50_007));
        let mut held = peers::connect(&lab.pc, from, (SRV6, 7).into())?;
        peers::echo(&mut held, b"before", SOON)?;
        let network = scenario::collide6(&daemon)?;
        let route = lab.srv.run(&["ip", "route", "get", &PC6.to_string()])?;
        ensure!(route.contains(&bridge_name(&network)), "{route}");
        let stalled = peers::echo(&mut held, b"during", Duration::from_millis(500));
        ensure!(stalled.is_err(), "the echo came through");
        let new = peers::connect(&lab.pc, (PC6, 0).into(), (SRV6, 7).into());
        ensure!(new.is_err(), "a new connection came through");
        ensure!(peers::reachable(&lab.pc, SRV)?, "IPv4 suffers as well");
        ensure!(peers::reachable(&lab.srv, PC)?);
        daemon.remove_network(scenario::COLLIDING)?;
        held.set_read_timeout(Some(REPEATED))?;
        let mut late = [0; 6];
        held.read_exact(&mut late).context("the retransmission")?;
        ensure!(&late == b"during");
        wait_until("new connections", SOON, || {
            Ok(peers::connect(&lab.pc, (PC6, 0).into(), (SRV6, 7).into()).is_ok())
        })
    })
}

//! The peers make the traffic they claim.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bridgetrace_lab::peers::{self, EchoServer, Sshd, UdpResponder};
use bridgetrace_lab::topology::{PC, SRV};
use bridgetrace_lab::{Dockerd, Topology, WorldDump, preflight};

const SOON: Duration = Duration::from_secs(10);

#[test]
fn ssh_logs_in_and_the_session_can_be_held() -> Result<()> {
    preflight::require()?;
    let lab = Topology::new()?;
    let sshd = Sshd::start(&lab.srv)?;
    let mut session = sshd.ssh(&lab.pc, SRV, "readlink /proc/self/ns/net; cat")?;
    let mut stdin = session.child().stdin.take().context("no stdin")?;
    let mut stdout = session.child().stdout.take().context("no stdout")?;
    stdin.write_all(b"still here\n")?;
    let expected = format!("net:[{}]\nstill here\n", lab.srv.inum());
    let mut heard = vec![0; expected.len()];
    stdout.read_exact(&mut heard).with_context(|| sshd.log())?;
    ensure!(
        heard == expected.as_bytes(),
        "{}",
        String::from_utf8_lossy(&heard)
    );
    drop(stdin);
    let status = session.wait(SOON)?;
    ensure!(status.success(), "{status}\n{}", sshd.log());
    Ok(())
}

#[test]
fn an_established_connection_stalls_in_a_collision_and_recovers() -> Result<()> {
    preflight::require()?;
    let lab = Topology::new()?;
    let daemon = Dockerd::start(&lab.srv)?;
    let world = WorldDump::new(&lab.namespaces(), Some(&daemon));
    world.on_error(|| {
        let _server = EchoServer::start(&lab.srv, (SRV, 7).into())?;
        let from = SocketAddr::from((PC, 50_007));
        let mut held = peers::connect(&lab.pc, from, (SRV, 7).into())?;
        ensure!(held.local_addr()? == from);
        peers::echo(&mut held, b"before", SOON)?;
        daemon.docker(&["network", "create", "--subnet=172.22.0.0/16", "collision"])?;
        let stalled = peers::echo(&mut held, b"during", Duration::from_millis(500));
        ensure!(stalled.is_err(), "the echo came through");
        daemon.docker(&["network", "rm", "collision"])?;
        held.set_read_timeout(Some(SOON))?;
        let mut late = [0; 6];
        held.read_exact(&mut late).context("the retransmission")?;
        ensure!(&late == b"during");
        peers::echo(&mut held, b"after", SOON)?;
        Ok(())
    })
}

#[test]
fn datagrams_are_sent_and_answered_by_the_piece() -> Result<()> {
    preflight::require()?;
    let lab = Topology::new()?;
    let server = UdpResponder::start(&lab.srv, (SRV, 5353).into())?;
    let from = SocketAddr::from((PC, 41_000));
    let socket = peers::udp_send_exactly(&lab.pc, from, (SRV, 5353).into(), 2_000)?;
    server.wait_replied(2_000, SOON)?;
    let replies = peers::count_replies(&socket, Duration::from_millis(200))?;
    ensure!(
        (server.received(), replies) == (2_000, 2_000),
        "{} {replies}",
        server.received()
    );
    Ok(())
}

#[test]
fn the_replies_of_a_flood_are_all_lost_and_none_blocks() -> Result<()> {
    preflight::require()?;
    let lab = Topology::new()?;
    let daemon = Dockerd::start(&lab.srv)?;
    let server = UdpResponder::start(&lab.srv, (SRV, 5353).into())?;
    daemon.docker(&["network", "create", "--subnet=172.22.0.0/16", "collision"])?;
    let from = SocketAddr::from((PC, 41_000));
    let socket = peers::udp_send_exactly(&lab.pc, from, (SRV, 5353).into(), 1_000)?;
    server.wait_replied(1_000, SOON)?;
    let replies = peers::count_replies(&socket, Duration::from_millis(200))?;
    ensure!(replies == 0, "{replies} replies came through");
    Ok(())
}

//! As many packets are said to be lost as were lost: datagrams are sent by the piece.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::thread;

use anyhow::{Context, Result, ensure};
use bridgetrace_lab::docker::{BUSYBOX, bridge_name};
use bridgetrace_lab::peers::{self, UdpResponder};
use bridgetrace_lab::topology::{PC, SRV};
use bridgetrace_lab::{Process, Topology, preflight};
use serde_json::{Value, json};

use super::expect;
use super::stage::{SOON, Stage, at, evidence, holds, is_phase};

const SERVICE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(SRV), 5353);

/// The PC asks 200 times; the server answers each; none arrives.
#[test]
fn two_hundred_lost_datagrams_are_two_hundred() -> Result<()> {
    Stage::raise(&[])?.play(|stage| {
        let server = UdpResponder::start(&stage.lab.srv, SERVICE)?;
        let network = stage.collide()?;
        let socket = ask(stage, PC, 200)?;
        server.wait_replied(200, SOON)?;
        let last = stage.last_word()?;
        expect::pc_lost_in(&last, &network)?;
        counted(&last, 200, 1)?;
        holds(
            &last,
            &[
                ("network.transport", json!("udp")),
                ("source.port", json!(5353)),
                ("destination.port", json!(socket.local_addr()?.port())),
                ("process.pid", json!(std::process::id())),
            ],
        )?;
        ensure!(server.replied() == 200);
        ensure!(nothing_arrived(&socket)?);
        Ok(())
    })
}

/// Half of the datagrams are lost before the kernel gives up the neighbour, half after.
#[test]
fn the_neighbours_failure_loses_no_count() -> Result<()> {
    Stage::raise(&[])?.play(|stage| {
        let server = UdpResponder::start(&stage.lab.srv, SERVICE)?;
        stage.collide()?;
        let socket = ask(stage, PC, 100)?;
        server.wait_replied(100, SOON)?;
        stage.finding(|f| {
            evidence(f).contains(&"neighbour-failed") && evidence(f).contains(&"drop")
        })?;
        for number in 0..100_u32 {
            socket.send_to(&number.to_be_bytes(), SERVICE)?;
        }
        server.wait_replied(200, SOON)?;
        counted(&stage.last_word()?, 200, 1)
    })
}

/// Eight clients, 1,500 datagrams each: one incident, counted by client. Far more than a
/// neighbour's queue holds, and than events are reported.
#[test]
fn the_packets_of_many_victims_add_up() -> Result<()> {
    preflight::require()?;
    let peers: Vec<Ipv4Addr> = (1..=8)
        .map(|last| Ipv4Addr::new(172, 22, 30, last))
        .collect();
    let lab = Topology::builder().peers(peers.clone()).build()?;
    Stage::raise_in(lab, &[])?.play(|stage| {
        let server = UdpResponder::start(&stage.lab.srv, SERVICE)?;
        stage.collide()?;
        let mut sockets = Vec::new();
        // Never more under way than the queues between the machines hold.
        for (peer, replies) in peers.iter().cycle().zip(1..).take(8 * 5) {
            sockets.push(ask(stage, *peer, 300)?);
            server.wait_replied(replies * 300, SOON)?;
        }
        let last = stage.last_word()?;
        counted(&last, 12_000, 8)?;
        holds(&last, &[("bridgetrace.counts.flows", json!(40))])?;
        let each: Vec<Value> = peers
            .iter()
            .map(|peer| json!({"ip": peer.to_string(), "packets": 1_500}))
            .collect();
        holds(&last, &[("bridgetrace.victims", json!(each))])?;
        let opened = stage
            .findings()?
            .iter()
            .filter(|f| is_phase(f, "opened"))
            .count();
        ensure!(opened == 1, "{opened} incidents");
        ensure!(server.replied() == 12_000);
        for socket in &sockets {
            ensure!(nothing_arrived(socket)?);
        }
        Ok(())
    })
}

/// Four servers answer four clients at once, on whichever processors: every processor counts for
/// itself, one client's packets on several of them.
#[test]
fn counts_made_at_once_add_up() -> Result<()> {
    preflight::require()?;
    let peers: Vec<Ipv4Addr> = (1..=4)
        .map(|last| Ipv4Addr::new(172, 22, 30, last))
        .collect();
    let lab = Topology::builder().peers(peers.clone()).build()?;
    Stage::raise_in(lab, &[])?.play(|stage| {
        stage.collide()?;
        thread::scope(|scope| {
            let rounds = |port| {
                let (lab, peers) = (&stage.lab, &peers);
                scope.spawn(move || answer_all(lab, peers, (SRV, port).into()))
            };
            let servers: Vec<_> = (5001..=5004).map(rounds).collect();
            servers
                .into_iter()
                .try_for_each(|server| server.join().ok().context("a server panicked")?)
        })?;
        let last = stage.last_word()?;
        counted(&last, 4 * 4 * 10 * 250, 4)?;
        for (index, victim) in at(&last, "bridgetrace.victims")
            .as_array()
            .into_iter()
            .flatten()
            .enumerate()
        {
            ensure!(victim["packets"] == 10_000, "{index}: {victim}");
        }
        Ok(())
    })
}

/// Somebody throws the neighbour's entry away all the time: what waits for it dies with it, now and then while it is
/// being queued, or after it has found the entry and before it is queued. All are counted.
#[test]
fn an_entry_thrown_away_loses_no_count() -> Result<()> {
    Stage::raise(&[])?.play(|stage| {
        let server = UdpResponder::start(&stage.lab.srv, SERVICE)?;
        let network = stage.collide()?;
        // An entry that is gone already is an error to `ip`, and none here.
        let flush = format!("neigh flush to {PC} dev {}", bridge_name(&network));
        let throw = format!("exec ip -force -batch - < <(yes '{flush}') > /dev/null 2>&1");
        let mut thrower = stage.lab.srv.command("bash");
        thrower.args(["-c", &throw]);
        let mut thrower = Process::spawn(thrower)?;
        for round in 1..=40 {
            ask(stage, PC, 300)?;
            server.wait_replied(round * 300, SOON)?;
        }
        ensure!(
            thrower.exited()?.is_none(),
            "nobody throws it away any more"
        );
        counted(&stage.last_word()?, 12_000, 1)
    })
}

/// A server that answers ten times 250 datagrams of each client.
fn answer_all(lab: &Topology, clients: &[Ipv4Addr], address: SocketAddr) -> Result<()> {
    let server = UdpResponder::start(&lab.srv, address)?;
    for (client, replies) in clients.iter().cycle().zip(1..).take(10 * clients.len()) {
        peers::udp_send_exactly(&lab.pc, (*client, 0).into(), address, 250)?;
        server.wait_replied(replies * 250, SOON)?;
    }
    Ok(())
}

/// A container, allowed to cross bridges as docker by itself forbids, pings the PC meanwhile. That
/// goes into the same bridge and is lost as well, but is no reply of this host.
#[test]
fn what_a_container_sends_is_not_counted_among_the_replies() -> Result<()> {
    Stage::raise(&[])?.play(|stage| {
        stage.daemon.import_busybox()?;
        let server = UdpResponder::start(&stage.lab.srv, SERVICE)?;
        stage.collide()?;
        let _socket = ask(stage, PC, 50)?;
        server.wait_replied(50, SOON)?;
        let allow = [
            "iptables",
            "-I",
            "DOCKER-USER",
            "-i",
            "docker0",
            "-j",
            "ACCEPT",
        ];
        stage.lab.srv.run(&allow)?;
        let ping = ["ping", "-c3", "-W1", "172.22.10.119"];
        let answered = stage
            .daemon
            .docker(&[&["run", "--rm", BUSYBOX], &ping[..]].concat());
        ensure!(answered.is_err(), "the container got through");
        counted(&stage.last_word()?, 50, 1)
    })
}

/// Sends from any port of `client`, all within one flow.
fn ask(stage: &Stage, client: Ipv4Addr, count: u32) -> Result<UdpSocket> {
    peers::udp_send_exactly(&stage.lab.pc, (client, 0).into(), SERVICE, count)
}

fn counted(finding: &Value, packets: u32, remotes: u32) -> Result<()> {
    let counts = at(finding, "bridgetrace.counts");
    ensure!(
        counts["packets"] == packets && counts["remotes"] == remotes,
        "{packets} packets to {remotes} were lost, said is {counts} in\n{finding:#}"
    );
    holds(finding, &[("bridgetrace.lost_events", json!(0))])
}

fn nothing_arrived(socket: &UdpSocket) -> Result<bool> {
    socket.set_nonblocking(true)?;
    Ok(socket.recv(&mut [0; 64]).is_err())
}

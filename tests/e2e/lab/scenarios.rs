//! Every scenario loses what it claims to lose, and nothing before.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use bridgetrace_lab::peers::{self, EchoServer, UdpResponder};
use bridgetrace_lab::scenario::{self, PUBLISHED};
use bridgetrace_lab::topology::{PC, SRV, STRICT};
use bridgetrace_lab::{Dockerd, Service, Topology, WorldDump, preflight, wait_for};

const SOON: Duration = Duration::from_secs(10);
const MOMENT: Duration = Duration::from_millis(500);

/// A lab whose daemon has its busybox, lived through by `body`.
fn play(lab: &Topology, body: impl FnOnce(&mut Dockerd) -> Result<()>) -> Result<()> {
    let mut daemon = Dockerd::start(&lab.srv)?;
    let world = WorldDump::new(&lab.namespaces(), Some(&daemon));
    daemon.import_busybox()?;
    world.on_error(|| body(&mut daemon))
}

#[test]
fn the_reply_of_a_published_port_dies_between_two_networks() -> Result<()> {
    preflight::require()?;
    let lab = Topology::new()?;
    play(&lab, |daemon| {
        scenario::published_echo(daemon)?;
        let from = SocketAddr::from((PC, 0));
        let mut held = peers::connect(&lab.pc, from, PUBLISHED)?;
        peers::echo(&mut held, b"before", SOON)?;
        scenario::collide(daemon)?;
        ensure!(peers::echo(&mut held, b"during", MOMENT).is_err());
        ensure!(peers::connect(&lab.pc, from, PUBLISHED).is_err());
        ensure!(isolated(&lab)? > 0, "docker's isolation dropped nothing");
        daemon.remove_network(scenario::COLLIDING)?;
        let connect = || peers::connect(&lab.pc, from, PUBLISHED).ok();
        wait_for("new connections", SOON, connect).map(drop)
    })
}

#[test]
fn a_container_cannot_reach_what_another_network_covers() -> Result<()> {
    preflight::require()?;
    let lab = Topology::new()?;
    play(&lab, |daemon| {
        let bystander = scenario::bystander(daemon)?;
        let _server = EchoServer::start(&lab.pc, (PC, 7).into())?;
        ensure!(bystander.reaches(PC) && bystander.connects((PC, 7)));
        scenario::collide(daemon)?;
        ensure!(!bystander.reaches(PC) && !bystander.connects((PC, 7)));
        ensure!(isolated(&lab)? > 0, "docker's isolation dropped nothing");
        daemon.remove_network(scenario::COLLIDING)?;
        ensure!(bystander.reaches(PC) && bystander.connects((PC, 7)));
        Ok(())
    })
}

#[test]
fn a_container_inside_the_network_loses_the_pc_in_its_own_namespace() -> Result<()> {
    preflight::require()?;
    let lab = Topology::new()?;
    play(&lab, |daemon| {
        scenario::collide(daemon)?;
        let inside = Service::idle("inside")
            .network(scenario::COLLIDING)
            .run(daemon)?;
        ensure!(!inside.reaches(PC));
        let show = ["ip", "neighbour", "show", "to", &PC.to_string()];
        let entry = inside.netns()?.run(&show)?;
        ensure!(
            entry.contains("dev eth0"),
            "not asked for on its LAN: {entry:?}"
        );
        ensure!(lab.srv.run(&show)?.is_empty(), "the host asked");
        Ok(())
    })
}

/// Packets that docker's isolation has dropped.
fn isolated(lab: &Topology) -> Result<u64> {
    let chain = "DOCKER-ISOLATION-STAGE-2";
    let rules = lab.srv.run(&["iptables", "-nvxL", chain])?;
    let drops = rules.lines().filter(|rule| rule.contains(" DROP "));
    drops
        .map(|rule| {
            let packets = rule.split_whitespace().next().context("an empty rule")?;
            packets.parse::<u64>().context(rule.to_owned())
        })
        .sum()
}

#[test]
fn a_container_with_the_address_of_the_pc_resets_its_connections() -> Result<()> {
    preflight::require()?;
    let lab = Topology::new()?;
    play(&lab, |daemon| {
        let listener = lab.srv.enter(|| TcpListener::bind((SRV, 7)))??;
        let mut held = peers::connect(&lab.pc, (PC, 0).into(), (SRV, 7).into())?;
        let (mut server, _) = listener.accept()?;
        scenario::collide(daemon)?;
        scenario::usurp(daemon)?;
        // The server thinks that the PC has hung up …
        let Err(error) = peers::echo(&mut server, b"hello?", SOON) else {
            bail!("the usurper answers");
        };
        let kind = error
            .downcast_ref::<std::io::Error>()
            .map(std::io::Error::kind);
        ensure!(kind == Some(ErrorKind::ConnectionReset), "{error:#}");
        // … which waits for ever.
        ensure!(peers::echo(&mut held, b"still there?", MOMENT).is_err());
        ensure!(peers::connect(&lab.pc, (PC, 0).into(), (SRV, 7).into()).is_err());
        Ok(())
    })
}

#[test]
fn a_strict_reverse_path_filter_drops_the_request_itself() -> Result<()> {
    preflight::require()?;
    let lab = Topology::builder().rp_filter(STRICT).build()?;
    play(&lab, |daemon| {
        let server = UdpResponder::start(&lab.srv, (SRV, 5353).into())?;
        let ask = || peers::udp_send_exactly(&lab.pc, (PC, 0).into(), (SRV, 5353).into(), 10);
        ask()?;
        server.wait_replied(10, SOON)?;
        let filtered = || lab.srv.counter("TcpExt", "IPReversePathFilter");
        let before = filtered()?;
        scenario::collide(daemon)?;
        ask()?;
        wait_for("the filter to drop", SOON, || {
            filtered()
                .map(|now| (now >= before + 10).then_some(()))
                .transpose()
        })??;
        ensure!(
            server.received() == 10,
            "{} came through",
            server.received()
        );
        Ok(())
    })
}

#[test]
fn a_daemon_without_memory_makes_the_same_route_twice() -> Result<()> {
    preflight::require()?;
    let lab = Topology::new()?;
    play(&lab, |daemon| {
        let subnet = "10.201.1.0/24";
        let loss = scenario::lose_state(daemon, "apps", subnet)?;
        let routes = lab.srv.run(&["ip", "route", "show", subnet])?;
        let devices = [&loss.orphan, &loss.successor];
        let found: Vec<_> = routes.lines().collect();
        ensure!(found.len() == 2, "{routes}");
        ensure!(
            found
                .iter()
                .zip(devices)
                .all(|(r, d)| r.contains(d.as_str())),
            "{routes}"
        );
        let orphans = scenario::orphaned_bridges(&lab.srv, daemon)?;
        ensure!(orphans == std::slice::from_ref(&loss.orphan), "{orphans:?}");
        daemon.import_busybox()?;
        let echo = Service::echo("echo", 7).network("apps").run(daemon)?;
        let address = echo.address("apps")?;
        ensure!(
            !peers::reachable(&lab.srv, address)?,
            "the new container answers"
        );
        lab.srv.ip(&format!("link set {} down", loss.orphan))?;
        ensure!(
            peers::reachable(&lab.srv, address)?,
            "the orphan was not to blame"
        );
        Ok(())
    })
}

//! The life of an incident: opened, updated, resolved, and another one when it comes back.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context, Result, ensure};
use bridgetrace_lab::peers::{self, EchoServer};
use bridgetrace_lab::topology::{PC, SRV};
use bridgetrace_lab::{Dockerd, Topology, preflight, wait_until};
use serde_json::{Value, json};

use super::expect;
use super::stage::{NETWORK, SOON, Stage, at, holds, is_phase, trace};

const COLLEAGUE: Ipv4Addr = Ipv4Addr::new(172, 22, 10, 120);

/// The PC pings, then a colleague; then the network is removed and both get through.
#[test]
fn the_end_of_the_network_is_the_end_of_the_outage() -> Result<()> {
    preflight::require()?;
    let lab = Topology::builder().peer(COLLEAGUE).build()?;
    Stage::raise_in(lab, &[])?.play(|stage| {
        let network = stage.collide()?;
        peers::ping(&stage.lab.pc, SRV, 1)?;
        let opened = stage.finding(|f| is_phase(f, "opened"))?;
        expect::pc_lost_in(&opened, &network)?;
        let id = expect::id(&opened)?;
        peers::ping_from(&stage.lab.pc, COLLEAGUE, SRV, 1)?;
        let updated = stage.finding(|f| at(f, "bridgetrace.counts.remotes") == 2)?;
        holds(
            &updated,
            &[
                ("bridgetrace.finding.phase", json!("updated")),
                ("bridgetrace.finding.id", json!(id)),
                ("bridgetrace.counts.packets", json!(2)),
            ],
        )?;
        stage.daemon.docker(&["network", "rm", NETWORK])?;
        for client in [PC, COLLEAGUE] {
            ensure!(peers::reachable_from(&stage.lab.pc, client, SRV)?);
        }
        let resolved = stage.phase(&id, "resolved")?;
        // Told whole, though the bridge and the network are gone.
        holds(
            &resolved,
            &[
                (
                    "observer.egress.interface.name",
                    at(&opened, "observer.egress.interface.name").clone(),
                ),
                ("bridgetrace.docker_network.id", json!(network)),
                ("bridgetrace.counts.packets", json!(2)),
                ("bridgetrace.counts.remotes", json!(2)),
                ("event.start", at(&opened, "event.start").clone()),
            ],
        )?;
        ensure!(at(&resolved, "event.end").is_string(), "{resolved:#}");
        let last = stage.last_word()?;
        ensure!(is_phase(&last, "resolved"), "{last:#}");
        lived_in_order(&stage.findings()?)
    })
}

/// A host route by hand heals; without it the outage is back, as another incident.
#[test]
fn an_outage_that_comes_back_is_another_incident() -> Result<()> {
    Stage::raise(&[])?.play(|stage| {
        let network = stage.collide()?;
        peers::ping(&stage.lab.pc, SRV, 1)?;
        let first = stage.finding(|f| is_phase(f, "opened"))?;
        let route = "172.22.10.119/32 via 172.42.10.1 dev eno8303";
        stage.lab.srv.ip(&format!("route add {route}"))?;
        ensure!(peers::reachable(&stage.lab.pc, SRV)?);
        let resolved = stage.phase(&expect::id(&first)?, "resolved")?;
        let reason = at(&resolved, "event.reason")
            .as_str()
            .context("no reason")?;
        ensure!(
            reason.starts_with("Replies reach 172.22.10.119 again"),
            "{reason}"
        );
        holds(&resolved, &[("bridgetrace.counts.packets", json!(1))])?;

        stage.lab.srv.ip(&format!("route del {route}"))?;
        peers::ping(&stage.lab.pc, SRV, 1)?;
        let id = expect::id(&first)?;
        let second = stage
            .finding(|f| is_phase(f, "opened") && at(f, "bridgetrace.finding.id") != id.as_str())?;
        expect::pc_lost_in(&second, &network)?;
        expect::proven_by(&second, &["route-into-bridge", "ingress-asymmetry"])?;
        // What was lost before belongs to the first.
        holds(&second, &[("bridgetrace.counts.packets", json!(1))])?;
        let last = stage.last_words()?;
        ensure!(last.len() == 2, "{last:#?}");
        Ok(())
    })
}

/// The network is removed and nobody sends any more: the end is told all the same.
#[test]
fn an_outage_that_nobody_feels_any_more_ends_too() -> Result<()> {
    Stage::raise(&[])?.play(|stage| {
        stage.collide()?;
        peers::ping(&stage.lab.pc, SRV, 1)?;
        let opened = stage.finding(|f| is_phase(f, "opened"))?;
        stage.daemon.docker(&["network", "rm", NETWORK])?;
        let resolved = stage.phase(&expect::id(&opened)?, "resolved")?;
        let reason = at(&resolved, "event.reason")
            .as_str()
            .context("no reason")?;
        ensure!(reason.contains("none was sent since"), "{reason}");
        Ok(())
    })
}

/// The connection is older than the network, the network older than the tracer, and the client
/// has been repeating itself for a while when the tracer starts.
#[test]
fn an_outage_already_under_way_is_explained() -> Result<()> {
    preflight::require()?;
    let lab = Topology::new()?;
    let daemon = Dockerd::start(&lab.srv)?;
    let _server = EchoServer::start(&lab.srv, (SRV, 7).into())?;
    let from = SocketAddr::from((PC, 40_022));
    let mut client = peers::connect(&lab.pc, from, (SRV, 7).into())?;
    peers::echo(&mut client, b"before", SOON)?;
    let network = daemon.docker(&["network", "create", "--subnet=172.22.0.0/16", NETWORK])?;
    client.write_all(b"during")?;
    wait_until("a repetition", SOON, || {
        let sockets = lab.pc.run(&["ss", "-Htino", "dport = :7"])?;
        Ok(sockets.contains("backoff:2"))
    })?;
    let tracer = trace(&lab.srv, &daemon, &[])?;
    let mut stage = Stage {
        lab,
        daemon,
        tracer,
    };
    stage.play(|stage| {
        let opened = stage.finding(|f| is_phase(f, "opened"))?;
        expect::pc_lost_in(&opened, &network)?;
        holds(
            &opened,
            &[
                ("source.port", json!(7)),
                ("destination.port", json!(40_022)),
            ],
        )?;
        let id = expect::id(&opened)?;
        let confirmed = stage.confirmed(&id)?;
        expect::proven_by(&confirmed, &["route-into-bridge", "no-such-endpoint"])?;
        let named = stage.named(&id)?;
        holds(&named, &[("process.pid", json!(std::process::id()))])?;
        stage.daemon.docker(&["network", "rm", NETWORK])?;
        stage.phase(&id, "resolved")?;
        Ok(())
    })
}

/// One id; opened first, resolved last, in ascending order.
fn lived_in_order(lines: &[Value]) -> Result<()> {
    let [first, .., last] = lines else {
        anyhow::bail!("{} lines", lines.len());
    };
    ensure!(is_phase(first, "opened") && is_phase(last, "resolved"));
    for pair in lines.windows(2) {
        ensure!(expect::id(&pair[0])? == expect::id(&pair[1])?);
        let sequence = |line: &Value| at(line, "event.sequence").as_u64();
        ensure!(sequence(&pair[0]) < sequence(&pair[1]), "{pair:#?}");
        ensure!(!is_phase(&pair[1], "opened") && !is_phase(&pair[0], "resolved"));
    }
    Ok(())
}

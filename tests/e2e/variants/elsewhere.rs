//! The outage is in another namespace than the tracer's.

use anyhow::{Context, Result, ensure};
use bridgetrace_lab::peers::{self, UdpResponder};
use bridgetrace_lab::topology::SRV;
use bridgetrace_lab::{Dockerd, Netns, Topology, Tracer, preflight, showcase};
use serde_json::{Value, json};

use super::scene::{collide_and_ping, host_route_works};
use crate::outage::expect;
use crate::outage::stage::{NETWORK, SOON, Stage, at, holds, is_phase, trace};

fn owner(netns: &Netns) -> Value {
    json!(format!("netns {}", netns.name()))
}

/// What `pc_lost_in` says, for a namespace that is not the tracer's own.
fn is_told_of(stage: &mut Stage) -> Result<Value> {
    let (network, opened) = collide_and_ping(stage)?;
    expect::should_leave_by(&opened, "eno8303")?;
    let confirmed = stage.confirmed(&expect::id(&opened)?)?;
    expect::proven_by(&confirmed, &["route-into-bridge", "no-such-endpoint"])?;
    holds(
        &opened,
        &[
            ("event.action", json!("reply-blackhole")),
            ("bridgetrace.netns.owner", owner(&stage.lab.srv)),
            ("bridgetrace.docker_network.id", json!(network)),
            ("bridgetrace.docker_network.name", json!(NETWORK)),
            ("bridgetrace.bridge.owner", json!("docker")),
            ("source.ip", json!("172.42.10.112")),
            ("destination.ip", json!("172.22.10.119")),
        ],
    )?;
    let command = expect::remedy(&opened, "host-route", "command")?;
    ensure!(
        command.starts_with("nsenter ") && command.contains(stage.lab.srv.name()),
        "{command}"
    );
    host_route_works(stage, &opened)?;
    Ok(confirmed)
}

#[test]
fn a_tracer_on_the_router_tells_of_the_server() -> Result<()> {
    preflight::require()?;
    let lab = Topology::new()?;
    let daemon = Dockerd::start(&lab.srv)?;
    let tracer = trace(&lab.router, &daemon, &[])?;
    let mut stage = Stage {
        lab,
        daemon,
        tracer,
    };
    let told = stage.play(is_told_of)?;
    showcase::show("another network namespace, told of from outside", &told)
}

#[test]
fn a_tracer_in_a_namespace_of_its_own_tells_of_the_server() -> Result<()> {
    preflight::require()?;
    let lab = Topology::new()?;
    let own = Netns::new("tracer")?;
    let daemon = Dockerd::start(&lab.srv)?;
    let tracer = trace(&own, &daemon, &[])?;
    let mut stage = Stage {
        lab,
        daemon,
        tracer,
    };
    stage.play(is_told_of).map(drop)
}

/// The process that answers lives in the other namespace too.
#[test]
fn the_process_in_the_other_namespace_is_named() -> Result<()> {
    preflight::require()?;
    let lab = Topology::new()?;
    let daemon = Dockerd::start(&lab.srv)?;
    let tracer = trace(&lab.router, &daemon, &[])?;
    let mut stage = Stage {
        lab,
        daemon,
        tracer,
    };
    stage.play(|stage| {
        let server = UdpResponder::start(&stage.lab.srv, (SRV, 5353).into())?;
        stage.collide()?;
        let from = (bridgetrace_lab::topology::PC, 0).into();
        peers::udp_send_exactly(&stage.lab.pc, from, (SRV, 5353).into(), 3)?;
        server.wait_replied(3, SOON)?;
        let opened = stage.finding(|f| is_phase(f, "opened"))?;
        let named = stage.named(&expect::id(&opened)?)?;
        holds(
            &named,
            &[
                ("process.pid", json!(std::process::id())),
                ("bridgetrace.netns.owner", owner(&stage.lab.srv)),
            ],
        )
    })
}

/// Two servers with the same addresses, each with its daemon and the same network: two outages,
/// each told with its own.
#[test]
fn two_daemons_in_two_namespaces_are_not_mixed_up() -> Result<()> {
    preflight::require()?;
    let labs = [Topology::new()?, Topology::new()?];
    let daemons = [Dockerd::start(&labs[0].srv)?, Dockerd::start(&labs[1].srv)?];
    let own = Netns::new("tracer")?;
    let endpoints = [daemons[0].endpoint(), daemons[1].endpoint()];
    let mut arguments = vec!["--format", "jsonl"];
    for endpoint in &endpoints {
        arguments.extend(["--docker-host", endpoint.as_str()]);
    }
    let mut tracer = Tracer::start(&own, &arguments)?;
    tracer.wait_ready()?;
    let mut networks = Vec::new();
    for daemon in &daemons {
        // One bridge name in both, which only the namespace tells apart.
        networks.push(daemon.docker(&[
            "network",
            "create",
            "--subnet=172.22.0.0/16",
            "--opt=com.docker.network.bridge.name=corp0",
            NETWORK,
        ])?);
    }
    for (index, lab) in labs.iter().enumerate() {
        ensure!(!peers::reachable(&lab.pc, SRV)?);
        let (opened, _) = tracer
            .wait_line(SOON, |f| {
                at(f, "bridgetrace.netns.inum") == lab.srv.inum() && is_phase(f, "opened")
            })
            .with_context(|| format!("server {index}"))?;
        holds(
            &opened,
            &[
                ("bridgetrace.netns.owner", owner(&lab.srv)),
                ("bridgetrace.docker_network.id", json!(networks[index])),
                ("bridgetrace.docker_network.daemon", json!(endpoints[index])),
                ("bridgetrace.counts.packets", json!(1)),
            ],
        )?;
    }
    Ok(())
}

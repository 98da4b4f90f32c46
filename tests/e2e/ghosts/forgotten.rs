//! A daemon that comes back under another data root: its bridges live on, and nobody knows them.

use anyhow::{Result, ensure};
use bridgetrace_lab::docker::bridge_name;
use bridgetrace_lab::scenario::orphaned_bridges;
use bridgetrace_lab::topology::SRV;
use bridgetrace_lab::{Dockerd, Service, Topology, peers, preflight};
use serde_json::json;

use super::scene::{has_link, is_ghost, refuses, type_in, type_into, typed};
use crate::check::look::Look;
use crate::outage::expect;
use crate::outage::stage::{Stage, at, evidence, holds, is_phase, trace};

#[test]
fn bridges_that_a_daemon_forgot_are_told_and_removed_by_the_printed_commands() -> Result<()> {
    preflight::require()?;
    let lab = Topology::new()?;
    let daemon = Dockerd::start(&lab.srv)?;
    let victim = bridge_name(&daemon.create_network("apps", &["172.22.0.0/16"])?);
    let other = bridge_name(&daemon.create_network("other", &["10.201.1.0/24"])?);
    let tracer = trace(&lab.srv, &daemon, &[])?;
    let mut stage = Stage {
        lab,
        daemon,
        tracer,
    };
    stage.play(|stage| {
        // Somebody is on it until the daemon ends.
        stage.daemon.import_busybox()?;
        Service::idle("web").network("apps").run(&stage.daemon)?;
        let forgetful = stage.daemon.options().data_root("amnesia");
        stage.daemon.restart_with(forgetful)?;
        let told = stage.state(|f| {
            is_ghost(f, "unknown-bridge") && at(f, "bridgetrace.bridge.name") == victim.as_str()
        })?;
        holds(
            &told,
            &[
                ("bridgetrace.finding.phase", json!("opened")),
                ("bridgetrace.finding.verdict", json!("confirmed")),
                ("bridgetrace.bridge.carrier", json!(false)),
                ("bridgetrace.ghost.holds", json!(["172.22.0.0/16"])),
                ("bridgetrace.ghost.leftovers.0.type", json!("bridge")),
                ("bridgetrace.ghost.leftovers.0.name", json!(victim)),
                (
                    "bridgetrace.ghost.creator",
                    json!("docker, for network apps"),
                ),
            ],
        )?;
        let mut kinds = evidence(&told);
        kinds.retain(|kind| *kind != "kernel-log");
        ensure!(kinds == ["ghost-bridge", "link-change"], "{told:#}");
        the_kernels_log_tells_of_its_port(&told, &victim)?;

        // What it swallows is counted, and is gone with it.
        ensure!(peers::ping(&stage.lab.pc, SRV, 1)?.received == 0);
        let command = typed(&told, "command")?;
        type_into(&stage.lab.srv, "bash", &command)?;
        ensure!(!has_link(&stage.lab.srv, &victim), "{command}");
        ensure!(peers::ping(&stage.lab.pc, SRV, 1)?.received == 1);
        let id = expect::id(&told)?;
        let over = |f: &serde_json::Value| {
            at(f, "bridgetrace.finding.id") == id.as_str() && is_phase(f, "resolved")
        };
        stage.state(over)?;
        is_taken_back(stage, &told)?;
        the_other_is_left_alone_while_in_use(stage, &other)
    })
}

/// The container's port went from the bridge, and the kernel said so.
fn the_kernels_log_tells_of_its_port(told: &serde_json::Value, bridge: &str) -> Result<()> {
    let pieces = at(told, "bridgetrace.evidence").as_array();
    let pieces = pieces.into_iter().flatten();
    let lines = pieces.filter(|piece| piece["kind"] == "kernel-log");
    let lines: Vec<_> = lines
        .filter_map(|piece| piece["detail"]["text"].as_str())
        .collect();
    let is_end = |line: &&str| line.contains(bridge) && line.ends_with("entered disabled state");
    ensure!(
        (1..=3).contains(&lines.len()) && lines.iter().any(is_end),
        "{told:#}"
    );
    Ok(())
}

/// The undo brings the ghost back as it was.
fn is_taken_back(stage: &Stage, told: &serde_json::Value) -> Result<()> {
    type_in(&stage.lab.srv, &typed(told, "undo")?)?;
    ensure!(peers::ping(&stage.lab.pc, SRV, 1)?.received == 0);
    type_in(&stage.lab.srv, &typed(told, "command")?)
}

/// A single look tells the same, and its command looks again before it acts.
fn the_other_is_left_alone_while_in_use(stage: &mut Stage, other: &str) -> Result<()> {
    let endpoint = stage.daemon.client().endpoint();
    let look = |stage: &Stage| Look::at(&stage.lab.srv, &["--docker-host", &endpoint]);
    let found = look(stage)?;
    found.ended(1)?;
    let [told] = found.findings.as_slice() else {
        anyhow::bail!("{found:#?}");
    };
    ensure!(
        is_ghost(told, "unknown-bridge") && found.summary["ghosts"] == 1,
        "{found:#?}"
    );
    let command = typed(told, "command")?;

    // Somebody is on it.
    stage.lab.srv.ip(&format!(
        "link add port0 type veth peer name port1\nlink set port0 master {other}\n"
    ))?;
    refuses(&stage.lab.srv, &command)?;
    stage.lab.srv.ip("link del port0\n")?;
    // The daemon cannot be asked.
    stage.daemon.stop()?;
    refuses(&stage.lab.srv, &command)?;
    // The daemon has found its state again.
    let found_again = stage.daemon.options().data_root("data");
    stage.daemon.restart_with(found_again)?;
    refuses(&stage.lab.srv, &command)?;
    ensure!(has_link(&stage.lab.srv, other));

    let forgetful = stage.daemon.options().data_root("amnesia");
    stage.daemon.restart_with(forgetful)?;
    // Its old state had the first network too, and made its bridge anew.
    for told in look(stage)?.findings {
        type_in(&stage.lab.srv, &typed(&told, "command")?)?;
    }
    let left = orphaned_bridges(&stage.lab.srv, &stage.daemon)?;
    ensure!(left.is_empty(), "{left:?}");
    look(stage)?.ended(0)
}

//! Names are chosen by whoever may run a container. None reaches a terminal or a shell alive.

use anyhow::{Context, Result, ensure};
use bridgetrace_lab::tracer::Line;
use bridgetrace_lab::{Dockerd, Topology, Tracer, peers, preflight, topology::SRV, wait_for};
use serde_json::json;

use super::scene::{host_route_works, ping_and_find};
use crate::outage::expect;
use crate::outage::stage::{NETWORK, SOON, Stage, at, holds};

/// A screen is wiped, a title set, a line forged, text turned around.
const PROJECT: &str =
    "x\u{1b}[2J\u{1b}]0;owned\u{7}\r\nroot# \u{202e}gnp.exe $(touch owned) `id` ';--";
const BRIDGE: &str = "b$(id)';x";

fn create(daemon: &Dockerd) -> Result<String> {
    let label = format!("--label=com.docker.compose.project={PROJECT}");
    let folder = "--label=com.docker.compose.project.working_dir=/x;reboot\n\u{1b}[31m";
    let service = "--label=com.docker.compose.network=$(reboot)";
    let name = format!("--opt=com.docker.network.bridge.name={BRIDGE}");
    let subnet = "--subnet=172.22.0.0/16";
    daemon.docker(&[
        "network", "create", subnet, &label, folder, service, &name, NETWORK,
    ])
}

/// Told as it is, and the command that names the bridge's world works.
#[test]
fn hostile_labels_are_told_as_they_are() -> Result<()> {
    Stage::raise(&[])?.play(|stage| {
        let network = create(&stage.daemon)?;
        let opened = ping_and_find(stage)?;
        expect::pc_lost_in_bridge(&opened, &network, BRIDGE)?;
        holds(
            &opened,
            &[("bridgetrace.docker_network.compose_project", json!(PROJECT))],
        )?;
        let remedies = at(&opened, "bridgetrace.remedies").as_array();
        for remedy in remedies.context("no remedies")? {
            for part in ["command", "undo"] {
                let text = remedy[part].as_str().unwrap_or_default();
                let odd = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
                ensure!(!text.contains(odd), "{part} of {remedy:#}");
                is_shell(text).with_context(|| format!("{part} of {remedy:#}"))?;
            }
        }
        host_route_works(stage, &opened)
    })
}

/// A shell reads the text and runs nothing of it: quotes are even, nothing is substituted.
fn is_shell(text: &str) -> Result<()> {
    let mut bash = std::process::Command::new("bash");
    bridgetrace_lab::process::output(bash.args(["-n", "-c", text])).map(drop)
}

/// On a terminal nothing but text, new lines and our own colours.
#[test]
fn hostile_labels_do_nothing_to_a_terminal() -> Result<()> {
    preflight::require()?;
    let lab = Topology::new()?;
    let daemon = Dockerd::start(&lab.srv)?;
    let endpoint = daemon.endpoint();
    let arguments = ["--format", "human", "--docker-host", &endpoint];
    let mut tracer = Tracer::start(&lab.srv, &arguments)?;
    // For people the banner is part of the output.
    let shown = |tracer: &Tracer, what: &str| {
        let lines = tracer.lines();
        lines.iter().any(|line| line.text.contains(what))
    };
    wait_for("the banner", SOON, || {
        shown(&tracer, "watching").then_some(())
    })?;
    create(&daemon)?;
    ensure!(!peers::reachable(&lab.pc, SRV)?);
    wait_for("the finding", SOON, || {
        shown(&tracer, NETWORK).then_some(())
    })?;
    tracer.terminate()?;
    let Line { text, .. } = tracer
        .lines()
        .into_iter()
        .reduce(|mut all, line| {
            all.text.push('\n');
            all.text.push_str(&line.text);
            all
        })
        .context("nothing was said")?;
    let odd = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
    ensure!(!text.contains(odd), "{text:?}");
    Ok(())
}

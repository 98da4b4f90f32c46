//! What the suites share: the I-1 topology with one more machine outside, and remedies typed in.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use bridgetrace_lab::dockerd::Options;
use bridgetrace_lab::process::output;
use bridgetrace_lab::topology::Builder;
use bridgetrace_lab::{Dockerd, Netns, Process, Topology, peers, preflight};
use serde_json::{Value, json};

use crate::outage::expect;
use crate::outage::stage::{NETWORK, Stage, at, holds, trace};

/// A machine outside, behind the router: what a company has of registries and git servers. I-1's
/// network covers it.
pub(super) const MACHINE: Ipv4Addr = Ipv4Addr::new(172, 22, 7, 7);
/// Where git is served in plain (`git://`).
pub(super) const GIT: SocketAddr = SocketAddr::new(IpAddr::V4(MACHINE), 9418);

/// A stage whose daemon has its busybox.
pub(super) fn raise() -> Result<Stage> {
    raise_with(Options::new())
}

/// [`raise`] with a daemon as `options` say.
pub(super) fn raise_with(options: Options) -> Result<Stage> {
    raise_on(Topology::builder(), options)
}

/// As [`raise_with`], on this topology.
pub(super) fn raise_on(topology: Builder, options: Options) -> Result<Stage> {
    preflight::require()?;
    // Another lab with a bridge in the same range makes the kernel half remember who came in before.
    bridgetrace_lab::alone();
    let lab = topology.peer(MACHINE).build()?;
    let daemon = Dockerd::start_with(&lab.srv, options)?;
    daemon.import_busybox()?;
    ensure!(
        peers::reachable(&lab.srv, MACHINE)?,
        "the machine is not there before the outage"
    );
    let tracer = trace(&lab.srv, &daemon, &[])?;
    Ok(Stage {
        lab,
        daemon,
        tracer,
    })
}

/// A command of the server's that says nothing, held.
pub(super) fn start(mut command: Command) -> Result<Process> {
    command.stdin(Stdio::null());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    Process::spawn(command)
}

/// Whether a connection is made within a few seconds.
pub(super) fn connects(netns: &Netns, to: SocketAddr) -> bool {
    let any = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    peers::connect(netns, any, to).is_ok()
}

/// What every line says of packets to `remote` that are lost as `kind` in I-1's network.
pub(super) fn lost(finding: &Value, kind: &str, network: &str, remote: Ipv4Addr) -> Result<()> {
    let bridge = bridgetrace_lab::docker::bridge_name(network);
    holds(
        finding,
        &[
            ("event.action", json!(kind)),
            ("event.kind", json!("alert")),
            ("event.outcome", json!("failure")),
            ("destination.ip", json!(remote.to_string())),
            ("network.name", json!(NETWORK)),
            ("observer.egress.interface.name", json!(bridge)),
            ("bridgetrace.netns.owner", json!("host")),
            ("bridgetrace.route.prefix", json!("172.22.0.0/16")),
            ("bridgetrace.route.device", json!(bridge)),
            ("bridgetrace.docker_network.id", json!(network)),
            ("bridgetrace.counts.remotes", json!(1)),
            ("bridgetrace.lost_events", json!(0)),
        ],
    )?;
    expect::should_leave_by(finding, "eno8303")
}

/// Whether the sentence of a finding holds these words.
pub(super) fn says(finding: &Value, words: &str) -> bool {
    let reason = finding["event"]["reason"].as_str();
    reason.is_some_and(|reason| reason.contains(words))
}

/// Told of as something that may be outside: suspected, and never more than that so far.
pub(super) fn is_only_suspected(stage: &Stage, finding: &Value) -> Result<()> {
    ensure!(
        says(finding, "if it is a machine outside this host"),
        "too sure: {finding:#}"
    );
    let id = expect::id(finding)?;
    for said in stage.findings()? {
        if at(&said, "bridgetrace.finding.id") == id.as_str() {
            holds(
                &said,
                &[("bridgetrace.finding.verdict", json!("suspected"))],
            )?;
        }
    }
    Ok(())
}

/// Types in the host route of a finding: what did not work does, the outage is over, and the undo
/// brings it back.
pub(super) fn host_route_works(
    stage: &mut Stage,
    finding: &Value,
    works: impl Fn(&Stage) -> bool,
) -> Result<()> {
    ensure!(!works(stage), "nothing is lost");
    let command = expect::remedy(finding, "host-route", "command")?;
    type_in(stage, &command)?;
    ensure!(works(stage), "no better after {command}");
    stage.phase(&expect::id(finding)?, "resolved")?;
    let undo = expect::remedy(finding, "host-route", "undo")?;
    type_in(stage, &undo)?;
    ensure!(!works(stage), "no worse after {undo}");
    Ok(())
}

/// Runs a command in a shell of the server.
pub(super) fn type_in(stage: &Stage, command: &str) -> Result<String> {
    let mut shell = stage.lab.srv.command("sh");
    output(shell.args(["-c", command])).with_context(|| format!("type in {command}"))
}

//! What these tests share: the binary as a plain command, and the outage of I-1.

use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;
use std::{env, fs, io};

use anyhow::{Context, Result, ensure};
use bridgetrace_lab::{Dockerd, Netns, Process, Topology, Tracer, WorldDump, names, peers};
use bridgetrace_lab::{preflight, topology::SRV, tracer, wait_for};
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::outage::stage::NETWORK;

/// Long enough for everything that is not measured.
pub(super) const SOON: Duration = Duration::from_secs(20);
/// What the contract allows an end to take.
pub(super) const SECOND: Duration = Duration::from_secs(1);
/// Nobody will ever listen here.
pub(super) const ABSENT: &str = "unix:///nonexistent/docker.sock";

/// `bridgetrace` with these arguments, behind `wrapper`, which runs what follows it.
pub(super) fn bridgetrace(wrapper: &[&str], arguments: &[&str]) -> Result<Command> {
    let binary = tracer::binary()?;
    let mut command = match wrapper {
        [] => Command::new(binary),
        [program, rest @ ..] => {
            let mut command = Command::new(program);
            command.args(rest).arg(binary);
            command
        }
    };
    command
        .args(arguments)
        .env_remove("DOCKER_HOST")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    Ok(command)
}

/// The words of a wrapper that runs what follows it in `netns`.
pub(super) fn inside(netns: &Netns) -> [String; 2] {
    [
        "nsenter".into(),
        format!("--net={}", netns.path().display()),
    ]
}

/// What a command left behind.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

/// Runs a command whose output fits into a pipe to its end.
pub(super) fn run(command: Command) -> Result<Ended> {
    let mut process = Process::spawn(command)?;
    let status = process.wait(SOON)?;
    let child = process.child();
    Ok(Ended {
        status,
        stdout: child
            .stdout
            .take()
            .map_or(Ok(String::new()), io::read_to_string)?,
        stderr: child
            .stderr
            .take()
            .map_or(Ok(String::new()), io::read_to_string)?,
    })
}

/// The server of I-1 with a daemon that made the swallowing network.
pub(super) struct Scene {
    pub(super) lab: Topology,
    pub(super) daemon: Dockerd,
}

impl Scene {
    /// The topology and a daemon; no network yet.
    pub(super) fn raise() -> Result<Self> {
        preflight::require()?;
        let lab = Topology::new()?;
        let daemon = Dockerd::start(&lab.srv)?;
        Ok(Self { lab, daemon })
    }

    /// Runs the body of a test; prints the world if it fails.
    pub(super) fn play<T>(&mut self, body: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let world = WorldDump::new(&self.lab.namespaces(), Some(&self.daemon));
        world.on_error(|| body(self))
    }

    /// Makes I-1's network and returns its id: from now on replies to the PC are lost.
    pub(super) fn collide(&self) -> Result<String> {
        let create = ["network", "create", "--subnet=172.22.0.0/16", NETWORK];
        self.daemon.docker(&create)
    }

    /// The tracer on the server, watching, asking this docker endpoint.
    pub(super) fn trace(&self, endpoint: &str) -> Result<Tracer> {
        // The log tells of what docker said.
        let arguments = ["-vv", "--format", "jsonl", "--docker-host", endpoint];
        let mut tracer = Tracer::start(&self.lab.srv, &arguments)?;
        tracer.wait_ready()?;
        Ok(tracer)
    }

    /// Loses one reply.
    pub(super) fn lose_a_reply(&self) -> Result<()> {
        let pings = peers::ping(&self.lab.pc, SRV, 1)?;
        ensure!(pings.received == 0, "nothing is lost here: {pings:?}");
        Ok(())
    }

    /// The first line about the server of which `wanted` holds. The tracer sees the whole
    /// machine: findings about other labs are not this test's.
    pub(super) fn finding(
        &self,
        tracer: &mut Tracer,
        wanted: impl Fn(&Value) -> bool,
    ) -> Result<Value> {
        let here = self.lab.srv.inum();
        let (finding, _) = tracer.wait_line(SOON, |f| is_about(f, here) && wanted(f))?;
        Ok(finding)
    }

    /// The outage as it was opened.
    pub(super) fn opened(&self, tracer: &mut Tracer) -> Result<Value> {
        self.finding(tracer, |f| phase(f) == "opened")
    }

    /// Every line about the server so far.
    pub(super) fn findings(&self, tracer: &Tracer) -> Result<Vec<Value>> {
        let here = self.lab.srv.inum();
        let mut findings = tracer.values()?;
        findings.retain(|finding| is_about(finding, here));
        Ok(findings)
    }
}

/// Of lost packets: that docker is away, and who ended it, is these tests' own doing.
fn is_about(finding: &Value, netns: u32) -> bool {
    let action = text(finding, "/event/action");
    finding["bridgetrace"]["netns"]["inum"] == netns
        && !["events-lost", "daemon-unreachable", "process-killed"].contains(&action)
}

/// `opened`, `updated` or `resolved`.
pub(super) fn phase(finding: &Value) -> &str {
    text(finding, "/bridgetrace/finding/phase")
}

/// The text at a JSON pointer; empty if there is none.
pub(super) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    let text = value.pointer(pointer).and_then(Value::as_str);
    text.unwrap_or_default()
}

/// What the finding says it does not know, in one text.
pub(super) fn unknown(finding: &Value) -> String {
    let unknown = finding["bridgetrace"]["unknown"].as_array();
    let sentences = unknown.into_iter().flatten().filter_map(Value::as_str);
    sentences.collect::<Vec<_>>().join("; ")
}

/// Ends the tracer and fails unless that took less than a second and was a success.
pub(super) fn end(tracer: &mut Tracer, signal: Signal) -> Result<()> {
    let (status, took) = tracer.end(signal)?;
    ensure!(status.success() && took < SECOND, "{status} after {took:?}");
    Ok(())
}

/// A directory that everybody may read, removed on drop.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new() -> Result<Self> {
        let path = env::temp_dir().join(names::unique("folder"));
        fs::create_dir(&path).with_context(|| format!("create {}", path.display()))?;
        Ok(Self(path))
    }

    pub(super) fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("lab: {} stays behind: {error}", self.0.display());
        }
    }
}

/// Waits until the tracer handles SIGTERM itself, whatever it is doing.
pub(super) fn wait_for_handlers(pid: u32) -> Result<()> {
    let handled = || {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let mask = status
            .lines()
            .find_map(|line| line.strip_prefix("SigCgt:"))?;
        let mask = u64::from_str_radix(mask.trim(), 16).ok()?;
        (mask >> (Signal::SIGTERM as u32 - 1) & 1 == 1).then_some(())
    };
    wait_for("the tracer to handle SIGTERM", SOON, handled)
}

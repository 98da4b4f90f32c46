//! What these tests share: a job's container with a daemon inside, whose service the PC uses.

use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::MetadataExt as _;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use bridgetrace_lab::dind::{Job, Options};
use bridgetrace_lab::process::output;
use bridgetrace_lab::topology::{PC, SRV};
use bridgetrace_lab::{Dind, Dockerd, Topology, WorldDump, peers, preflight, wait_until};
use serde_json::Value;

use crate::outage::expect;
use crate::outage::stage::{SOON, Stage, at, is_phase, trace};

/// What the runner called the job's container.
pub(super) const NAME: &str = "runner-abc-docker-0";
pub(super) const URL: &str = "https://gitlab.example/group/project/-/jobs/4711";
/// Where the PC finds the service of the job's container.
pub(super) const PUBLISHED: SocketAddr = SocketAddr::new(IpAddr::V4(SRV), 8007);
/// Where it listens inside.
pub(super) const PORT: u16 = 7;
const FROM: SocketAddr = SocketAddr::new(IpAddr::V4(PC), 0);
/// A server with a daemon and a tracer, and the job's container on it.
pub(super) struct Scene {
    // Before its daemon: fields are dropped in order.
    pub(super) dind: Dind,
    pub(super) stage: Stage,
}

impl Scene {
    /// The container is there when the tracer starts.
    pub(super) fn raise() -> Result<Self> {
        Self::raise_with(|_| Ok(()))
    }

    /// [`Scene::raise`], with something done between the two.
    pub(super) fn raise_with(prepare: impl FnOnce(&Dind) -> Result<()>) -> Result<Self> {
        preflight::require()?;
        let lab = Topology::new()?;
        let daemon = Dockerd::start(&lab.srv)?;
        let dind = serving(&daemon)?;
        prepare(&dind)?;
        let tracer = trace(&lab.srv, &daemon, &[])?;
        let stage = Stage {
            lab,
            daemon,
            tracer,
        };
        Ok(Self { dind, stage })
    }

    /// The container comes while the tracer runs.
    pub(super) fn raise_late() -> Result<Self> {
        let stage = Stage::raise(&[])?;
        let dind = serving(&stage.daemon)?;
        Ok(Self { dind, stage })
    }

    /// Runs a test's body; when it fails, dumps both worlds and what the tracer said.
    pub(super) fn play<T>(mut self, body: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let world = WorldDump::new(&self.stage.lab.namespaces(), Some(&self.stage.daemon));
        world.on_error(|| body(&mut self).with_context(|| self.said()))
    }

    fn said(&self) -> String {
        let tracer = &self.stage.tracer;
        let lines = tracer.lines().into_iter().chain(tracer.log());
        let lines: Vec<String> = lines.map(|line| line.text).collect();
        let inner = self.dind.log_tail(20);
        let routes = self.routes().unwrap_or_else(|error| format!("{error:#}"));
        format!(
            "the tracer said:\n{}\n── routes inside\n{routes}── inner dockerd\n{inner}",
            lines.join("\n")
        )
    }

    fn routes(&self) -> Result<String> {
        let pid = self.dind.container().pid()?.to_string();
        let command = ["--net", "-t", &pid, "ip", "route", "show", "table", "all"];
        output(Command::new("nsenter").args(command))
    }

    /// Inode number of the container's namespace.
    pub(super) fn netns(&self) -> Result<u32> {
        netns_of(&self.dind)
    }

    /// The first line about the container's namespace of which `wanted` holds.
    pub(super) fn finding(&mut self, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
        let inside = self.netns()?;
        let about = |f: &Value| at(f, "bridgetrace.netns.inum") == inside && wanted(f);
        Ok(self.stage.tracer.wait_line(SOON, about)?.0)
    }

    /// The first line of `id` of which `wanted` holds.
    pub(super) fn line(&mut self, id: &str, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
        self.finding(|f| at(f, "bridgetrace.finding.id") == id && wanted(f))
    }

    /// The PC tries to connect, in vain; the first thing said. What was said before may be of another test's container,
    /// whose namespace had the number that is this one's now.
    pub(super) fn connect_and_find(&mut self) -> Result<Value> {
        let said = self.stage.tracer.values()?;
        let known: BTreeSet<String> = said.iter().filter_map(|f| expect::id(f).ok()).collect();
        ensure!(!self.connects(), "nothing is lost");
        self.finding(|f| {
            is_phase(f, "opened") && expect::id(f).is_ok_and(|id| !known.contains(&id))
        })
    }

    /// Whether the PC gets a connection to the container's service.
    pub(super) fn connects(&self) -> bool {
        peers::connect(&self.stage.lab.pc, FROM, PUBLISHED).is_ok()
    }

    /// Whether the PC gets a connection becomes this.
    pub(super) fn becomes(&self, connected: bool) -> Result<()> {
        let what = if connected { "an answer" } else { "silence" };
        wait_until(what, SOON, || Ok(self.connects() == connected))
    }

    /// The command as a person types it on the host, who stands where the tracer runs.
    pub(super) fn type_in(&self, command: &str) -> Result<()> {
        let netns = format!("--net=/proc/{}/ns/net", self.stage.tracer.id());
        let mut shell = Command::new("nsenter");
        output(shell.args([&netns, "sh", "-c", command]))
            .map(drop)
            .with_context(|| format!("type in {command}"))
    }
}

/// Asked of the process: a name under `/run/netns` would be the namespace's, and keep it alive.
pub(super) fn netns_of(dind: &Dind) -> Result<u32> {
    let file = format!("/proc/{}/ns/net", dind.container().pid()?);
    Ok(u32::try_from(fs::metadata(file)?.ino())?)
}

/// The job's container, its service ready.
pub(super) fn serving(daemon: &Dockerd) -> Result<Dind> {
    let job = Job {
        id: "4711".to_owned(),
        url: URL.to_owned(),
        pipeline: "815".to_owned(),
        project: "42".to_owned(),
    };
    let options = Options::new().name(NAME).job(&job);
    let dind = Dind::start_with(daemon, &options.publish(PUBLISHED.port(), PORT))?;
    dind.serve_echo(PORT)?;
    Ok(dind)
}

//! The stage of every outage test: the I-1 topology, a daemon in the server, the tracer on it.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bridgetrace_lab::tracer::Line;
use bridgetrace_lab::{Dockerd, Netns, Topology, Tracer, WorldDump, preflight, scenario, wait_for};
use serde_json::Value;

use super::{expect, skips};

/// Within this time every finding must be there: the kernel gives up ARP after 3 s.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// The network of I-1.
pub(crate) const NETWORK: &str = "XXXX-openldap_default";

pub(crate) struct Stage {
    pub(crate) lab: Topology,
    pub(crate) daemon: Dockerd,
    pub(crate) tracer: Tracer,
}

impl Stage {
    /// Raises the lab and starts the tracer on the server with these arguments besides its
    /// `--docker-host` and `--format jsonl`.
    pub(crate) fn raise(arguments: &[&str]) -> Result<Self> {
        preflight::require()?;
        Self::raise_in(Topology::new()?, arguments)
    }

    pub(crate) fn raise_in(lab: Topology, arguments: &[&str]) -> Result<Self> {
        let daemon = Dockerd::start(&lab.srv)?;
        let tracer = trace(&lab.srv, &daemon, arguments)?;
        Ok(Self {
            lab,
            daemon,
            tracer,
        })
    }

    /// Runs a test's body; when it fails, dumps the world and what the tracer said.
    pub(crate) fn play<T>(&mut self, body: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let world = WorldDump::new(&self.lab.namespaces(), Some(&self.daemon));
        world.on_error(|| {
            let result = body(self);
            result.with_context(|| {
                format!(
                    "stdout of the tracer:\n{}\nits stderr:\n{}",
                    self.said(),
                    self.log()
                )
            })
        })
    }

    fn said(&self) -> String {
        text(self.tracer.lines())
    }

    fn log(&self) -> String {
        text(self.tracer.log())
    }

    /// `docker network create` of I-1's network, without any container. The tracer knows it.
    pub(crate) fn collide(&self) -> Result<String> {
        let create = ["network", "create", "--subnet=172.22.0.0/16", NETWORK];
        self.known(self.daemon.docker(&create)?)
    }

    /// The same of a network that covers the PC in IPv6 only.
    pub(crate) fn collide6(&self) -> Result<String> {
        self.known(scenario::collide6(&self.daemon)?)
    }

    /// Waits until the tracer has docker's word on the network of this id: what is lost from now on is
    /// told with its name at once.
    fn known(&self, network: String) -> Result<String> {
        self.knows_of(0, &network)?;
        Ok(network)
    }

    /// Waits until the tracer has docker's word that so many containers use the network of this id.
    pub(crate) fn knows_of(&self, endpoints: usize, network: &str) -> Result<()> {
        let (told, wanted) = (format!("({network})"), format!(", endpoints: {endpoints}"));
        wait_for("the tracer to know who uses the network", SOON, || {
            let log = self.tracer.log();
            let last = log.iter().rev().find(|line| line.text.contains(&told))?;
            last.text.ends_with(&wanted).then_some(())
        })
    }

    /// Waits until the kernel half remembers who comes in from this prefix, as it does once the tracer has
    /// read the bridge's route: a request that is answered from now on proves the asymmetry.
    pub(crate) fn remembers(&self, prefix: &str) -> Result<()> {
        wait_for("the kernel half to remember who comes in", SOON, || {
            let log = self.tracer.log();
            let mut told = log.iter().rev().map(|line| line.text.as_str());
            let (_, prefixes) = told.find_map(|text| text.split_once("is remembered in "))?;
            prefixes.split(' ').any(|it| it == prefix).then_some(())
        })
    }

    /// The first finding of lost packets (or of what was not seen) about the server, in any phase, of
    /// which `wanted` holds. The tracer sees the whole machine: findings about other labs are not this
    /// test's.
    pub(crate) fn finding(&mut self, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
        self.said_of(|f| !is_state(f) && wanted(f))
    }

    /// The same of a state of the host, or of something that happened on it.
    pub(crate) fn state(&mut self, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
        self.said_of(|f| is_state(f) && wanted(f))
    }

    fn said_of(&mut self, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
        let here = self.lab.srv.inum();
        self.tracer.wait("a finding", SOON, |tracer| {
            about(tracer, here).ok()?.into_iter().find(|f| wanted(f))
        })
    }

    /// The line of `id` in the phase, when it is said.
    pub(crate) fn phase(&mut self, id: &str, phase: &str) -> Result<Value> {
        self.finding(|f| at(f, "bridgetrace.finding.id") == id && is_phase(f, phase))
    }

    /// The first line of `id` that is sure.
    pub(crate) fn confirmed(&mut self, id: &str) -> Result<Value> {
        self.finding(|f| at(f, "bridgetrace.finding.id") == id && is_confirmed(f))
    }

    /// Ends the tracer by SIGTERM; returns the last line of every finding about the server.
    pub(crate) fn last_words(&mut self) -> Result<Vec<Value>> {
        let (status, took) = self.tracer.terminate()?;
        ensure!(
            status.success() && took < Duration::from_secs(1),
            "{status} after {took:?}"
        );
        let mut last: BTreeMap<String, Value> = BTreeMap::new();
        for finding in self.findings()? {
            last.insert(expect::id(&finding)?, finding);
        }
        Ok(last.into_values().collect())
    }

    /// [`Stage::last_words`] where there is one finding only.
    pub(crate) fn last_word(&mut self) -> Result<Value> {
        let mut last = self.last_words()?;
        ensure!(last.len() == 1, "{} findings: {last:#?}", last.len());
        last.pop().context("nothing was said")
    }

    /// The line of an incident that names the process: the first, or one that follows soon.
    pub(crate) fn named(&mut self, id: &str) -> Result<Value> {
        self.finding(|f| at(f, "bridgetrace.finding.id") == id && f.get("process").is_some())
    }

    /// Every finding of lost packets (or of what was not seen) about the server so far.
    pub(crate) fn findings(&self) -> Result<Vec<Value>> {
        let mut findings = self.everything()?;
        findings.retain(|finding| !is_state(finding));
        Ok(findings)
    }

    /// Every finding about the server so far.
    pub(crate) fn everything(&self) -> Result<Vec<Value>> {
        about(&self.tracer, self.lab.srv.inum())
    }
}

/// Every finding about the namespace so far.
fn about(tracer: &Tracer, netns: u32) -> Result<Vec<Value>> {
    let mut findings = skips::taken_out(tracer.values()?);
    findings.retain(|finding| at(finding, "bridgetrace.netns.inum") == netns);
    Ok(findings)
}

/// Whether the finding is of no packets, but of a state of the host or of something that happened on it.
fn is_state(finding: &Value) -> bool {
    let kind = at(finding, "event.action").as_str().unwrap_or_default();
    kind != "events-lost"
        && kind != "misdelivery"
        && kind != "reverse-path-drop"
        && !kind.ends_with("-blackhole")
}

fn text(lines: Vec<Line>) -> String {
    let lines: Vec<String> = lines.into_iter().map(|line| line.text).collect();
    lines.join("\n")
}

/// Starts the tracer in `netns`, ready.
pub(crate) fn trace(netns: &Netns, daemon: &Dockerd, arguments: &[&str]) -> Result<Tracer> {
    let endpoint = daemon.client().endpoint();
    // The log tells of what docker said.
    let mut all = vec!["-vv", "--format", "jsonl", "--docker-host", &endpoint];
    all.extend(arguments);
    let mut tracer = Tracer::start(netns, &all)?;
    tracer.wait_ready()?;
    Ok(tracer)
}

/// The value at a dotted path, e.g. `bridgetrace.finding.phase`.
pub(crate) fn at<'a>(value: &'a Value, path: &str) -> &'a Value {
    path.split('.')
        .fold(value, |value, key| match key.parse::<usize>() {
            Ok(index) => &value[index],
            Err(_) => &value[key],
        })
}

/// Fails unless every path holds the wanted value.
pub(crate) fn holds(value: &Value, wanted: &[(&str, Value)]) -> Result<()> {
    for (path, wanted) in wanted {
        let found = at(value, path);
        ensure!(
            found == wanted,
            "{path} is {found}, not {wanted}, in\n{value:#}"
        );
    }
    Ok(())
}

pub(crate) fn is_phase(value: &Value, phase: &str) -> bool {
    at(value, "bridgetrace.finding.phase") == phase
}

pub(crate) fn is_confirmed(value: &Value) -> bool {
    at(value, "bridgetrace.finding.verdict") == "confirmed"
}

/// Kinds of evidence in a finding.
pub(crate) fn evidence(value: &Value) -> Vec<&str> {
    let list = at(value, "bridgetrace.evidence").as_array();
    list.into_iter()
        .flatten()
        .filter_map(|evidence| evidence["kind"].as_str())
        .collect()
}

/// A particular of a piece of evidence.
pub(crate) fn detail<'a>(finding: &'a Value, kind: &str, key: &str) -> Result<&'a Value> {
    let all = at(finding, "bridgetrace.evidence").as_array();
    let piece = all
        .into_iter()
        .flatten()
        .find(|piece| piece["kind"] == kind);
    let piece = piece.with_context(|| format!("no {kind} in\n{finding:#}"))?;
    Ok(&piece["detail"][key])
}

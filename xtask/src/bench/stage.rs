//! What is measured on: the outage's topology, a daemon, and one bridgetrace on it.

use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, ensure};
use bridgetrace_lab::docker::bridge_name;
use bridgetrace_lab::peers::{self, EchoServer};
use bridgetrace_lab::topology::{COLLISION, PC, SRV};
use bridgetrace_lab::{Dockerd, Topology, Tracer, world};
use serde_json::Value;

use crate::interrupt;

/// A finding that takes longer than this is none.
const SOON: Duration = Duration::from_secs(20);
/// An established connection answers within this time when nothing is lost.
pub(super) const ALIVE: Duration = Duration::from_secs(5);
/// A name that no other lab's finding can carry by accident.
pub(super) const NETWORK: &str = "bench";

/// The kind of finding that the outages of this topology are.
pub(super) const BLACKHOLE: &str = "reply-blackhole";

/// In the order in which it goes.
pub(super) struct Stage {
    tracer: Tracer,
    pub(super) daemon: Dockerd,
    pub(super) lab: Topology,
    /// Lines of stdout that were looked at.
    read: usize,
}

/// A finding's line and when it came.
pub(super) struct Heard {
    pub(super) finding: Value,
    pub(super) at: SystemTime,
}

impl Heard {
    /// When the first packet was lost, by the kernel's own clock.
    pub(super) fn lost_at(&self) -> Result<SystemTime> {
        let start = self.finding["event"]["start"].as_str();
        moment(start.context("no event.start")?)
    }

    /// From there to the line.
    pub(super) fn since_lost(&self) -> Result<Duration> {
        let since = self.at.duration_since(self.lost_at()?);
        since.context("told before it was lost")
    }

    /// One of the counts it tells.
    pub(super) fn count(&self, what: &str) -> Result<u64> {
        let count = self.finding["bridgetrace"]["counts"][what].as_u64();
        count.with_context(|| format!("no count of {what}"))
    }
}

impl Stage {
    pub(super) fn raise(binary: &Path) -> Result<Self> {
        Self::raise_in(Topology::new()?, binary)
    }

    pub(super) fn raise_in(lab: Topology, binary: &Path) -> Result<Self> {
        interrupt::check()?;
        let daemon = Dockerd::start(&lab.srv)?;
        Self::raise_on(lab, daemon, binary)
    }

    /// Beside a daemon that has its networks already.
    pub(super) fn raise_on(lab: Topology, daemon: Dockerd, binary: &Path) -> Result<Self> {
        interrupt::check()?;
        let tracer = start(binary, &lab, &daemon, &[])?;
        Ok(Self {
            tracer,
            daemon,
            lab,
            read: 0,
        })
    }

    /// The tracer's pid.
    pub(super) fn tracer(&self) -> u32 {
        self.tracer.id()
    }

    /// Runs a body; when it fails, dumps the world and what the tracer said.
    pub(super) fn play<T>(&mut self, body: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        body(self).inspect_err(|_| {
            if interrupt::check().is_ok() {
                self.dump();
            }
        })
    }

    fn dump(&self) {
        eprintln!(
            "{}",
            world::dump(&self.lab.namespaces(), Some(&self.daemon))
        );
        for line in self.tracer.log().iter().chain(&self.tracer.lines()) {
            eprintln!("{}", line.text);
        }
    }

    /// A connection of the client to a service of the server, over which something has come back already.
    pub(super) fn connection(&self, port: u16) -> Result<(EchoServer, TcpStream)> {
        let (server, client) = (SocketAddr::from((SRV, port)), SocketAddr::from((PC, 0)));
        let service = EchoServer::start(&self.lab.srv, server)?;
        let mut connection = peers::connect(&self.lab.pc, client, server)?;
        peers::echo(&mut connection, b"before", ALIVE)?;
        Ok((service, connection))
    }

    /// Makes the network that covers the client; returns the name of its bridge.
    pub(super) fn collide(&self) -> Result<String> {
        cover(&self.daemon, NETWORK, COLLISION)
    }

    /// Takes the network away again.
    pub(super) fn part(&self) -> Result<()> {
        self.daemon.remove_network(NETWORK)
    }

    /// Ends the tracer; all else stays.
    pub(super) fn end(self) -> (Topology, Dockerd) {
        (self.lab, self.daemon)
    }

    /// Waits for the next line of this kind and phase about this bridge.
    pub(super) fn hear(&mut self, kind: &str, phase: &str, bridge: &str) -> Result<Heard> {
        let what = format!("bridgetrace to say `{kind}`, `{phase}`, of {bridge}");
        interrupt::wait_for(&what, SOON, || {
            let lines = self.tracer.lines();
            ensure!(self.read <= lines.len(), "lines vanish");
            for line in &lines[self.read..] {
                self.read += 1;
                let finding: Value = serde_json::from_str(&line.text).context("read a line")?;
                if finding["event"]["action"] == kind && is(&finding, phase, bridge) {
                    let at = line.wall;
                    return Ok(Some(Heard { finding, at }));
                }
            }
            Ok(None)
        })
    }
}

/// Makes a network with this subnet; returns the name of its bridge.
pub(super) fn cover(daemon: &Dockerd, name: &str, subnet: &str) -> Result<String> {
    let id = daemon.create_network(name, &[subnet])?;
    Ok(bridge_name(&id))
}

/// Starts bridgetrace on the server of the lab, with `more` arguments; returns when it watches.
pub(super) fn start(
    binary: &Path,
    lab: &Topology,
    daemon: &Dockerd,
    more: &[&str],
) -> Result<Tracer> {
    let endpoint = daemon.endpoint();
    let arguments = ["--format", "jsonl", "--docker-host", &endpoint];
    let arguments = [&arguments[..], more].concat();
    let mut tracer = Tracer::start_program(&lab.srv, binary, &arguments, &[])?;
    tracer.wait_ready()?;
    Ok(tracer)
}

fn is(finding: &Value, phase: &str, bridge: &str) -> bool {
    finding["bridgetrace"]["finding"]["phase"] == phase
        && finding["bridgetrace"]["bridge"]["name"] == bridge
}

/// `2026-11-20T23:59:59.123456789Z`.
fn moment(text: &str) -> Result<SystemTime> {
    let moment: jiff::Timestamp = text
        .parse()
        .with_context(|| format!("not a time: {text}"))?;
    Ok(moment.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nanoseconds_are_read() {
        let moment = moment("1970-01-01T00:00:01.000000007Z").unwrap();
        assert_eq!(
            moment.duration_since(SystemTime::UNIX_EPOCH).unwrap(),
            Duration::new(1, 7)
        );
        assert!(super::moment("yesterday").is_err());
    }
}

//! What a live stream says of a daemon behind TLS: its networks by name, and that it is away.

use std::time::Duration;

use anyhow::{Result, ensure};
use bridgetrace_lab::certificates::Authority;
use bridgetrace_lab::topology::SRV;
use bridgetrace_lab::{Dockerd, Topology, Tracer, WorldDump, peers, preflight};
use serde_json::Value;

use super::look::{NAMES, TLS, options, secured};
use crate::outage::stage::{NETWORK, at};

const SOON: Duration = Duration::from_secs(20);

#[test]
fn a_network_is_named_through_tls_and_its_daemon_missed_when_it_is_away() -> Result<()> {
    preflight::require()?;
    let lab = Topology::new()?;
    let authority = Authority::new("lab")?;
    let server = authority.issue("server", NAMES)?;
    let client = authority.issue("client", "DNS:client")?;
    let mut daemon = Dockerd::start_with(&lab.srv, options(&server))?;
    let folder = client.display().to_string();
    let arguments = ["--format", "jsonl"];
    let mut tracer = Tracer::start_with_env(&lab.srv, &arguments, &secured(TLS, &folder))?;
    let namespaces = lab.namespaces();
    let world = WorldDump::new(&namespaces, None);
    world.on_error(|| {
        tracer.wait_ready()?;
        let id = daemon.docker(&["network", "create", "--subnet=172.22.0.0/16", NETWORK])?;
        ensure!(!peers::reachable(&lab.pc, SRV)?, "nothing is lost");
        let here = lab.srv.inum();
        let named = |f: &Value| {
            at(f, "bridgetrace.netns.inum") == here
                && at(f, "bridgetrace.docker_network.id") == id.as_str()
        };
        let (finding, _) = tracer.wait_line(SOON, named)?;
        ensure!(
            at(&finding, "bridgetrace.docker_network.daemon") == TLS,
            "{finding:#}"
        );
        daemon.kill()?;
        let away = |phase: &'static str| {
            move |f: &Value| {
                at(f, "event.action") == "daemon-unreachable"
                    && at(f, "bridgetrace.daemon.endpoint") == TLS
                    && at(f, "bridgetrace.finding.phase") == phase
            }
        };
        let (opened, _) = tracer.wait_line(SOON, away("opened"))?;
        ensure!(
            at(&opened, "bridgetrace.daemon.cause") == "refused",
            "{opened:#}"
        );
        daemon.restart()?;
        tracer.wait_line(SOON, away("resolved")).map(drop)
    })
}

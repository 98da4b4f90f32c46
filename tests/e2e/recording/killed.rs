//! What was said more than a moment ago survives SIGKILL.

use std::time::Duration;

use anyhow::{Result, ensure};
use bridgetrace_lab::topology::SRV;
use bridgetrace_lab::{Dockerd, Topology, Tracer, WorldDump, peers, preflight, wait_until};
use nix::sys::signal::Signal;

use super::scene::{Folder, bridgetrace, succeeded};
use crate::outage::stage::NETWORK;

const SOON: Duration = Duration::from_secs(20);
const ROUNDS: usize = 3;

/// Each time the recorder is killed and started again; its recording goes on where it ended.
#[test]
fn an_outage_survives_the_recorder() -> Result<()> {
    preflight::require()?;
    let folder = Folder::new()?;
    let file = folder.text("killed.btr");
    let lab = Topology::new()?;
    let daemon = Dockerd::start(&lab.srv)?;
    WorldDump::new(&lab.namespaces(), Some(&daemon)).on_error(|| {
        let endpoint = daemon.client().endpoint();
        daemon.docker(&["network", "create", "--subnet=172.22.0.0/16", NETWORK])?;
        let here = format!("\"inum\":{}", lab.srv.inum());
        let told = || -> Result<usize> {
            let replay = bridgetrace(&folder, &["replay", &file, "--format", "jsonl"])?;
            let replay = succeeded(replay)?.stdout;
            let opened = |line: &&str| {
                line.contains("reply-blackhole") && line.contains("opened") && line.contains(&here)
            };
            Ok(replay.lines().filter(opened).count())
        };
        for round in 1..=ROUNDS {
            let arguments = ["record", &file, "--docker-host", &endpoint];
            let mut recorder = Tracer::start(&lab.srv, &arguments)?;
            recorder.wait_ready()?;
            peers::ping(&lab.pc, SRV, 1)?;
            wait_until("the outage to be written", SOON, || Ok(told()? == round))?;
            let (status, _) = recorder.end(Signal::SIGKILL)?;
            ensure!(!status.success(), "{status}");
            ensure!(told()? == round, "after kill {round}");
        }
        Ok(())
    })
}

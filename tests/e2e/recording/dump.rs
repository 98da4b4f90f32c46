//! The last minutes, taken out of what is being recorded.

use anyhow::{Result, ensure};
use bridgetrace_lab::peers;
use bridgetrace_lab::topology::SRV;
use bridgetrace_lab::{Dockerd, Topology, Tracer, WorldDump, preflight};
use serde_json::Value;

use super::scene::{Folder, bridgetrace, refused, succeeded, with_env};
use crate::outage::expect;
use crate::outage::stage::{NETWORK, at, is_phase};

/// `record` says nothing on standard output, `dump` finds it and takes what it knows, and it goes on.
#[test]
fn a_recorder_is_found_and_goes_on() -> Result<()> {
    preflight::require()?;
    let folder = Folder::new()?;
    let lab = Topology::new()?;
    let daemon = Dockerd::start(&lab.srv)?;
    WorldDump::new(&lab.namespaces(), Some(&daemon)).on_error(|| {
        // Other labs record on this machine, too.
        let runtime = folder.text("run");
        let (file, out) = (folder.text("flight.btr"), folder.text("out.btr"));
        let endpoint = daemon.client().endpoint();
        let arguments = ["record", &file, "--docker-host", &endpoint];
        let variables = [("RUNTIME_DIRECTORY", runtime.as_str())];
        let mut recorder = Tracer::start_with_env(&lab.srv, &arguments, &variables)?;
        recorder.wait_ready()?;
        let create = ["network", "create", "--subnet=172.22.0.0/16", NETWORK];
        let network = daemon.docker(&create)?;
        peers::ping(&lab.pc, SRV, 2)?;

        let dump =
            |arguments: &[&str]| with_env(&folder, ("RUNTIME_DIRECTORY", &runtime), arguments);
        let dumped = succeeded(dump(&["dump", &out, "--last", "1m"])?)?;
        ensure!(dumped.stderr.contains("out.btr: "), "{dumped:?}");
        refused(&dump(&["dump", &out])?, "File exists")?;
        let told = succeeded(bridgetrace(
            &folder,
            &["replay", &out, "--format", "jsonl"],
        )?)?;
        let opened: Vec<Value> = told
            .stdout
            .lines()
            .map(serde_json::from_str)
            .collect::<Result<_, _>>()?;
        let here = |f: &&Value| at(f, "bridgetrace.netns.inum") == lab.srv.inum();
        let opened = opened.iter().filter(here).find(|f| is_phase(f, "opened"));
        let Some(opened) = opened.filter(|f| at(f, "event.action") == "reply-blackhole") else {
            anyhow::bail!("no outage in {told:?}");
        };
        expect::pc_lost_in(opened, &network)?;

        // It goes on.
        let (status, _) = recorder.terminate()?;
        ensure!(status.success(), "{status}");
        ensure!(recorder.lines().is_empty(), "{:?}", recorder.lines());
        let log = recorder.log();
        ensure!(
            log.iter().any(|line| line.text.contains("recorded ")),
            "{log:?}"
        );
        let all = succeeded(bridgetrace(
            &folder,
            &["replay", &file, "--format", "jsonl"],
        )?)?;
        ensure!(all.stdout.contains("reply-blackhole"), "{all:?}");
        refused(
            &dump(&["dump", &folder.text("late.btr")])?,
            "no recorder runs here",
        )
    })
}

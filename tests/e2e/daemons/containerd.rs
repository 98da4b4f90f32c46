//! What runs the containers ends, and dockerd goes on.

use std::time::Duration;

use anyhow::{Result, ensure};
use bridgetrace_lab::wait_for;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;

use super::scene::{in_order, timeline, told};
use crate::killed::child_named;
use crate::outage::stage::{SOON, Stage, at, holds};

/// dockerd gives its containerd ten seconds before it starts another.
const RESTARTED: Duration = Duration::from_secs(40);

#[test]
fn a_containerd_that_is_killed_under_its_dockerd_is_told_with_who_did_it() -> Result<()> {
    Stage::raise(&["-vvv"])?.play(|stage| {
        let dockerd = stage.daemon.pid()?;
        let containerd = child_named(dockerd, "containerd", "containerd")?;
        wait_for("the tracer to know containerd", SOON, || {
            let known = format!("\"program\":\"containerd\",\"pid\":{containerd}");
            let log = stage.tracer.log();
            log.iter()
                .any(|line| line.text.contains(&known))
                .then_some(())
        })?;
        kill(Pid::from_raw(containerd.try_into()?), Signal::SIGKILL)?;
        wait_for("dockerd to start another", RESTARTED, || {
            child_named(dockerd, "containerd", "containerd").ok()
        })?;
        let finding = told(stage, "daemon-restarted", containerd)?;
        holds(
            &finding,
            &[
                ("bridgetrace.daemon.program", json!("containerd")),
                ("bridgetrace.daemon.stopped_by.signal", json!("SIGKILL")),
                (
                    "bridgetrace.daemon.stopped_by.sender.pid",
                    json!(std::process::id()),
                ),
            ],
        )?;
        let said = at(&finding, "event.reason").as_str().unwrap_or_default();
        ensure!(said.contains("dockerd went on"), "{said}");
        ensure!(stage.daemon.pid()? == dockerd, "dockerd did not");
        let ended = format!("containerd (pid {containerd}) ended");
        in_order(
            &timeline(&finding)?,
            &["SIGKILL", &ended, "containerd is there again"],
        )
    })
}

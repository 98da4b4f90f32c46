//! A daemon ends and starts again over the same data.

use anyhow::{Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;

use super::scene::{CONTAINER, in_order, raise, start, timeline, told};
use crate::outage::stage::{Stage, at, holds};

/// Told to read its configuration again, it goes on: nothing happened to it.
fn reload(stage: &Stage) -> Result<()> {
    kill(
        Pid::from_raw(stage.daemon.pid()?.try_into()?),
        Signal::SIGHUP,
    )?;
    let log = || stage.daemon.log_tail(200);
    bridgetrace_lab::wait_for("the daemon to reload", crate::outage::stage::SOON, || {
        log().contains("Reloaded configuration").then_some(())
    })
}

#[test]
fn a_daemon_that_ends_and_starts_again_has_restarted() -> Result<()> {
    raise()?.play(|stage| {
        reload(stage)?;
        let said = stage.everything()?;
        ensure!(said.is_empty(), "{said:#?}");
        let before = stage.daemon.pid()?;
        stage.daemon.restart()?;
        let first = told(stage, "daemon-restarted", before)?;
        let root = stage.daemon.data_root();
        holds(
            &first,
            &[
                ("bridgetrace.finding.verdict", json!("confirmed")),
                (
                    "bridgetrace.daemon.endpoint",
                    json!(stage.daemon.client().endpoint()),
                ),
                ("bridgetrace.daemon.program", json!("dockerd")),
                ("bridgetrace.daemon.before.data_root", json!(root)),
                ("bridgetrace.daemon.after.data_root", json!(root)),
                ("bridgetrace.daemon.before.networks", json!(1)),
                ("bridgetrace.daemon.after.networks", json!(1)),
                ("bridgetrace.daemon.before.images", json!(1)),
                ("bridgetrace.daemon.stopped", json!([CONTAINER])),
            ],
        )?;
        let daemon = at(&first, "bridgetrace.daemon");
        ensure!(daemon["before"]["id"] == daemon["after"]["id"], "{first:#}");
        ensure!(daemon.get("vanished").is_none(), "{first:#}");
        ensure!(daemon["down_s"].as_f64() > Some(0.0), "{first:#}");
        let ended = format!("dockerd (pid {before}) ended");
        in_order(&timeline(&first)?, &[&ended, "answers again"])?;
        in_order(&timeline(&first)?, &["docker was lost", "answers again"])?;

        // By SIGKILL: the containers go along, as the lab has it.
        stage.daemon.docker(&["rm", "--force", CONTAINER])?;
        start(stage)?;
        let before = stage.daemon.pid()?;
        stage.daemon.kill()?;
        stage.daemon.restart()?;
        let second = told(stage, "daemon-restarted", before)?;
        holds(
            &second,
            &[("bridgetrace.daemon.stopped", json!([CONTAINER]))],
        )
    })
}

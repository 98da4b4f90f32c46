//! A daemon is stopped in the course of an upgrade: who did it is told with its restart.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use bridgetrace_lab::{Process, wait_until};
use serde_json::{Value, json};

use super::scene::{in_order, timeline, told};
use crate::killed::program;
use crate::outage::stage::{SOON, Stage, at, holds};

/// The unattended upgrade runs dpkg, which ends the daemon.
fn upgrade(stage: &Stage, daemon: u32) -> Result<Process> {
    let folder = stage.daemon.directory().join("upgrade");
    std::fs::create_dir(&folder)?;
    let dpkg = program(&folder, "dpkg")?;
    let daily = program(&folder, "apt.systemd.daily")?;
    let mut command = stage.lab.srv.command(&daily.display().to_string());
    // A second command each, so that the shell stays and does not become the first.
    let script = format!("{} -c 'kill -TERM {daemon}; :'; sleep 600", dpkg.display());
    command.args(["-c", &script]);
    let upgrade = Process::spawn(command)?;
    wait_until("the daemon's end", SOON, || {
        Ok(!Path::new(&format!("/proc/{daemon}")).exists())
    })?;
    Ok(upgrade)
}

#[test]
fn a_restart_in_the_course_of_an_upgrade_names_the_package_manager() -> Result<()> {
    Stage::raise(&[])?.play(|stage| {
        let daemon = stage.daemon.pid()?;
        let upgrade = upgrade(stage, daemon)?;
        stage.daemon.restart()?;
        let finding = told(stage, "daemon-restarted", daemon)?;
        let by = at(&finding, "bridgetrace.daemon.stopped_by");
        let daily = upgrade.id();
        holds(
            by,
            &[
                ("how", json!("signal")),
                ("signal", json!("SIGTERM")),
                ("sender.name", json!("dpkg")),
                // The kernel keeps 15 characters of a name.
                (
                    "sender.ancestry.0",
                    json!({"pid": daily, "name": "apt.systemd.dai"}),
                ),
                ("package_managers.0.name", json!("dpkg")),
                (
                    "package_managers.1",
                    json!({"pid": daily, "name": "apt.systemd.daily"}),
                ),
            ],
        )?;
        let sender = at(by, "sender.pid").as_u64();
        let sender = sender.context("no sender")?;
        let said = at(&finding, "event.reason").as_str().unwrap_or_default();
        let wanted = format!(
            "dockerd was stopped by SIGTERM from dpkg (pid {sender}), started by \
             apt.systemd.daily (pid {daily}): a package manager did it."
        );
        ensure!(said.ends_with(&wanted), "{said}");
        ensure!(
            at(&finding, "bridgetrace.unknown") == &Value::Null,
            "{finding:#}"
        );
        let signal = format!("SIGTERM from dpkg (pid {sender}) to dockerd (pid {daemon})");
        let ended = format!("dockerd (pid {daemon}) ended");
        in_order(&timeline(&finding)?, &[&signal, &ended, "answers again"])
    })
}

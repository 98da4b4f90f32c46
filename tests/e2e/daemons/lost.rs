//! A daemon comes back with another data root: what it had is still there, and unknown to it.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use bridgetrace_lab::{process, scenario};
use serde_json::json;

use super::scene::{CONTAINER, NETWORK, in_order, raise, timeline, told};
use crate::outage::stage::{at, holds};

#[test]
fn a_daemon_with_another_data_root_has_lost_its_state() -> Result<()> {
    raise()?.play(|stage| {
        let old = stage.daemon.data_root();
        let before = stage.daemon.pid()?;
        let other = stage.daemon.options().data_root("other");
        stage.daemon.restart_with(other)?;
        let orphans = scenario::orphaned_bridges(&stage.lab.srv, &stage.daemon)?;
        ensure!(orphans.len() == 1, "{orphans:?}");
        let finding = told(stage, "daemon-state-lost", before)?;
        holds(
            &finding,
            &[
                ("bridgetrace.finding.verdict", json!("confirmed")),
                ("bridgetrace.daemon.before.data_root", json!(old)),
                (
                    "bridgetrace.daemon.after.data_root",
                    json!(stage.daemon.data_root()),
                ),
                ("bridgetrace.daemon.vanished.networks", json!([NETWORK])),
                ("bridgetrace.daemon.vanished.containers", json!([CONTAINER])),
                ("bridgetrace.daemon.vanished.images", json!(1)),
                ("bridgetrace.daemon.orphans", json!(orphans)),
                ("bridgetrace.daemon.old_data", json!(old)),
                ("bridgetrace.daemon.old_containers", json!(1)),
            ],
        )?;
        let ended = format!("dockerd (pid {before}) ended");
        in_order(&timeline(&finding)?, &[&ended, "answers again"])?;
        let said = at(&finding, "event.reason").as_str().unwrap_or_default();
        ensure!(said.contains(&old.display().to_string()), "{said}");
        let mut said = stage.everything()?;
        // On a busy machine it may be away for so long that it is missed. Who ended it is told, too.
        let others = ["daemon-unreachable", "process-killed"];
        said.retain(|finding| !others.iter().any(|it| at(finding, "event.action") == *it));
        ensure!(said.len() == 1, "{said:#?}");
        Ok(())
    })
}

/// Killed, and back with what another `daemon.json` says; what is advised brings everything back.
#[test]
fn the_way_back_to_the_data_root_of_before_is_advised() -> Result<()> {
    raise()?.play(|stage| {
        let old = stage.daemon.data_root();
        let configured = |root: &std::path::Path| json!({"data-root": root, "shutdown-timeout": 7});
        // From here on it is daemon.json that says where.
        let before = stage.daemon.pid()?;
        let options = stage.daemon.options().config(configured(&old));
        stage.daemon.restart_with(options)?;
        told(stage, "daemon-restarted", before)?;

        let before = stage.daemon.pid()?;
        stage.daemon.kill()?;
        let new = stage.daemon.directory().join("other");
        let options = stage.daemon.options().config(configured(&new));
        stage.daemon.restart_with(options)?;
        let finding = told(stage, "daemon-state-lost", before)?;
        holds(
            &finding,
            &[
                ("bridgetrace.daemon.stopped_by.signal", json!("SIGKILL")),
                (
                    "bridgetrace.daemon.stopped_by.sender.pid",
                    json!(std::process::id()),
                ),
                ("bridgetrace.daemon.vanished.networks", json!([NETWORK])),
                ("bridgetrace.daemon.old_data", json!(old)),
                ("bridgetrace.remedies.0.id", json!("former-data-root")),
            ],
        )?;
        let command = at(&finding, "bridgetrace.remedies.0.command");
        type_it(command.as_str().context("no command")?)?;
        stage.daemon.restart_as_configured()?;
        ensure!(
            stage.daemon.data_root() == old,
            "not back in {}",
            old.display()
        );
        let networks = stage
            .daemon
            .docker(&["network", "ls", "--format={{.Name}}"])?;
        let containers = stage
            .daemon
            .docker(&["ps", "--all", "--format={{.Names}}"])?;
        ensure!(networks.lines().any(|it| it == NETWORK), "{networks}");
        ensure!(containers.contains(CONTAINER), "{containers}");
        let undo = at(&finding, "bridgetrace.remedies.0.undo");
        type_it(undo.as_str().context("no undo")?)?;
        let text = std::fs::read_to_string(stage.daemon.config_file())?;
        let config: serde_json::Value = serde_json::from_str(&text)?;
        ensure!(config == configured(&new), "{config}");
        Ok(())
    })
}

/// Types a command on a machine whose docker is run by systemd: the real systemctl needs systemd as pid 1,
/// so the test restarts the daemon itself.
fn type_it(command: &str) -> Result<()> {
    ensure!(
        command.contains("systemctl restart docker.service"),
        "{command}"
    );
    let script = format!("systemctl() {{ :; }}\n{command}");
    process::output(Command::new("sh").args(["-c", &script])).map(drop)
}

//! A daemon comes back with another data root: what it had is still there, and unknown to it.

use anyhow::{Result, ensure};
use bridgetrace_lab::scenario;
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

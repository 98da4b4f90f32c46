//! Compose is killed at several moments: what is told as left is what docker says, be it nothing.
//! Twenty moments, and the removal of what is left, are tried with the ghosts.

use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Result, ensure};
use bridgetrace_lab::{wait_for, wait_until};
use serde_json::{Value, json};

use super::scene::{Runner, is_end_of, project, runs_compose, told};
use crate::outage::stage::{SOON, Stage, at};

const SEEDS: u32 = 6;
/// Of them, those in which the network is there before compose is killed.
const LATE: u32 = 4;
/// Exit status of what SIGKILL ended, by the shell.
const KILLED: u32 = 137;
const STEP: Duration = Duration::from_millis(60);

#[test]
fn what_a_killed_compose_up_leaves_is_told_whenever_it_is_killed() -> Result<()> {
    Stage::raise(&[])?.play(|stage| {
        stage.daemon.import_busybox()?;
        let mut left_something = 0;
        for seed in 0..SEEDS {
            left_something += u32::from(kill_after(stage, seed)?);
        }
        ensure!(left_something >= LATE / 2, "{left_something} left anything");
        Ok(())
    })
}

/// Whether a compose that is killed at that moment left anything.
fn kill_after(stage: &mut Stage, seed: u32) -> Result<bool> {
    let name = format!("seed{seed}");
    let directory = project(stage, &name)?;
    let up = ["up", "--detach"];
    let up = stage.daemon.compose_command(&directory, &name, &up);
    let runner = Runner::start(stage, &format!("runner{seed}"), &up)?;
    let compose = runner.child()?;
    runs_compose(compose)?;
    let late = seed.saturating_sub(SEEDS - LATE);
    if seed >= SEEDS - LATE {
        wait_until("the project's network", SOON, || {
            Ok(!networks(stage, &name)?.is_empty())
        })?;
    }
    // The moment from here on is what is tried.
    sleep(STEP * late);
    runner.order("kill -KILL $child; wait $child; echo $? >$folder/status")?;
    let killed = runner.status()? == KILLED;
    // If it was faster, nobody was killed.
    let left = killed && is_told(stage, compose, &name)?;
    let down = ["down", "--timeout=0"];
    stage.daemon.compose(&directory, &name, &down)?;
    Ok(left)
}

/// Waits until what is told as left is what docker says, which may go on for a moment with what it was
/// asked for; whether that is anything.
fn is_told(stage: &mut Stage, compose: u32, project: &str) -> Result<bool> {
    let finding = told(stage, compose, |_| true)?;
    let said = at(&finding, "bridgetrace.signal.project");
    ensure!(said == &json!(project), "{finding:#}");
    wait_for("what is left", SOON, || {
        let compared = latest(stage, compose)
            .and_then(|said| Ok((said, networks(stage, project)?, containers(stage, project)?)));
        match compared {
            Ok((said, networks, containers)) => {
                let same = said == (networks.clone(), containers);
                same.then_some(Ok(!networks.is_empty()))
            }
            Err(error) => Some(Err(error)),
        }
    })?
}

/// Networks and containers that are left by what was told last.
fn latest(stage: &Stage, compose: u32) -> Result<(BTreeSet<String>, BTreeSet<String>)> {
    let told = stage.everything()?;
    let last = told.iter().rfind(|f| is_end_of(f, compose));
    let left = last
        .map(|f| at(f, "bridgetrace.signal.left"))
        .unwrap_or(&Value::Null);
    Ok((names_of(&left["networks"]), names_of(&left["containers"])))
}

fn names_of(list: &Value) -> BTreeSet<String> {
    let items = list.as_array().into_iter().flatten();
    let name = |item: &Value| {
        item.as_str()
            .or_else(|| item["name"].as_str())
            .map(str::to_owned)
    };
    items.filter_map(name).collect()
}

fn networks(stage: &Stage, project: &str) -> Result<BTreeSet<String>> {
    let filter = format!("--filter=label=com.docker.compose.project={project}");
    let text = stage
        .daemon
        .docker(&["network", "ls", &filter, "--format={{.Name}}"])?;
    Ok(text.lines().map(str::to_owned).collect())
}

fn containers(stage: &Stage, project: &str) -> Result<BTreeSet<String>> {
    let filter = format!("--filter=label=com.docker.compose.project={project}");
    let text = stage
        .daemon
        .docker(&["ps", "--all", &filter, "--format={{.Names}}"])?;
    Ok(text.lines().map(str::to_owned).collect())
}

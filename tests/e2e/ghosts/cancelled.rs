//! docker-compose, SIGKILLed while it comes up, at twenty moments: whatever it leaves is told, and
//! removed by the printed commands, unless somebody uses it.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bridgetrace_lab::docker::BUSYBOX;
use bridgetrace_lab::{Process, wait_for};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::scene::{is_ghost, refuses, type_in, typed};
use crate::outage::stage::{SOON, Stage, at, evidence, holds, is_phase};

const SEEDS: u32 = 20;
const UP: Duration = Duration::from_secs(60);
const COMPOSE: &str = "services:
  web: &idle
    image: BUSYBOX
    command: sleep 600
  database: *idle
";

/// What compose has come to when it is killed; a little later in each round.
#[derive(Clone, Copy, Debug)]
struct Seed(u32);

impl Seed {
    fn project(self) -> String {
        format!("shop{}", self.0)
    }

    fn job(self) -> String {
        (4700 + self.0).to_string()
    }

    /// Kills `up` once the daemon has this many things of the project, and a moment more; whether it had not
    /// come to its end by itself.
    fn cancel(self, stage: &Stage, directory: &Path) -> Result<bool> {
        let project = self.project();
        let mut command = stage
            .daemon
            .compose_command(directory, &project, &["up", "--detach"]);
        // As the shell executor starts it.
        command
            .env("CI_JOB_ID", self.job())
            .env("CI_PIPELINE_ID", "815");
        let mut up = Process::spawn(command)?;
        wait_for("compose to have come so far", UP, || {
            let so_far = reached(stage, &project, self.0 % 4).unwrap_or(false);
            let ended = up.exited().ok().flatten().is_some();
            (so_far || ended).then_some(())
        })?;
        // What comes next is what differs from seed to seed.
        thread::sleep(Duration::from_millis(u64::from(self.0 / 4) * 30));
        if up.exited()?.is_none() {
            up.signal(Signal::SIGKILL)?;
        }
        Ok(up.wait(UP)?.signal() == Some(Signal::SIGKILL as i32))
    }
}

/// Whether the project has its network, one container, two, or one that runs.
fn reached(stage: &Stage, project: &str, step: u32) -> Result<bool> {
    Ok(match step {
        0 => !networks(stage, project)?.is_empty(),
        1 => !containers(stage, project, &["--all"])?.is_empty(),
        2 => containers(stage, project, &["--all"])?.len() > 1,
        _ => !containers(stage, project, &[])?.is_empty(),
    })
}

fn networks(stage: &Stage, project: &str) -> Result<Vec<String>> {
    let filter = format!("--filter=label=com.docker.compose.project={project}");
    lines(stage, &["network", "ls", "--quiet", &filter])
}

fn containers(stage: &Stage, project: &str, options: &[&str]) -> Result<Vec<String>> {
    let filter = format!("--filter=label=com.docker.compose.project={project}");
    lines(stage, &[&["ps", "--quiet", &filter], options].concat())
}

fn lines(stage: &Stage, arguments: &[&str]) -> Result<Vec<String>> {
    let text = stage.daemon.docker(arguments)?;
    Ok(text.lines().map(str::to_owned).collect())
}

#[test]
fn whatever_a_cancelled_compose_leaves_is_told_and_removed() -> Result<()> {
    Stage::raise(&[])?.play(|stage| {
        stage.daemon.import_busybox()?;
        let directory = stage.daemon.directory().join("shop");
        fs::create_dir(&directory)?;
        let text = format!("version: '3.5'\n{}", COMPOSE.replace("BUSYBOX", BUSYBOX));
        fs::write(directory.join("docker-compose.yml"), text)?;
        let seeds: Vec<Seed> = (0..SEEDS).map(Seed).collect();
        let mut cancelled = Vec::new();
        for seed in seeds {
            if seed.cancel(stage, &directory)? {
                cancelled.push(seed);
            } else {
                // Compose was done first: what it made is a project in use, and nobody's ghost.
                let down = ["down", "--timeout=0"];
                stage.daemon.compose(&directory, &seed.project(), &down)?;
            }
        }
        let mut left = 0;
        for seed in &cancelled {
            left += u32::from(is_told_and_removed(stage, *seed)?);
        }
        ensure!(left > 0, "every compose came up before it was killed");
        let rest = lines(stage, &["ps", "--all", "--quiet"])?;
        ensure!(rest.is_empty(), "{rest:?}");
        let rest = lines(stage, &["network", "ls", "--quiet", "--filter=type=custom"])?;
        ensure!(rest.is_empty(), "{rest:?}");
        Ok(())
    })
}

/// Whether the seed left anything at all.
fn is_told_and_removed(stage: &mut Stage, seed: Seed) -> Result<bool> {
    let project = seed.project();
    if networks(stage, &project)?.is_empty() {
        return Ok(false);
    }
    // Docker starts by itself what it was told to start: then the project is in use, and is told of
    // only when nothing of it runs any more.
    let running = containers(stage, &project, &[])?;
    if !running.is_empty() {
        let said = told(stage, &project)?;
        ensure!(
            said.is_none_or(|it| is_phase(&it, "resolved")),
            "{project} is in use"
        );
        let stop = ["stop", "--time=0"];
        let running: Vec<&str> = running.iter().map(String::as_str).collect();
        stage.daemon.docker(&[&stop[..], &running].concat())?;
    }
    let is_its = |f: &Value| is_ghost(f, "leftover-project") && is_of(f, &project);
    let ghost = stage.state(is_its).with_context(|| format!("{seed:?}"))?;
    is_explained(&ghost, seed)?;
    // What was left when it was told first may have been more a moment later.
    let latest = told(stage, &project)?.context("the ghost")?;
    let command = typed(&latest, "command")?;
    if seed.0.is_multiple_of(5) {
        is_not_touched_while_in_use(stage, &project, &command)?;
    }
    type_in(&stage.lab.srv, &command)?;
    ensure!(networks(stage, &project)?.is_empty(), "{command}");
    ensure!(
        containers(stage, &project, &["--all"])?.is_empty(),
        "{command}"
    );
    Ok(true)
}

/// The last thing said of the project's ghost.
fn told(stage: &Stage, project: &str) -> Result<Option<Value>> {
    let is_its = |f: &Value| is_ghost(f, "leftover-project") && is_of(f, project);
    Ok(stage.everything()?.into_iter().rev().find(is_its))
}

fn is_of(finding: &Value, project: &str) -> bool {
    at(finding, "bridgetrace.docker_network.compose_project") == project
}

/// Who killed it, and that nobody will finish it.
fn is_explained(ghost: &Value, seed: Seed) -> Result<()> {
    let project = seed.project();
    holds(
        ghost,
        &[
            ("bridgetrace.finding.verdict", json!("confirmed")),
            (
                "bridgetrace.docker_network.name",
                json!(format!("{project}_default")),
            ),
            ("bridgetrace.ci.job_id", json!(seed.job())),
            ("bridgetrace.ci.pipeline_id", json!("815")),
        ],
    )?;
    ensure!(evidence(ghost).contains(&"signal"), "{ghost:#}");
    ensure!(
        at(ghost, "bridgetrace.ghost.holds.0").is_string(),
        "{ghost:#}"
    );
    Ok(())
}

/// One container of the project runs again: the command finds it and does nothing.
fn is_not_touched_while_in_use(stage: &Stage, project: &str, command: &str) -> Result<()> {
    let before = containers(stage, project, &["--all"])?;
    let label = format!("--label=com.docker.compose.project={project}");
    let run = [
        "run",
        "--detach",
        "--name=again",
        &label,
        BUSYBOX,
        "sleep",
        "600",
    ];
    stage.daemon.docker(&run)?;
    refuses(&stage.lab.srv, command)?;
    ensure!(!networks(stage, project)?.is_empty(), "{command}");
    stage.daemon.docker(&["rm", "--force", "again"])?;
    let after = containers(stage, project, &["--all"])?;
    ensure!(before == after, "{before:?} are {after:?} after\n{command}");
    wait_for("docker to forget it", SOON, || {
        containers(stage, project, &[])
            .is_ok_and(|it| it.is_empty())
            .then_some(())
    })
}

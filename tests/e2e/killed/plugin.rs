//! Compose 2.40 as a plugin of docker's client, with the engine of its time, is killed mid-`up`.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use bridgetrace_lab::{Dockerd, Engine, Topology, preflight, wait_for, wait_until};
use serde_json::{Value, json};

use super::scene::{Runner, child_named, is_true, project, told, truth};
use crate::outage::stage::{SOON, Stage, at, holds, is_phase, trace};

fn raise() -> Result<Stage> {
    preflight::require()?;
    let lab = Topology::new()?;
    let daemon = Dockerd::start_with(&lab.srv, Engine::V28.options()?)?;
    let tracer = trace(&lab.srv, &daemon, &[])?;
    Ok(Stage {
        lab,
        daemon,
        tracer,
    })
}

/// The client lives on for a moment: the plugin is whom the signal was for, and whose project it was.
#[test]
fn a_killed_compose_plugin_names_the_runner_the_project_and_what_is_left() -> Result<()> {
    raise()?.play(|stage| {
        stage.daemon.import_busybox()?;
        let directory = project(stage, "shop")?;
        let up = stage.daemon.plugin_command(&directory, "shop", &["up"])?;
        let runner = Runner::start(stage, "runner", &up)?;
        // The client has asked its plugins before what they are, by processes of their own.
        let plugin = child_named(runner.child()?, "docker-compose", "up")?;
        wait_until("the project's network", SOON, || {
            let networks = stage.daemon.docker(&["network", "ls"])?;
            Ok(networks.contains("shop_default"))
        })?;
        let (target, sender) = (truth(plugin)?, truth(runner.process.id())?);
        runner.order(&format!("kill -KILL {plugin}; wait $child"))?;

        let finding = told(stage, plugin, |_| true)?;
        is_true(&finding, "target", &target)?;
        is_true(&finding, "sender", &sender)?;
        holds(
            &finding,
            &[
                ("process.name", json!("docker-compose")),
                ("bridgetrace.signal.name", json!("SIGKILL")),
                ("bridgetrace.signal.target.role", json!("compose")),
                ("bridgetrace.signal.project", json!("shop")),
                ("bridgetrace.ci.job_id", json!("98123")),
            ],
        )?;
        let left =
            |f: &Value| at(f, "bridgetrace.signal.left.networks") == &json!(["shop_default"]);
        let left = told(stage, plugin, left)?;
        same_containers(stage, &left)?;
        down(stage, &directory)?;
        told(stage, plugin, |f| is_phase(f, "resolved")).map(drop)
    })
}

/// What is told as left are the project's containers, whatever the daemon still did with them.
fn same_containers(stage: &Stage, left: &Value) -> Result<()> {
    let filter = "--filter=label=com.docker.compose.project=shop";
    let there = wait_for("docker's list", SOON, || {
        stage
            .daemon
            .docker(&["ps", "--all", filter, "--format={{.Names}}"])
            .ok()
    })?;
    let told = at(left, "bridgetrace.signal.left.containers").as_array();
    let mut names = told
        .into_iter()
        .flatten()
        .filter_map(|it| it["name"].as_str());
    ensure!(
        names.all(|name| there.lines().any(|it| it == name)),
        "{there}: {left:#}"
    );
    Ok(())
}

fn down(stage: &Stage, directory: &Path) -> Result<()> {
    let mut down = stage
        .daemon
        .plugin_command(directory, "shop", &["down", "--timeout=0"])?;
    let done = down.output().context("docker compose down")?;
    ensure!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    Ok(())
}

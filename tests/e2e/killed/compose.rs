//! A pipeline is cancelled while compose is at work.

use std::fs;

use anyhow::{Result, ensure};
use bridgetrace_lab::wait_until;
use serde_json::json;

use super::scene::{Runner, is_end_of, is_true, program, project, runs_compose, told, truth};
use crate::outage::stage::{SOON, Stage, at, holds, is_phase};

/// SIGTERM, then SIGKILL: one finding, in which both sides are what `/proc` said of them, with the
/// job, and what is left until it is removed.
#[test]
fn a_cancelled_compose_up_names_the_runner_the_job_and_what_is_left() -> Result<()> {
    Stage::raise(&[])?.play(|stage| {
        stage.daemon.import_busybox()?;
        let directory = project(stage, "shop")?;
        let up = stage.daemon.compose_command(&directory, "shop", &["up"]);
        let runner = Runner::start(stage, "runner", &up)?;
        let compose = runner.child()?;
        runs_compose(compose)?;
        wait_until("the project's network", SOON, || {
            let networks = stage.daemon.docker(&["network", "ls"])?;
            Ok(networks.contains("shop_default"))
        })?;
        let (target, sender) = (truth(compose)?, truth(runner.process.id())?);
        runner.order("kill -TERM $child; kill -KILL $child; wait $child")?;

        let both = |evidence: &serde_json::Value| evidence.as_array().map(Vec::len) == Some(2);
        let finding = told(stage, compose, |f| both(at(f, "bridgetrace.evidence")))?;
        is_true(&finding, "target", &target)?;
        is_true(&finding, "sender", &sender)?;
        holds(
            &finding,
            &[
                ("process.pid", json!(compose)),
                ("bridgetrace.signal.name", json!("SIGKILL")),
                ("bridgetrace.signal.number", json!(9)),
                ("bridgetrace.signal.code", json!("SI_USER")),
                ("bridgetrace.signal.target.role", json!("compose")),
                ("bridgetrace.signal.project", json!("shop")),
                ("bridgetrace.ci.job_id", json!("98123")),
                ("bridgetrace.ci.pipeline_id", json!("40112")),
            ],
        )?;
        let left = |f: &serde_json::Value| {
            at(f, "bridgetrace.signal.left.networks") == &json!(["shop_default"])
        };
        let updated = told(stage, compose, left)?;
        stage
            .daemon
            .compose(&directory, "shop", &["down", "--timeout=0"])?;
        let id = at(&finding, "bridgetrace.finding.id");
        ensure!(at(&updated, "bridgetrace.finding.id") == id, "{updated:#}");
        let over = told(stage, compose, |f| is_phase(f, "resolved"))?;
        ensure!(at(&over, "bridgetrace.finding.id") == id, "{over:#}");
        let told = stage.everything()?;
        let opened = told
            .iter()
            .filter(|f| is_end_of(f, compose) && is_phase(f, "opened"));
        ensure!(opened.count() == 1, "{told:#?}");
        ensure!(
            !format!("{told:?}").contains("secret-of-the-job"),
            "a secret"
        );
        Ok(())
    })
}

/// Compose under the name of its interpreter, ended by a tool that is gone at once: its command line
/// is what tells what it was, and its parents who is behind it.
#[test]
fn compose_is_known_under_its_interpreters_name_and_who_sent_the_messenger() -> Result<()> {
    Stage::raise(&[])?.play(|stage| {
        let directory = project(stage, "night")?;
        fs::write(
            directory.join("docker-compose"),
            "import time; time.sleep(600)\n",
        )?;
        let python = program(&directory, "unused")?.with_file_name("docker-compose");
        let mut run = stage.lab.srv.command("/usr/bin/python3");
        run.arg(python).args(["--project-name", "night", "up"]);
        run.current_dir(&directory);
        let runner = Runner::start(stage, "runner", &run)?;
        let compose = runner.child()?;
        runner.order("env kill -TERM $child")?;
        let finding = told(stage, compose, |_| true)?;
        holds(
            &finding,
            &[
                ("process.name", json!("python3")),
                ("bridgetrace.signal.name", json!("SIGTERM")),
                ("bridgetrace.signal.target.role", json!("compose")),
                ("bridgetrace.signal.project", json!("night")),
                ("bridgetrace.signal.sender.name", json!("kill")),
            ],
        )?;
        let said = at(&finding, "event.reason").as_str().unwrap_or_default();
        let behind = format!("started by gitlab-runner (pid {})", runner.process.id());
        ensure!(said.contains(&behind), "{said}");
        Ok(())
    })
}

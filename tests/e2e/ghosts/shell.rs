//! A job of the shell executor between two calls of docker: nothing of docker's runs, and its project is in use
//! all the same.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use bridgetrace_lab::docker::BUSYBOX;
use bridgetrace_lab::{Dockerd, Topology, preflight, wait_for};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::json;

use super::scene::{age, is_ghost, type_in, typed};
use crate::check::look::Look;
use crate::outage::stage::{SOON, holds};

/// A runner, and the shell of its job that waits in the job's checkout.
struct Runner(std::process::Child);

impl Runner {
    fn start(program: &Path, checkout: &Path) -> Result<Self> {
        // A shell by the runner's name: what counts is who descends from it.
        fs::copy("/bin/bash", program).context("copy a shell")?;
        let job = "export CI_JOB_ID=4711; sleep 600; true";
        let script = format!("cd {} && bash -c '{job}'; true", checkout.display());
        let mut command = Command::new(program);
        command.args(["-c", &script]).process_group(0);
        let child = command.stdin(Stdio::null()).spawn()?;
        let runner = Self(child);
        let children = format!("/proc/{0}/task/{0}/children", runner.0.id());
        wait_for("the job to begin", SOON, || {
            let shell = fs::read_to_string(&children).ok()?;
            let shell = shell.trim();
            let job = fs::read_to_string(format!("/proc/{shell}/task/{shell}/children"));
            job.is_ok_and(|job| !job.trim().is_empty()).then_some(())
        })?;
        Ok(runner)
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        let group = i32::try_from(self.0.id()).unwrap_or(i32::MAX);
        killpg(Pid::from_raw(group), Signal::SIGKILL).ok();
        self.0.wait().ok();
    }
}

#[test]
fn a_project_is_no_ghost_while_the_shell_of_its_job_lives() -> Result<()> {
    preflight::require()?;
    let lab = Topology::new()?;
    let mut daemon = Dockerd::start(&lab.srv)?;
    daemon.import_busybox()?;
    let checkout = daemon.directory().join("builds/t1/0/shop/backend");
    fs::create_dir_all(&checkout)?;
    let project = "--label=com.docker.compose.project=shop";
    let folder = format!(
        "--label=com.docker.compose.project.working_dir={}",
        checkout.display()
    );
    daemon.docker(&["network", "create", project, "shop_default"])?;
    let net = "--network=shop_default";
    daemon.docker(&["run", "--name=web", net, project, &folder, BUSYBOX, "true"])?;
    age(&mut daemon)?;

    let endpoint = daemon.client().endpoint();
    let look = || Look::at(&lab.srv, &["--docker-host", &endpoint]);
    let runner = Runner::start(&daemon.directory().join("gitlab-runner"), &checkout)?;
    look()?.ended(0)?;
    // The job is over.
    drop(runner);
    let found = look()?;
    found.ended(1)?;
    let [told] = found.findings.as_slice() else {
        anyhow::bail!("{found:#?}");
    };
    ensure!(is_ghost(told, "leftover-project"), "{told:#}");
    holds(
        told,
        &[("bridgetrace.ci.project_path", json!("shop/backend"))],
    )?;
    type_in(&lab.srv, &typed(told, "command")?)?;
    look()?.ended(0)
}

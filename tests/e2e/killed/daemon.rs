//! What docker does all day is not worth a word; the end of the daemon is.

use std::io::Write;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use bridgetrace_lab::docker::BUSYBOX;
use bridgetrace_lab::{Process, wait_until};
use nix::sys::signal::Signal;
use serde_json::json;

use super::scene::{is_end_of, is_kill, program, project, told};
use crate::outage::stage::{SOON, Stage, holds};

#[test]
fn the_end_of_a_daemon_is_told_and_the_end_of_containers_is_not() -> Result<()> {
    Stage::raise(&[])?.play(|stage| {
        stage.daemon.import_busybox()?;
        containers_end(stage)?;
        ctrl_c(stage)?;
        a_reader_is_ended(stage)?;
        let daemon = stage.daemon.pid()?;
        by_a_package_manager(stage, daemon)?;
        let finding = told(stage, daemon, |_| true)?;
        holds(
            &finding,
            &[
                ("bridgetrace.signal.name", json!("SIGTERM")),
                ("bridgetrace.signal.target.role", json!("dockerd")),
                ("bridgetrace.signal.sender.name", json!("systemctl")),
                (
                    "bridgetrace.signal.sender.ancestry.0.name",
                    json!("apt-get"),
                ),
            ],
        )?;
        // It is the only one so far: what went before was silent.
        let kills = stage.everything()?.into_iter().filter(is_kill);
        ensure!(kills.count() == 1, "{:#?}", stage.everything()?);

        stage.daemon.restart()?;
        let daemon = stage.daemon.pid()?;
        stage.daemon.kill()?;
        let finding = told(stage, daemon, |_| true)?;
        holds(
            &finding,
            &[
                ("bridgetrace.signal.name", json!("SIGKILL")),
                ("bridgetrace.signal.sender.pid", json!(std::process::id())),
            ],
        )?;
        // Its containerd and shims went with it.
        let kills = stage.everything()?.into_iter().filter(is_kill);
        let others: Vec<_> = kills.filter(|f| !is_end_of(f, daemon)).collect();
        ensure!(others.len() == 1, "{others:#?}");
        Ok(())
    })
}

/// `docker stop` of what obeys and of what does not, `docker kill`, `rm --force`, `compose down`.
fn containers_end(stage: &Stage) -> Result<()> {
    let daemon = &stage.daemon;
    let run = ["run", "--detach"];
    let sleep = [BUSYBOX, "sleep", "600"];
    for name in [
        "--name=obeys",
        "--name=deaf",
        "--name=killed",
        "--name=forced",
    ] {
        let init: &[&str] = if name == "--name=deaf" {
            &[]
        } else {
            &["--init"]
        };
        daemon.docker(&[&run[..], init, &[name], &sleep].concat())?;
    }
    daemon.docker(&["stop", "obeys"])?;
    daemon.docker(&["stop", "--time=0", "deaf"])?;
    daemon.docker(&["kill", "killed"])?;
    daemon.docker(&["rm", "--force", "forced"])?;
    let directory = project(stage, "day")?;
    daemon.compose(&directory, "day", &["up", "--detach"])?;
    daemon.compose(&directory, "day", &["down", "--timeout=0"])?;
    Ok(())
}

/// Somebody types Ctrl-C at a container that runs in the foreground.
fn ctrl_c(stage: &Stage) -> Result<()> {
    let docker = "docker run --rm --init --name=foreground busybox:lab sleep 600";
    // `script` gives its command a terminal of its own, and types what it reads.
    let mut command = stage.daemon.command(&[]);
    let environment: Vec<_> = command
        .get_envs()
        .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
        .collect();
    command = stage.lab.srv.command("script");
    command.args(["--quiet", "--return", "--command", docker, "/dev/null"]);
    command.envs(environment);
    command.stdin(Stdio::piped()).stdout(Stdio::null());
    let mut script = Process::spawn(command)?;
    let running = || stage.daemon.docker(&["ps", "--format={{.Names}}"]);
    wait_until("the foreground container", SOON, || {
        Ok(running()?.contains("foreground"))
    })?;
    let stdin = script.child().stdin.as_mut();
    stdin.context("no stdin")?.write_all(b"\x03")?;
    script.wait(SOON)?;
    ensure!(!running()?.contains("foreground"), "it still runs");
    Ok(())
}

/// A script ends the `docker logs` it follows.
fn a_reader_is_ended(stage: &Stage) -> Result<()> {
    let daemon = &stage.daemon;
    daemon.docker(&[
        "run",
        "--detach",
        "--init",
        "--name=web",
        BUSYBOX,
        "sleep",
        "600",
    ])?;
    let mut command = daemon.command(&["logs", "--follow", "web"]);
    command.stdout(Stdio::null());
    let mut logs = Process::spawn(command)?;
    let comm = format!("/proc/{}/comm", logs.id());
    wait_until("docker logs to start", SOON, || {
        Ok(std::fs::read_to_string(&comm)? == "docker\n")
    })?;
    logs.signal(Signal::SIGTERM)?;
    logs.wait(SOON)?;
    Ok(())
}

/// As a package manager does: it runs a tool, which asks the daemon to end.
fn by_a_package_manager(stage: &mut Stage, daemon: u32) -> Result<()> {
    let folder = stage.daemon.directory().join("packages");
    std::fs::create_dir(&folder)?;
    let systemctl = program(&folder, "systemctl")?;
    let apt = program(&folder, "apt-get")?;
    let mut command = stage.lab.srv.command(&apt.display().to_string());
    // A second command, so that the shell stays and does not become the first.
    let script = format!(
        "{} -c 'kill -TERM {daemon}; :'; sleep 600",
        systemctl.display()
    );
    command.args(["-c", &script]);
    let _upgrade: Process = Process::spawn(command)?;
    wait_until("the daemon's end", SOON, || {
        Ok(!std::path::Path::new(&format!("/proc/{daemon}")).exists())
    })
}

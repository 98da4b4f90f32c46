//! The CI snippet of docs/, run as a runner's shell executor runs it: whatever ends the job, nothing of it
//! is left.

use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bridgetrace_lab::docker::BUSYBOX;
use bridgetrace_lab::{Dockerd, Engine, Process, Topology, preflight, tracer, wait_until};
use nix::sys::signal::Signal;
use serde_json::json;

const SNIPPET: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/gitlab-ci.yml");
/// A container is stopped within a second here; on a busy machine all takes longer.
const SOON: Duration = Duration::from_secs(60);
/// 128 and SIGTERM: what a shell that was told to end says.
const TERMINATED: i32 = 143;

const CUSTOM_NETWORKS: [&str; 5] = ["network", "ls", "--quiet", "--filter", "type=custom"];

/// The lines of a list in the snippet, as YAML reads them: plain scalars only.
fn lines(snippet: &str, key: &str) -> Result<Vec<String>> {
    let head = format!("{key}:");
    let mut rest = snippet.lines().skip_while(|line| line.trim() != head);
    rest.next().with_context(|| format!("no {key}"))?;
    let inside = rest.take_while(|line| {
        let line = line.trim_start();
        line.starts_with('-') || line.starts_with('#')
    });
    let items = inside.filter_map(|line| line.trim_start().strip_prefix("- "));
    let items: Vec<String> = items.map(str::to_owned).collect();
    ensure!(!items.is_empty(), "nothing in {key}");
    Ok(items)
}

/// A job on a runner's host.
struct Job {
    daemon: Dockerd,
    /// Its checkout.
    folder: PathBuf,
    script: String,
    after: String,
    lab: Topology,
}

impl Job {
    fn prepare() -> Result<Self> {
        preflight::require()?;
        let lab = Topology::new()?;
        // Pools that cover nobody whom the snippet wants to stay reachable.
        let pools = json!({"default-address-pools": [{"base": "10.201.0.0/16", "size": 24}]});
        let daemon = Dockerd::start_with(&lab.srv, Engine::V28.options()?.config(pools))?;
        daemon.import_busybox()?;
        install_compose(&daemon)?;
        let folder = daemon.directory().join("builds");
        fs::create_dir(&folder)?;
        let service = format!(
            "image: {BUSYBOX}\n    command: sleep 600\n    stop_grace_period: 1s\n    volumes: [data:/data]"
        );
        let project = format!("services:\n  app:\n    {service}\nvolumes:\n  data:\n");
        fs::write(folder.join("compose.yml"), project)?;
        let snippet = fs::read_to_string(SNIPPET).with_context(|| SNIPPET.to_owned())?;
        let mut script = lines(&snippet, "before_script")?;
        script.extend(lines(&snippet, "script")?);
        let after = lines(&snippet, "after_script")?.join("\n");
        let variable = "COMPOSE_PROJECT_NAME: \"ci-$CI_JOB_ID\"";
        ensure!(snippet.contains(variable), "another project name");
        let script = script.join("\n");
        Ok(Self {
            daemon,
            folder,
            script,
            after,
            lab,
        })
    }

    /// A shell that the runner starts, with the job's variables.
    fn shell(&self, script: &str, number: u32) -> Result<Command> {
        let binary = tracer::binary()?;
        let programs = binary.parent().context("no folder")?;
        let path = format!("{}:{}", programs.display(), variable(&self.daemon, "PATH")?);
        let mut command = self.lab.srv.command("bash");
        command
            .args(["-c", &format!("set -eo pipefail\n{script}")])
            .env("DOCKER_HOST", self.daemon.endpoint())
            .env("DOCKER_CONFIG", variable(&self.daemon, "DOCKER_CONFIG")?)
            .env("PATH", path)
            .env("CI_JOB_ID", number.to_string())
            .env("COMPOSE_PROJECT_NAME", format!("ci-{number}"))
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        Ok(command)
    }

    /// Starts the job and waits until its container runs.
    fn start(&self, number: u32) -> Result<Process> {
        let mut job = Process::spawn(self.shell(&self.script, number)?)?;
        wait_until("the job's container to run", SOON, || {
            ensure!(job.exited()?.is_none(), "the job ended by itself");
            Ok(!self.docker(&["ps", "-q"])?.is_empty())
        })?;
        let networks = self.docker(&CUSTOM_NETWORKS)?;
        ensure!(!networks.is_empty(), "the job has no network");
        Ok(job)
    }

    /// The runner's last shell.
    fn clean_up(&self, number: u32) -> Result<()> {
        let mut shell = Process::spawn(self.shell(&self.after, number)?)?;
        let status = shell.wait(SOON)?;
        ensure!(status.success(), "after_script: {status}");
        Ok(())
    }

    fn docker(&self, arguments: &[&str]) -> Result<String> {
        self.daemon.docker(arguments)
    }

    fn nothing_is_left(&self) -> Result<()> {
        for what in [
            &["ps", "--all", "--quiet"][..],
            &CUSTOM_NETWORKS,
            &["volume", "ls", "--quiet"],
        ] {
            let left = self.docker(what)?;
            ensure!(left.is_empty(), "{what:?}: {left}");
        }
        Ok(())
    }
}

/// What the daemon's own client has as that variable.
fn variable(daemon: &Dockerd, name: &str) -> Result<String> {
    let client = daemon.client().command(&[]);
    let mut all = client.get_envs();
    let found = all.find_map(|(known, value)| (known == name).then_some(value?));
    let found = found.with_context(|| format!("no {name}"))?;
    Ok(found.to_string_lossy().into_owned())
}

/// `docker compose` finds its plugin in the client's own folder.
fn install_compose(daemon: &Dockerd) -> Result<()> {
    let plugins = Path::new(&variable(daemon, "DOCKER_CONFIG")?).join("cli-plugins");
    let path = variable(daemon, "PATH")?;
    let mut programs = env::split_paths(&path).map(|folder| folder.join("docker-compose"));
    let compose = programs.find(|it| it.is_file()).context("no compose")?;
    fs::create_dir(&plugins)?;
    symlink(compose, plugins.join("docker-compose"))?;
    Ok(())
}

/// Cancelled, the trap cleans up at once; killed without a word, the last shell does. Neither leaves
/// anything, and the last shell has nothing to complain of either way.
#[test]
fn a_job_leaves_nothing_however_it_ends() -> Result<()> {
    let job = Job::prepare()?;

    let mut cancelled = job.start(1)?;
    cancelled.signal(Signal::SIGTERM)?;
    let status = cancelled.wait(SOON)?;
    ensure!(
        status.code() == Some(TERMINATED),
        "the job ended with {status}"
    );
    job.nothing_is_left().context("after the trap")?;
    job.clean_up(1)?;

    let mut killed = job.start(2)?;
    killed.signal(Signal::SIGKILL)?;
    killed.wait(SOON)?;
    job.clean_up(2)?;
    job.nothing_is_left().context("after the last shell")
}

#[test]
fn lists_of_the_snippet_are_read_to_their_end() -> Result<()> {
    let snippet = "a:\n  before_script:\n    # why\n    - one: two\n    - three\n  after_script:\n    - four\n";
    ensure!(lines(snippet, "before_script")? == ["one: two", "three"]);
    ensure!(lines(snippet, "after_script")? == ["four"]);
    ensure!(lines(snippet, "script").is_err());
    Ok(())
}

//! A runner that starts compose for a job and ends it when the job is cancelled.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use bridgetrace_lab::docker::BUSYBOX;
use bridgetrace_lab::{Process, wait_for};
use serde_json::{Value, json};

use crate::outage::stage::{SOON, Stage, at};

/// The job whose environment the runner gives to what it starts.
pub(super) const JOB: [(&str, &str); 3] = [
    ("CI_JOB_ID", "98123"),
    ("CI_PIPELINE_ID", "40112"),
    ("CI_JOB_TOKEN", "secret-of-the-job"),
];

/// A shell under the runner's name. It starts the words after its script, writes down their pid, and
/// does what it is told in `orders` once that is there.
pub(super) struct Runner {
    pub(super) process: Process,
    folder: PathBuf,
}

const SCRIPT: &str = r#"
cd "$1"; folder=$2; shift 2
"$@" >"$folder/output" 2>&1 </dev/null &
child=$!
echo $child >"$folder/pid"
until [ -e "$folder/orders" ]; do sleep 0.02; done
. "$folder/orders"
while :; do sleep 1; done
"#;

impl Runner {
    /// Starts `command` (of the stage's daemon) in its directory, as the job's.
    pub(super) fn start(stage: &Stage, name: &str, command: &Command) -> Result<Self> {
        let folder = stage.daemon.directory().join(name);
        fs::create_dir_all(&folder).context("create the runner's folder")?;
        let program = program(&folder, "gitlab-runner")?;
        let directory = command.get_current_dir().unwrap_or(Path::new("/"));
        let mut runner = stage.lab.srv.command(&program.display().to_string());
        runner.args(["-c", SCRIPT, "gitlab-runner"]);
        runner.arg(directory).arg(&folder);
        // The first words of the command enter the namespace, where the runner is already.
        runner.args(command.get_args().skip(1));
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => runner.env(name, value),
                None => runner.env_remove(name),
            };
        }
        runner.envs(JOB).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Self {
            process: Process::spawn(runner)?,
            folder,
        })
    }

    /// The pid of what it started.
    pub(super) fn child(&self) -> Result<u32> {
        let file = self.folder.join("pid");
        wait_for("the runner's child", SOON, || {
            fs::read_to_string(&file).ok()?.trim().parse().ok()
        })
    }

    /// The exit status of the child, once the runner has been ordered to write it down.
    pub(super) fn status(&self) -> Result<u32> {
        let file = self.folder.join("status");
        wait_for("the child's end", SOON, || {
            fs::read_to_string(&file).ok()?.trim().parse().ok()
        })
    }

    /// Has the runner do something to `$child`.
    pub(super) fn order(&self, shell: &str) -> Result<()> {
        let draft = self.folder.join("draft");
        fs::write(&draft, shell)?;
        fs::rename(draft, self.folder.join("orders")).context("give the order")
    }
}

/// The child of this name, with this word in its command line, that a process has or gets soon.
pub(crate) fn child_named(parent: u32, name: &str, word: &str) -> Result<u32> {
    wait_for(&format!("{name} below process {parent}"), SOON, || {
        let all = fs::read_dir("/proc").ok()?.flatten();
        let mut pids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        pids.find(|pid| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            let fields = stat.rsplit_once(") ").map(|(_, fields)| fields);
            let its = fields.and_then(|fields| fields.split(' ').nth(1)?.parse().ok());
            let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            its == Some(parent)
                && stat.contains(&format!("({name})"))
                && line.split_terminator('\0').any(|it| it == word)
        })
    })
}

/// A shell under another name.
pub(crate) fn program(folder: &Path, name: &str) -> Result<PathBuf> {
    let path = folder.join(name);
    fs::copy("/bin/bash", &path).with_context(|| format!("make {name}"))?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    Ok(path)
}

/// A project of one service in a directory of its own.
pub(super) fn project(stage: &Stage, name: &str) -> Result<PathBuf> {
    let directory = stage.daemon.directory().join("builds").join(name);
    fs::create_dir_all(&directory).context("create the project")?;
    let service = format!("image: {BUSYBOX}\n    init: true\n    command: sleep 600");
    fs::write(
        directory.join("docker-compose.yml"),
        format!("services:\n  web:\n    {service}\n"),
    )?;
    Ok(directory)
}

/// Waits until the pid runs docker-compose: the shell's child is the shell before.
pub(super) fn runs_compose(pid: u32) -> Result<()> {
    wait_for("compose to start", SOON, || {
        let comm = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
        (comm == "docker-compose\n").then_some(())
    })
}

/// What a finding should say of a process, by `/proc` as it is now.
pub(super) fn truth(pid: u32) -> Result<Value> {
    let file = |name: &str| {
        let path = format!("/proc/{pid}/{name}");
        fs::read_to_string(&path).with_context(|| path)
    };
    let executable = fs::read_link(format!("/proc/{pid}/exe"))?;
    let line = file("cmdline")?;
    let words: Vec<&str> = line.split_terminator('\0').collect();
    Ok(json!({
        "pid": pid,
        "name": file("comm")?.trim_end(),
        "executable": executable,
        "args": words,
        "working_directory": fs::read_link(format!("/proc/{pid}/cwd"))?,
        "ancestry": ancestry(pid)?,
    }))
}

/// Seven parents at most, the closest first.
fn ancestry(mut pid: u32) -> Result<Vec<Value>> {
    let mut line = Vec::new();
    while line.len() < 7 {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        let (_, fields) = stat.rsplit_once(") ").context("no stat")?;
        let parent = fields.split(' ').nth(1).context("no parent")?;
        pid = parent.parse()?;
        if pid == 0 {
            break;
        }
        let name = fs::read_to_string(format!("/proc/{pid}/comm"))?;
        line.push(json!({"pid": pid, "name": name.trim_end()}));
    }
    Ok(line)
}

/// Fails unless a side of a finding is what `/proc` said of it.
pub(super) fn is_true(finding: &Value, side: &str, truth: &Value) -> Result<()> {
    let said = at(finding, &format!("bridgetrace.signal.{side}"));
    for (key, value) in truth.as_object().context("no truth")? {
        ensure!(
            said[key] == *value,
            "{side}: {key} is {} and not {value} in\n{finding:#}",
            said[key]
        );
    }
    let cgroups = fs::read_to_string("/proc/self/cgroup")?;
    let group = said["cgroup"].as_str().context("no control group")?;
    ensure!(cgroups.contains(group), "{group} is not in\n{cgroups}");
    Ok(())
}

/// The first finding about the end of the process in which `wanted` holds.
pub(super) fn told(stage: &mut Stage, pid: u32, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
    stage.state(|f| is_end_of(f, pid) && wanted(f))
}

pub(super) fn is_end_of(finding: &Value, pid: u32) -> bool {
    is_kill(finding) && at(finding, "bridgetrace.signal.target.pid") == pid
}

pub(super) fn is_kill(finding: &Value) -> bool {
    at(finding, "event.action") == "process-killed"
}

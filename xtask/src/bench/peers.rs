//! What an operator would reach for instead, run for real: their best filter, nothing shown, in the same namespace.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result};
use bridgetrace_lab::{Netns, Process};

use crate::{interrupt, sh};

/// bpftrace compiles first.
const READY: Duration = Duration::from_secs(60);
/// Lookups answered with a docker bridge: the name is all that the tracepoint tells of the device.
const ONE_LINER: &str = r#"tracepoint:fib:fib_table_lookup /strncmp(args->name, "br-", 3) == 0/ { printf("%s\n", args->name); }"#;
/// bpftrace looks for tracepoints below debugfs, and gives up without CAP_SYS_RESOURCE although kernels since
/// 5.11 count no locked memory: both are put right around it, in a mount namespace of its own.
const AROUND_BPFTRACE: &str =
    "mount -t debugfs debugfs /sys/kernel/debug && exec bpftrace -e \"$0\"";
const NO_LIMIT: &str = "int setrlimit(int resource, const void *limit) { return 0; }";

/// A tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Peer {
    Bpftrace,
    Tcpdump,
    PerfTrace,
}

pub(super) const PEERS: [Peer; 3] = [Peer::Bpftrace, Peer::Tcpdump, Peer::PerfTrace];

impl Peer {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Bpftrace => "bpftrace",
            Self::Tcpdump => "tcpdump",
            Self::PerfTrace => "perf trace",
        }
    }

    /// What it is asked for, in words.
    pub(super) const fn task(self) -> &'static str {
        match self {
            Self::Bpftrace => {
                "bpftrace -e 'tracepoint:fib:fib_table_lookup /strncmp(args->name, \"br-\", 3) == 0/ {…}'"
            }
            Self::Tcpdump => "tcpdump -i any -w /dev/null 'net 172.17.0.0/16'",
            Self::PerfTrace => {
                "perf trace -a -e fib:fib_table_lookup --filter 'name ~ \"br-*\"' -o /dev/null"
            }
        }
    }

    /// How to get it.
    pub(super) const fn package(self) -> &'static str {
        match self {
            Self::Bpftrace => "bpftrace",
            Self::Tcpdump => "tcpdump",
            Self::PerfTrace => "linux-perf",
        }
    }

    /// Its version, if it is installed.
    pub(super) fn version(self) -> Option<String> {
        let program = self.name().split(' ').next()?;
        let output = Command::new(program).arg("--version").output().ok()?;
        // A wrapper may be there without what it wraps.
        output.status.success().then_some(())?;
        let text = String::from_utf8_lossy(&output.stdout);
        Some(text.lines().next().unwrap_or(program).to_owned())
    }

    /// Starts it in `netns`; returns once it is at work.
    pub(super) fn start(self, netns: &Netns) -> Result<Process> {
        // What is preloaded is mapped by the time the tool is at work.
        let folder = tempfile::tempdir()?;
        let mut process = Process::spawn(self.command(netns, folder.path())?)?;
        match self {
            Self::Bpftrace => {
                let out = process.child().stdout.take().context("no stdout")?;
                says(out, "Attach")?;
                // It attaches after it has said so: `Attaching 1 probe...`, and later versions `Attached 1 probe`.
                holds(&process, "[perf_event]")?;
            }
            Self::Tcpdump => {
                let err = process.child().stderr.take().context("no stderr")?;
                says(err, "listening on")?;
            }
            Self::PerfTrace => holds(&process, "[perf_event]")?,
        }
        Ok(process)
    }

    fn command(self, netns: &Netns, folder: &Path) -> Result<Command> {
        let mut command = match self {
            Self::Bpftrace => {
                let mut command = netns.command("unshare");
                let library = no_limit(folder)?;
                command.args(["--mount", "sh", "-c", AROUND_BPFTRACE, ONE_LINER]);
                command.env("LD_PRELOAD", library).stdout(Stdio::piped());
                command
            }
            Self::Tcpdump => {
                let mut command = netns.command("tcpdump");
                command.args(["-i", "any", "-w", "/dev/null", "net", "172.17.0.0/16"]);
                command
            }
            Self::PerfTrace => {
                let mut command = netns.command("perf");
                command.args(["trace", "-a", "-e", "fib:fib_table_lookup"]);
                command.args(["--filter", "name ~ \"br-*\"", "-o", "/dev/null"]);
                command
            }
        };
        if self != Self::Bpftrace {
            command.stdout(Stdio::null());
        }
        command.stdin(Stdio::null()).stderr(Stdio::piped());
        Ok(command)
    }
}

/// Waits for a line, and goes on reading so that the pipe never fills.
fn says(pipe: impl std::io::Read + Send + 'static, what: &'static str) -> Result<()> {
    let (sender, said) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            if line.contains(what) {
                // Nobody may be waiting any more.
                sender.send(()).ok();
            }
        }
    });
    interrupt::wait_for(&format!("`{what}`"), READY, || Ok(said.try_recv().ok()))
}

/// Waits until the process holds a file of this kind.
fn holds(process: &Process, kind: &str) -> Result<()> {
    let folder = format!("/proc/{}/fd", process.id());
    interrupt::wait_for(&format!("{folder} to hold {kind}"), READY, || {
        let files = std::fs::read_dir(&folder).into_iter().flatten();
        let mut targets = files.filter_map(|file| std::fs::read_link(file.ok()?.path()).ok());
        let held = targets.any(|target| target.to_string_lossy().contains(kind));
        Ok(held.then_some(()))
    })
}

/// A library whose `setrlimit` does nothing, made by the C compiler that the build needs anyway.
fn no_limit(folder: &Path) -> Result<PathBuf> {
    let (source, library) = (folder.join("limit.c"), folder.join("limit.so"));
    std::fs::write(&source, NO_LIMIT)?;
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-fPIC", "-o"]);
    sh::read(cc.arg(&library).arg(&source))?;
    Ok(library)
}

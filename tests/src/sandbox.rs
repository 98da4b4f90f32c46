//! A daemon in namespaces of its own: pids and mounts new, network as given.
//!
//! The daemon is process 1 of its pid namespace, so one SIGKILL ends it with all its
//! children within milliseconds, and its mounts go with its mount namespace.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use nix::{errno::Errno, sys::signal::Signal};

use crate::process::signal_pid;
use crate::{Netns, Process, wait_for};

const DEATH: Duration = Duration::from_secs(10);

pub(crate) struct Sandbox {
    /// `unshare`, which waits for the daemon and dies with it.
    outer: Process,
    /// The daemon: process 1 inside, this number outside.
    init: u32,
}

/// What to run in a [`Sandbox`].
pub(crate) struct Plan<'a> {
    pub(crate) netns: &'a Netns,
    /// Shell commands to run inside first: mounts.
    pub(crate) prelude: &'a str,
    pub(crate) program: &'a str,
    pub(crate) arguments: &'a [String],
    pub(crate) path: &'a OsStr,
    /// Where stdout and stderr are appended.
    pub(crate) log: &'a Path,
}

impl Sandbox {
    pub(crate) fn start(plan: &Plan<'_>) -> Result<Self> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(plan.log)
            .with_context(|| format!("open {}", plan.log.display()))?;
        let mut command = Command::new("setsid");
        command
            .args([
                "unshare",
                "--pid",
                "--fork",
                "--kill-child=KILL",
                "--mount",
                "--mount-proc",
            ])
            .arg("nsenter")
            .arg(format!("--net={}", plan.netns.path().display()))
            .args([
                "sh",
                "-ec",
                &format!("{}\nexec \"$@\"", plan.prelude),
                "sh",
                plan.program,
            ])
            .args(plan.arguments)
            .env("PATH", plan.path)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        let outer = Process::spawn(command)?;
        let init = wait_for("the first process of the sandbox", DEATH, || {
            only_child(outer.id())
        })?;
        Ok(Self { outer, init })
    }

    /// The daemon's pid outside.
    pub(crate) fn pid(&self) -> u32 {
        self.init
    }

    pub(crate) fn exited(&mut self) -> Result<Option<ExitStatus>> {
        self.outer.exited()
    }

    /// Signals the daemon. The kernel delivers only what it handles, SIGKILL and SIGSTOP.
    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        signal_pid(self.init, signal).with_context(|| format!("{signal} to the daemon"))
    }

    /// Stops every thread of the daemon; returns once they stand still.
    pub(crate) fn pause(&self) -> Result<()> {
        self.signal(Signal::SIGSTOP)?;
        wait_for("the daemon to stand still", DEATH, || {
            stopped(self.init).then_some(())
        })
    }

    /// Ends the daemon and all its children at once.
    pub(crate) fn kill(&mut self) -> Result<()> {
        if self.outer.exited()?.is_none() {
            self.signal(Signal::SIGKILL)?;
            // unshare ends after the kernel has emptied the pid namespace.
            self.outer.wait(DEATH)?;
        }
        Ok(())
    }

    /// Asks the daemon to end. What is still there after `timeout` is killed: an error.
    pub(crate) fn terminate(&mut self, timeout: Duration) -> Result<ExitStatus> {
        if self.outer.exited()?.is_none() {
            // A paused daemon has to wake up to hear it. It may have ended by itself, before `outer` has.
            for signal in [Signal::SIGTERM, Signal::SIGCONT] {
                match self.signal(signal) {
                    Err(error) if error.downcast_ref() == Some(&Errno::ESRCH) => {}
                    done => done?,
                }
            }
        }
        self.outer
            .wait(timeout)
            .or_else(|error| self.kill().and(Err(error)))
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if let Err(error) = self.kill() {
            eprintln!("lab: a daemon may stay behind: {error:#}");
        }
    }
}

fn only_child(pid: u32) -> Option<u32> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
    children.trim().parse().ok()
}

fn stopped(pid: u32) -> bool {
    let still = |task: fs::DirEntry| {
        let stat = fs::read_to_string(task.path().join("stat")).unwrap_or_default();
        // The state follows the name, which may hold anything, even a parenthesis.
        stat.rsplit_once(") ")
            .is_some_and(|(_, state)| state.starts_with('T'))
    };
    fs::read_dir(format!("/proc/{pid}/task"))
        .is_ok_and(|mut tasks| tasks.all(|task| task.is_ok_and(still)))
}

//! Named network namespaces.

mod state;

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result, anyhow, ensure};
use nix::sched::{CloneFlags, setns};

use crate::{names, process, turns};

/// Where iproute2 keeps named network namespaces.
pub(crate) const DIRECTORY: &str = "/run/netns";

/// A network namespace of its own name, deleted when its last holder is dropped.
///
/// Clones are handles to the same namespace: a daemon that holds one can never outlive it.
#[derive(Clone, Debug)]
pub struct Netns(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: String,
    /// Keeps the namespace, and with it the inode number, from being reused.
    file: File,
    inum: u32,
}

impl Netns {
    /// Makes a namespace with its loopback up. `role` ends its name.
    pub fn new(role: &str) -> Result<Self> {
        turns::share();
        let name = names::unique(role);
        process::output(Command::new("ip").args(["netns", "add", &name]))?;
        let this = Self::open(name.clone()).inspect_err(|_| delete(&name))?;
        this.run(&["ip", "link", "set", "lo", "up"])?;
        Ok(this)
    }

    /// The namespace that a process is in, under a name of our own. It lives as long as
    /// the handle, whatever becomes of the process.
    pub fn attach(role: &str, pid: u32) -> Result<Self> {
        let name = names::unique(role);
        let pid = pid.to_string();
        process::output(Command::new("ip").args(["netns", "attach", &name, &pid]))?;
        Self::open(name.clone()).inspect_err(|_| delete(&name))
    }

    fn open(name: String) -> Result<Self> {
        let path = Path::new(DIRECTORY).join(&name);
        let file = File::open(&path).with_context(|| format!("open {}", path.display()))?;
        let inum = u32::try_from(file.metadata()?.ino())?;
        Ok(Self(Arc::new(Inner { name, file, inum })))
    }

    /// The name under `/run/netns`.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The file that stands for the namespace.
    pub fn path(&self) -> PathBuf {
        Path::new(DIRECTORY).join(self.name())
    }

    /// The inode number: what the kernel's `net->ns.inum` says.
    pub fn inum(&self) -> u32 {
        self.0.inum
    }

    /// A command that will run inside.
    ///
    /// By nsenter, which execs the program under the same pid. `ip netns exec` would
    /// remount /sys and hide the control groups from a dockerd.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--net={}", self.path().display()))
            .arg(program);
        command
    }

    /// Runs a command inside to its end and returns its stdout.
    pub fn run(&self, command: &[&str]) -> Result<String> {
        let (program, arguments) = command.split_first().context("an empty command")?;
        process::output(self.command(program).args(arguments))
    }

    /// Runs the lines of an `ip -batch` script: one process for a whole set-up.
    pub fn ip(&self, script: &str) -> Result<()> {
        let mut child = self
            .command("ip")
            .args(["-batch", "-"])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("start ip -batch")?;
        child
            .stdin
            .take()
            .context("ip has no stdin")?
            .write_all(script.as_bytes())?;
        let output = child.wait_with_output()?;
        let stderr = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.success(),
            "in {}: {stderr}\n{script}",
            self.name()
        );
        Ok(())
    }

    /// Runs a function on a fresh thread inside. Sockets it makes stay inside.
    pub fn enter<T: Send>(&self, function: impl FnOnce() -> T + Send) -> Result<T> {
        thread::scope(|scope| {
            let inside = scope.spawn(|| self.join().map(|()| function()));
            inside
                .join()
                .map_err(|panic| std::panic::resume_unwind(panic))
        })?
    }

    /// Like [`Netns::enter`], for a thread that goes on: servers and held connections.
    pub fn spawn<T: Send + 'static>(
        &self,
        function: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<Result<T>> {
        let this = self.clone();
        thread::spawn(move || {
            this.join()?;
            // Not held any longer: a server's thread must not keep the namespace's name.
            drop(this);
            Ok(function())
        })
    }

    fn join(&self) -> Result<()> {
        setns(&self.0.file, CloneFlags::CLONE_NEWNET)
            .map_err(|error| anyhow!("enter {}: {error}", self.name()))
    }

    /// The processes inside.
    pub fn pids(&self) -> Vec<u32> {
        pids_in(self.inum())
    }
}

/// The processes in the network namespace of this inode number.
pub fn pids_in(inum: u32) -> Vec<u32> {
    let inside = |pid: u32| {
        fs::metadata(format!("/proc/{pid}/ns/net")).is_ok_and(|file| file.ino() == u64::from(inum))
    };
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|&pid| inside(pid))
        .collect()
}

/// Deletes a namespace by name; says so on stderr if it cannot.
pub(crate) fn delete(name: &str) {
    if let Err(error) = process::output(Command::new("ip").args(["netns", "del", name])) {
        eprintln!("lab: namespace {name} stays behind: {error}");
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        delete(&self.name);
    }
}

//! Processes that end with the value that owns them, and with the test run.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::LazyLock;
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::unistd::Pid;

use crate::wait_for;

/// Runs a command to its end and returns its stdout without the trailing newline.
///
/// A failure carries the command, its status and its stderr.
pub fn output(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("start {command:?}"))?;
    ensure!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    Ok(String::from_utf8_lossy(&output.stdout)
        .trim_end()
        .to_owned())
}

/// A running process, killed on drop.
#[derive(Debug)]
pub struct Process {
    child: Child,
    what: String,
}

impl Process {
    /// Starts `command`; it dies at the latest with the test process, however that ends.
    pub fn spawn(mut command: Command) -> Result<Self> {
        let what = format!("{command:?}");
        // SAFETY: the closure runs between fork and exec and makes system calls only, prctl
        // and sigprocmask, which are async-signal-safe and allocate nothing.
        unsafe { command.pre_exec(prepare) };
        let (reply, child) = mpsc::channel();
        SPAWNER
            .send((command, reply))
            .ok()
            .context("the spawner is gone")?;
        let child = child.recv().context("the spawner is gone")?;
        Ok(Self {
            child: child.with_context(|| format!("start {what}"))?,
            what,
        })
    }

    /// The process id, as the test's own pid namespace sees it.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The child itself, for its pipes.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Sends a signal, unless the process has ended already.
    pub fn signal(&mut self, signal: Signal) -> Result<()> {
        if self.exited()?.is_some() {
            return Ok(());
        }
        signal_pid(self.id(), signal).with_context(|| format!("{signal} to {}", self.what))
    }

    /// The exit status, if the process has ended.
    pub fn exited(&mut self) -> Result<Option<ExitStatus>> {
        self.child
            .try_wait()
            .with_context(|| format!("wait for {}", self.what))
    }

    /// Waits for the end.
    pub fn wait(&mut self, timeout: Duration) -> Result<ExitStatus> {
        let what = format!("the end of {}", self.what);
        wait_for(&what, timeout, || self.exited().transpose())?
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only if the process is gone already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// In the child, before exec: the end comes with the parent's, and no signal is blocked,
/// whatever the parent blocks to be able to clean up.
fn prepare() -> io::Result<()> {
    prctl::set_pdeathsig(Signal::SIGKILL)?;
    SigSet::empty().thread_set_mask()?;
    Ok(())
}

/// Sends a signal to a process of the lab that is not a child of the test.
pub(crate) fn signal_pid(pid: u32, signal: Signal) -> Result<()> {
    kill(Pid::from_raw(pid.try_into()?), signal).context("kill")
}

type Request = (Command, Sender<io::Result<Child>>);

/// The parent-death signal follows the *thread* that forked. Tests run on threads that
/// end before things they share, so one thread that lives as long as the process starts
/// all children.
static SPAWNER: LazyLock<Sender<Request>> = LazyLock::new(|| {
    let (requests, inbox) = mpsc::channel::<Request>();
    thread::spawn(move || {
        for (mut command, reply) in inbox {
            // Nobody waits for the answer any more: the child is dropped unheard.
            reply.send(command.spawn()).ok();
        }
    });
    requests
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_carries_command_status_and_stderr() {
        let error = output(Command::new("sh").args(["-c", "echo why >&2; exit 3"])).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("echo why") && text.contains("status: 3"),
            "{text}"
        );
        assert!(text.ends_with("why\n"), "{text}");
    }

    #[test]
    fn a_process_ends_with_its_owner() {
        let mut command = Command::new("sleep");
        command.arg("600");
        let process = Process::spawn(command).unwrap();
        let pid = process.id();
        drop(process);
        assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
    }
}

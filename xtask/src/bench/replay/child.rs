//! A replay in a process of its own, and what it used.

use std::mem::MaybeUninit;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::errno::Errno;
use nix::libc;

/// What a process used.
#[derive(Clone, Copy, Debug)]
pub(super) struct Used {
    /// From its start to its end.
    pub(super) time: Duration,
    /// Most memory at once, bytes.
    pub(super) memory: u64,
}

/// Replays a recording to nowhere.
pub(super) fn replay(binary: &Path, recording: &Path) -> Result<Used> {
    let mut command = Command::new(binary);
    command.arg("replay").arg(recording);
    command.args(["--format", "jsonl"]).stdout(Stdio::null());
    let begin = Instant::now();
    let child = command
        .spawn()
        .with_context(|| format!("start {}", binary.display()))?;
    let (status, memory) = wait(child.id())?;
    ensure!(status == 0, "{command:?}: wait status {status}");
    Ok(Used {
        time: begin.elapsed(),
        memory,
    })
}

/// The wait status of a child and the most memory it ever had; only wait4(2) tells that of one alone.
fn wait(pid: u32) -> Result<(i32, u64)> {
    let pid = libc::pid_t::try_from(pid)?;
    let mut status = 0;
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: both pointers are to live memory of the right type, and the child is ours and
    // waited for nowhere else.
    let waited = unsafe { libc::wait4(pid, &raw mut status, 0, usage.as_mut_ptr()) };
    Errno::result(waited).context("wait for the replay")?;
    // SAFETY: all zeroes are a value of it, and wait4 has filled it in.
    let usage = unsafe { usage.assume_init() };
    // In KiB, see getrusage(2).
    Ok((status, u64::try_from(usage.ru_maxrss)? << 10))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::zombie_processes, reason = "`wait` reaps it by wait4(2)")]
    fn memory_and_status_are_those_of_the_child() {
        let child = Command::new("sh").args(["-c", "exit 3"]).spawn().unwrap();
        let (status, memory) = wait(child.id()).unwrap();
        assert_eq!(libc::WEXITSTATUS(status), 3);
        assert!((1 << 18..1 << 30).contains(&memory), "{memory}");
    }
}

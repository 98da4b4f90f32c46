//! The guard, as the process that sets the route sees it.

use std::{
    os::{
        fd::OwnedFd,
        unix::{net::UnixStream as Pair, process::CommandExt as _},
    },
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixStream,
    time::timeout,
};

use crate::cli::RescueGuard;

use super::guard::{DISMISS, GONE, KEEP, READY, REMOVED, REVERT};

/// A process starts within a few milliseconds, and takes a route back within one.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the guard says last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// The route is taken back.
    Removed,
    /// It was not there any more.
    Gone,
    /// Nothing: it is gone itself.
    Nothing,
}

/// A guard on watch.
pub(super) struct Leash {
    guard: Child,
    stream: UnixStream,
}

impl Leash {
    /// Starts a guard and waits until it is ready.
    pub(super) async fn start(order: &RescueGuard) -> Result<Self> {
        let (ours, theirs) = Pair::pair().context("make a socket pair")?;
        ours.set_nonblocking(true)?;
        let guard = command(order).stdin(OwnedFd::from(theirs)).spawn();
        let mut leash = Self {
            guard: guard.context("start the process that takes the route back")?,
            stream: UnixStream::from_std(ours)?,
        };
        match timeout(PATIENCE, leash.stream.read_u8()).await {
            Ok(Ok(READY)) => Ok(leash),
            _ => {
                // It may be gone already.
                let _ = leash.guard.kill();
                bail!("the process that takes the route back does not start; nothing was changed")
            }
        }
    }

    /// Its pid.
    pub(super) fn pid(&self) -> u32 {
        self.guard.id()
    }

    /// Nothing was set: there is nothing to watch.
    pub(super) async fn dismiss(self) -> Result<()> {
        self.part(DISMISS).await.map(drop)
    }

    /// The route stays: nothing is said to that. A last word means that the end came first.
    pub(super) async fn keep(self) -> Result<Said> {
        self.part(KEEP).await
    }

    /// Waits for the end of a guard that has said its last word: until then it is found on watch.
    pub(super) fn end(mut self, said: Said) -> Result<Said> {
        self.guard.wait().context("wait for the guard")?;
        Ok(said)
    }

    /// Has the route taken back now.
    pub(super) async fn revert(self) -> Said {
        self.part(REVERT).await.unwrap_or(Said::Nothing)
    }

    /// Waits for the guard's last word.
    pub(super) async fn hears(&mut self) -> Said {
        match self.stream.read_u8().await {
            Ok(REMOVED) => Said::Removed,
            Ok(GONE) => Said::Gone,
            Ok(_) | Err(_) => Said::Nothing,
        }
    }

    async fn part(mut self, word: u8) -> Result<Said> {
        // One that is at its end already does not read it; what it said before is still there.
        let _ = self.stream.write_u8(word).await;
        let said = timeout(PATIENCE, self.hears())
            .await
            .context("the guard hangs")?;
        self.end(said)
    }
}

/// The same program once more, even if its file was replaced meanwhile.
fn command(order: &RescueGuard) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.arg0("bridgetrace").arg(RescueGuard::NAME);
    command.arg(order.address.to_string());
    if let Some(gateway) = order.via {
        command.args(["--via", &gateway.to_string()]);
    }
    let numbers = [
        ("--dev", u64::from(order.dev)),
        ("--table", u64::from(order.table)),
        ("--until", order.until),
    ];
    for (option, number) in numbers {
        command.args([option, &number.to_string()]);
    }
    command
        .env_clear()
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[test]
    fn a_guard_reads_the_order_that_was_written() {
        for via in [None, Some("fe80::1".parse().expect("address"))] {
            let order = RescueGuard {
                address: "fd00::119".parse().expect("address"),
                via,
                dev: 2,
                table: 1000,
                until: u64::MAX,
            };
            let command = command(&order);
            assert_eq!(RescueGuard::parse_from(command.get_args()), order);
        }
    }
}

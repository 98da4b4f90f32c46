//! Keeps services asleep while packages are installed: the lab starts its own dockerd and sshd
//! in namespaces, and no developer asked for system-wide ones.
//!
//! Debian's documented way: `/usr/sbin/policy-rc.d` with status 101 forbids package scripts to
//! start anything now, and new units are disabled so that the next boot does not start them.
//! <https://people.debian.org/~hmh/invokerc.d-policyrc.d-specification.txt>

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::root::Root;
use crate::sh;

const POLICY: &str = "/usr/sbin/policy-rc.d";
const UNIT_DIRS: [&str; 2] = ["/usr/lib/systemd/system", "/lib/systemd/system"];
/// The units that the lab's packages bring.
const UNITS: [&str; 6] = [
    "containerd.service",
    "docker.service",
    "docker.socket",
    "ssh.service",
    "ssh.socket",
    "sshd.service",
];

/// While this lives no package script starts a service.
#[must_use]
pub(super) struct Asleep {
    root: Root,
    /// Whether the policy is ours to remove.
    ours: bool,
    /// Units that were there before, and are none of our business.
    before: Vec<&'static str>,
}

impl Asleep {
    /// Forbids starts. A policy that is already there is its owner's decision, and stays.
    pub(super) fn hold(root: Root) -> Result<Self> {
        let before = existing_units();
        let ours = !Path::new(POLICY).exists();
        if ours {
            write_policy(root)?;
        } else {
            sh::say(format!(
                "{POLICY} is there already: it decides which services start"
            ));
        }
        Ok(Self { root, ours, before })
    }

    /// Keeps new units from starting at the next boot, then allows starts again.
    pub(super) fn release(self) -> Result<()> {
        let new: Vec<_> = existing_units()
            .into_iter()
            .filter(|unit| !self.before.contains(unit))
            .collect();
        if new.is_empty() || !sh::succeeds(Command::new("systemctl").arg("--version")) {
            return Ok(());
        }
        sh::run(self.root.command("systemctl", &[]).arg("disable").args(new))
    }
}

impl Drop for Asleep {
    fn drop(&mut self) {
        if !self.ours {
            return;
        }
        if let Err(error) = sh::run(self.root.command("rm", &[]).args(["-f", POLICY])) {
            sh::say(format!("{error:#}: remove {POLICY} yourself"));
        }
    }
}

fn write_policy(root: Root) -> Result<()> {
    let file = std::env::temp_dir().join(format!("policy-rc.d.{}", std::process::id()));
    std::fs::write(&file, policy(std::process::id()))
        .with_context(|| format!("cannot write {}", file.display()))?;
    let installed = sh::run(
        root.command("install", &[])
            .args(["-m", "755"])
            .arg(&file)
            .arg(POLICY),
    );
    std::fs::remove_file(&file).with_context(|| format!("cannot remove {}", file.display()))?;
    installed
}

/// Ends by itself: should `xtask` be killed, the file left behind forbids nothing any more.
fn policy(pid: u32) -> String {
    format!(
        "#!/bin/sh\n\
         # Written by `cargo xtask setup` while it installs packages; safe to delete.\n\
         [ -d /proc/{pid} ] && exit 101\n\
         exit 0\n"
    )
}

fn existing_units() -> Vec<&'static str> {
    let exists = |unit: &&str| {
        UNIT_DIRS
            .iter()
            .any(|dir| Path::new(dir).join(unit).exists())
    };
    UNITS.into_iter().filter(exists).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status_of(policy: &str) -> Option<i32> {
        Command::new("sh")
            .args(["-c", policy])
            .status()
            .unwrap()
            .code()
    }

    #[test]
    fn the_policy_forbids_starts_only_as_long_as_its_writer_lives() {
        assert_eq!(status_of(&policy(std::process::id())), Some(101));
        assert_eq!(status_of(&policy(u32::MAX)), Some(0));
    }
}

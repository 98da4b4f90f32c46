//! How to become root, where a step needs it.

use std::ffi::{OsStr, OsString};
use std::io::IsTerminal;
use std::os::unix::fs::MetadataExt;
use std::process::Command;

use crate::sh;

/// A way to run commands as root.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Root {
    /// This process is root.
    Already,
    /// `sudo` asks for nothing.
    Sudo,
    /// `sudo` may ask for a password, and there is a terminal to ask on.
    SudoAsking,
}

impl Root {
    /// A way that needs nobody at the keyboard.
    pub(crate) fn unattended() -> Option<Self> {
        if is_root() {
            return Some(Self::Already);
        }
        sh::succeeds(Command::new("sudo").args(["-n", "true"])).then_some(Self::Sudo)
    }

    /// Any way: as a last resort sudo asks for a password.
    pub(crate) fn attended() -> Option<Self> {
        let can_ask =
            || std::io::stdin().is_terminal() && sh::succeeds(Command::new("sudo").arg("-V"));
        Self::unattended().or_else(|| can_ask().then_some(Self::SudoAsking))
    }

    /// A command as root. Variables are given here because sudo drops the environment.
    pub(crate) fn command(
        self,
        program: impl AsRef<OsStr>,
        variables: &[(&str, &OsStr)],
    ) -> Command {
        if self == Self::Already {
            let mut command = Command::new(program);
            command.envs(variables.iter().copied());
            return command;
        }
        let mut command = Command::new("sudo");
        command.args((self == Self::Sudo).then_some("-n"));
        if !variables.is_empty() {
            command
                .arg("env")
                .args(variables.iter().map(|pair| assignment(*pair)));
        }
        command.arg(program);
        command
    }
}

/// `NAME=value`, as env(1) takes it.
fn assignment((name, value): (&str, &OsStr)) -> OsString {
    let mut text = OsString::from(name);
    text.push("=");
    text.push(value);
    text
}

/// `/proc/self` belongs to the effective user.
fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|data| data.uid() == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(root: Root) -> String {
        let mut command = root.command("/t/e2e", &[("BIN", OsStr::new("/t/b"))]);
        sh::render(command.arg("x"))
    }

    #[test]
    fn variables_survive_sudo() {
        assert_eq!(shown(Root::Already), "BIN=/t/b /t/e2e x");
        assert_eq!(shown(Root::Sudo), "sudo -n env BIN=/t/b /t/e2e x");
        assert_eq!(shown(Root::SudoAsking), "sudo env BIN=/t/b /t/e2e x");
        assert_eq!(sh::render(&Root::Sudo.command("id", &[])), "sudo -n id");
    }
}

//! Cargo calls, and the executables they report.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::sh;
use crate::workspace::Workspace;

/// The cargo that runs `xtask`, with nothing added.
pub(crate) fn bare() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Cargo calls in the workspace, with the BPF linker where the kernel half's build looks for it.
pub(crate) struct Cargo {
    root: PathBuf,
    path: OsString,
}

impl Cargo {
    /// `linker` is the bpf-linker to use, whatever else `PATH` holds.
    pub(crate) fn new(workspace: &Workspace, linker: &Path) -> Result<Self> {
        let inherited = std::env::var_os("PATH").unwrap_or_default();
        let path = put_first(linker.parent(), &inherited)?;
        Ok(Self {
            root: workspace.root().to_owned(),
            path,
        })
    }

    /// A cargo call; the caller adds what to do.
    pub(crate) fn command(&self) -> Command {
        let mut command = bare();
        command.current_dir(&self.root).env("PATH", &self.path);
        command
    }

    /// As [`Cargo::command`], by the nightly toolchain whatever toolchain runs `xtask`.
    pub(crate) fn nightly(&self) -> Command {
        let mut command = Command::new("rustup");
        command.args(["run", "nightly", "cargo"]);
        // Set by the cargo that runs `xtask`, and another toolchain's.
        for inherited in ["CARGO", "RUSTC", "RUSTUP_TOOLCHAIN"] {
            command.env_remove(inherited);
        }
        command.current_dir(&self.root).env("PATH", &self.path);
        command
    }

    /// Runs a `build`, or a `test --no-run`, and returns the executables it made.
    pub(crate) fn executables<A: AsRef<OsStr>>(
        &self,
        args: impl IntoIterator<Item = A>,
    ) -> Result<Vec<Executable>> {
        let mut command = self.command();
        let mut args = args.into_iter();
        command
            .args(args.next())
            .arg("--message-format=json-render-diagnostics")
            .args(args);
        parse_messages(&sh::run_for_output(&mut command)?)
    }
}

/// An executable cargo has made.
#[derive(Debug, PartialEq)]
pub(crate) struct Executable {
    /// The cargo target's name: `bridgetrace`, `e2e`…
    pub(crate) target: String,
    /// Where the file is.
    pub(crate) path: PathBuf,
    /// The folder of its package, in which `cargo test` would start it.
    pub(crate) package: PathBuf,
}

/// Picks the executables out of cargo's JSON messages, in cargo's order.
fn parse_messages(messages: &str) -> Result<Vec<Executable>> {
    // Build scripts print through cargo too: what is no JSON object is not cargo's.
    let objects = messages.lines().filter(|line| line.starts_with('{'));
    let parsed = objects.map(|line| {
        let message = serde_json::from_str(line).context("cannot read a message of cargo")?;
        executable(&message)
    });
    parsed.filter_map(Result::transpose).collect()
}

fn executable(message: &Value) -> Result<Option<Executable>> {
    let (Some("compiler-artifact"), Some(path)) =
        (message["reason"].as_str(), message["executable"].as_str())
    else {
        return Ok(None);
    };
    let manifest = message["manifest_path"]
        .as_str()
        .context("an artifact without manifest")?;
    let package = Path::new(manifest)
        .parent()
        .context("a manifest without folder")?;
    let target = message["target"]["name"]
        .as_str()
        .context("an artifact without name")?;
    Ok(Some(Executable {
        target: target.to_owned(),
        path: path.into(),
        package: package.to_owned(),
    }))
}

/// A `$PATH` with one folder before all others.
fn put_first(folder: Option<&Path>, path: &OsStr) -> Result<OsString> {
    let folders = folder
        .map(Path::to_owned)
        .into_iter()
        .chain(std::env::split_paths(path));
    std::env::join_paths(folders).context("a folder of PATH cannot hold a colon")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn executables_are_picked_out_of_the_messages() {
        let messages = concat!(
            r#"{"reason":"compiler-artifact","manifest_path":"/w/core/Cargo.toml","target":{"name":"core"},"executable":null}"#,
            "\nnoise of a build script\n",
            r#"{"reason":"compiler-artifact","manifest_path":"/w/tests/Cargo.toml","target":{"name":"e2e"},"executable":"/t/e2e-1"}"#,
            "\n",
            r#"{"reason":"build-finished","success":true}"#,
            "\n",
        );
        let expected = Executable {
            target: "e2e".into(),
            path: "/t/e2e-1".into(),
            package: "/w/tests".into(),
        };
        assert_eq!(parse_messages(messages).unwrap(), [expected]);
    }

    #[test]
    fn a_torn_message_is_an_error() {
        assert!(parse_messages(r#"{"reason":"compiler-art"#).is_err());
    }

    #[test]
    fn the_chosen_linker_wins_over_path() {
        let path = put_first(Some(Path::new("/tools/bin")), OsStr::new("/a:/b")).unwrap();
        assert_eq!(path, "/tools/bin:/a:/b");
    }
}

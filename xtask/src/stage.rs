//! The part of a command that needs root: this program once more, through sudo if need be,
//! with the binary that was built as the caller.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use anyhow::{Context, Result};
use bridgetrace_lab::preflight;

use crate::root::Root;
use crate::unmet::Unmet;
use crate::{bench, demo, interrupt, setup, sh};

/// Run the lab part of a command, as root. `demo` and `bench` call this by themselves.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The binary to show or to measure.
    #[arg(long, value_name = "FILE")]
    binary: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// The play of `cargo xtask demo`.
    Demo,
    /// The measurements of `cargo xtask bench`.
    Bench(bench::Measure),
}

/// A way to become root, or what to type where there is none.
pub(crate) fn root(command: &str) -> Result<Root> {
    let remedy = || {
        Unmet::new(
            "the lab needs root (network namespaces, BPF, dockerd) and sudo is of no help here; as root, type:",
            &[format!("cargo xtask {command}")],
        )
    };
    Ok(Root::attended().ok_or_else(remedy)?)
}

/// Becomes root's part of a command, given by its words. Returns only if it cannot.
pub(crate) fn enter(root: Root, binary: PathBuf, words: &[OsString]) -> Result<()> {
    let this = std::env::current_exe().context("where is this program?")?;
    let path = setup::lab_path();
    // sudo drops these; the terminal's looks depend on them.
    let kept = ["LANG", "LC_ALL", "LC_CTYPE", "NO_COLOR", "TERM"];
    let kept = kept.map(|name| (name, std::env::var_os(name)));
    let mut variables: Vec<(&str, &OsStr)> = vec![("PATH", &path)];
    if root != Root::Already {
        let set = kept
            .iter()
            .filter_map(|(name, value)| Some((*name, value.as_deref()?)));
        variables.extend(set);
    }
    let mut command = root.command(this, &variables);
    command.args(["stage", "--binary"]).arg(binary).args(words);
    sh::become_it(&mut command)
}

/// Root's part.
pub(crate) fn run(args: &Args) -> Result<()> {
    interrupt::catch()?;
    let missing = preflight::missing();
    if !missing.is_empty() {
        return Err(Unmet::new("the lab cannot run here:", &missing).into());
    }
    let result = match &args.command {
        Command::Demo => demo::play(&args.binary),
        Command::Bench(bench) => bench::measure(args.binary.clone(), bench),
    };
    result.map_err(interrupt::cause)
}

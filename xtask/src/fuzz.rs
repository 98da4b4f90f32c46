//! `cargo xtask fuzz`: libFuzzer on the decoder, on the core, over the captured world, and on recordings.

use std::process::Command;

use anyhow::Result;

use crate::workspace::Workspace;
use crate::{setup, sh};

/// The fuzz targets, see `tracer/core/fuzz`.
const TARGETS: [&str; 3] = ["decode", "observe", "recording"];

/// Fuzz the decoder, the core and the reader of recordings; a crash is left below `tracer/core/fuzz/artifacts`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Seconds for each target.
    #[arg(long, default_value_t = 60)]
    seconds: u32,
}

/// Runs each target in turn; installs cargo-fuzz below the target directory when it is missing.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    // The nightly compiler, for the sanitizer's flags.
    setup::for_build(workspace)?;
    let tool = ensure(workspace)?;
    let folder = workspace.root().join("tracer/core/fuzz");
    for target in TARGETS {
        let mut fuzz = Command::new("rustup");
        fuzz.args(["run", "nightly"]).arg(&tool);
        fuzz.args(["run", "--fuzz-dir", ".", target, "--"]);
        fuzz.arg(format!("-max_total_time={}", args.seconds));
        sh::run(fuzz.current_dir(&folder))?;
    }
    Ok(())
}

fn ensure(workspace: &Workspace) -> Result<std::path::PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    if let Some(found) = sh::find_in("cargo-fuzz", &path) {
        return Ok(found);
    }
    let installed = workspace.tools().join("bin/cargo-fuzz");
    if !sh::is_executable(&installed) {
        let mut install = crate::cargo::bare();
        install.args(["install", "cargo-fuzz", "--locked", "--root"]);
        sh::run(install.arg(workspace.tools()))?;
    }
    Ok(installed)
}

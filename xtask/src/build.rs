//! `cargo xtask build`: one self-contained `bridgetrace`, the BPF object inside.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::cargo::Cargo;
use crate::workspace::Workspace;
use crate::{setup, sh};

/// Build the `bridgetrace` binary, kernel half included.
#[derive(clap::Args, Default)]
pub(crate) struct Args {
    /// Optimise: what one installs on a host.
    #[arg(long)]
    pub(crate) release: bool,
    /// Further arguments for `cargo build`.
    #[arg(last = true, value_name = "CARGO ARGS")]
    pub(crate) cargo_args: Vec<OsString>,
}

/// Sets up what building needs, builds, and says where the binary is.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let cargo = setup::for_build(workspace)?;
    let binary = binary(&cargo, args)?;
    println!(
        "{} ({})",
        workspace.relative(&binary).display(),
        size(&binary)?
    );
    Ok(())
}

/// Builds the binary and returns its path, wherever profile and target have put it.
pub(crate) fn binary(cargo: &Cargo, args: &Args) -> Result<PathBuf> {
    let mut words: Vec<OsString> = ["build", "--package", "bridgetrace"].map(Into::into).into();
    words.extend(args.release.then(|| "--release".into()));
    words.extend(args.cargo_args.iter().cloned());
    let made = cargo.executables(words)?;
    let binary = made.into_iter().find(|made| made.target == "bridgetrace");
    Ok(binary.context("cargo build made no `bridgetrace`")?.path)
}

/// Builds what users install, and says that it takes a while; returns its path.
pub(crate) fn release(cargo: &Cargo) -> Result<PathBuf> {
    sh::say("building, optimised: some minutes the first time");
    let release = Args {
        release: true,
        ..Args::default()
    };
    binary(cargo, &release)
}

fn size(file: &Path) -> Result<String> {
    let data = file
        .metadata()
        .with_context(|| format!("cannot read {}", file.display()))?;
    Ok(mebibytes(data.len()))
}

/// With one decimal, in whole numbers: tenths of a mebibyte, rounded.
fn mebibytes(bytes: u64) -> String {
    let tenths = (bytes * 10 + (1 << 19)) >> 20;
    format!("{}.{} MiB", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_rounded_to_a_tenth() {
        assert_eq!(mebibytes(0), "0.0 MiB");
        assert_eq!(mebibytes(5_662_310), "5.4 MiB");
        assert_eq!(mebibytes((1 << 20) - 1), "1.0 MiB");
    }
}

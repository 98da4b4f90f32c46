//! The nightly toolchain, with rust-src: `core` is built from source for the BPF target.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::sh;
use crate::unmet::Unmet;

/// The nightly compiler, as far as the BPF linker depends on it.
#[derive(Debug)]
pub(crate) struct Nightly {
    /// Its installation folder.
    pub(super) sysroot: PathBuf,
    /// The major version of the LLVM inside, whose bitcode the linker must understand.
    pub(super) llvm: u32,
}

impl Nightly {
    /// A command of the nightly toolchain, whatever toolchain runs `xtask`.
    pub(super) fn command(&self, program: &str) -> Command {
        run_nightly(program)
    }
}

/// Finds the toolchain and its rust-src; installs what is missing.
pub(super) fn ensure() -> Result<Nightly> {
    require_rustup()?;
    if !sh::succeeds(run_nightly("rustc").arg("--version")) {
        let install = ["toolchain", "install", "nightly", "--profile", "minimal"];
        sh::run(
            rustup()
                .args(install)
                .args(["--component", "rust-src", "--no-self-update"]),
        )?;
    }
    let nightly = describe()?;
    if !has_rust_src(&nightly.sysroot) {
        sh::run(rustup().args(["component", "add", "rust-src", "--toolchain", "nightly"]))?;
    }
    Ok(nightly)
}

fn require_rustup() -> Result<(), Unmet> {
    if sh::succeeds(rustup().arg("--version")) {
        return Ok(());
    }
    let remedy = "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh";
    Err(Unmet::new(
        "the kernel half needs rustup for a nightly compiler; type:",
        &[remedy.into()],
    ))
}

fn describe() -> Result<Nightly> {
    let sysroot = sh::read(run_nightly("rustc").args(["--print", "sysroot"]))?;
    let version = sh::read(run_nightly("rustc").arg("-vV"))?;
    let llvm = llvm_major(&version)
        .with_context(|| format!("`rustc -vV` names no LLVM version:\n{version}"))?;
    Ok(Nightly {
        sysroot: sysroot.trim_end().into(),
        llvm,
    })
}

fn rustup() -> Command {
    Command::new("rustup")
}

fn run_nightly(program: &str) -> Command {
    let mut command = rustup();
    command.args(["run", "nightly", program]);
    command
}

fn has_rust_src(sysroot: &Path) -> bool {
    sysroot
        .join("lib/rustlib/src/rust/library/core/src/lib.rs")
        .is_file()
}

/// `LLVM version: 22.1.4` in the words of `rustc -vV`.
fn llvm_major(version: &str) -> Option<u32> {
    let number = version
        .lines()
        .find_map(|line| line.strip_prefix("LLVM version: "))?;
    number.split('.').next()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERSION: &str = "rustc 1.97.0-nightly (e50aa6fba 2026-05-19)\nbinary: rustc\n\
        host: x86_64-unknown-linux-gnu\nrelease: 1.97.0-nightly\nLLVM version: 22.1.4\n";

    #[test]
    fn the_llvm_version_is_read_from_rustc() {
        assert_eq!(llvm_major(VERSION), Some(22));
        assert_eq!(llvm_major("LLVM version: 9\n"), Some(9));
        assert_eq!(llvm_major("LLVM version: (system)\n"), None);
        assert_eq!(llvm_major("rustc 1.97.0"), None);
    }

    #[test]
    fn rust_src_is_there_when_core_is() {
        let sysroot = tempfile::tempdir().unwrap();
        assert!(!has_rust_src(sysroot.path()));
        let core = sysroot.path().join("lib/rustlib/src/rust/library/core/src");
        std::fs::create_dir_all(&core).unwrap();
        std::fs::write(core.join("lib.rs"), "").unwrap();
        assert!(has_rust_src(sysroot.path()));
    }
}

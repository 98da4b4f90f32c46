//! The BPF object that does nothing, built by the compiler and the linker that make the kernel half.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::cargo::Cargo;
use crate::sh;
use crate::workspace::Workspace;

const TARGET: &str = "bpfel-unknown-none";

/// Builds it; returns its path.
pub(super) fn build(cargo: &Cargo, workspace: &Workspace) -> Result<PathBuf> {
    let folder = workspace.bench();
    let mut command = cargo.nightly();
    command
        .args(["build", "--package=empty-ebpf", "--bins", "--release"])
        .args(["--target", TARGET, "-Zbuild-std=core"])
        .arg("--target-dir")
        .arg(&folder)
        .env(
            "RUSTFLAGS",
            r#"--cfg=bpf_target_arch="x86_64" -Clink-arg=--btf -Cdebuginfo=2"#,
        );
    sh::run(&mut command)?;
    let object = folder.join(TARGET).join("release/empty-ebpf");
    anyhow::ensure!(object.is_file(), "cargo made no {}", object.display());
    object.canonicalize().context("where is the empty program?")
}

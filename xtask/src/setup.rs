//! `cargo xtask setup`: what building and the lab need. Looked for first, installed only when
//! missing, and nothing but a few quick questions when everything is there.

mod elf;
mod engines;
mod linker;
mod nightly;
mod packages;
mod pages;
mod services;

use std::ffi::OsString;

use anyhow::Result;

use crate::cargo::Cargo;
use crate::sh;
use crate::workspace::Workspace;

/// Install what is missing for building, testing and the demo. The other commands do it by themselves.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only what building needs: a nightly compiler with rust-src, and bpf-linker.
    #[arg(long)]
    build_only: bool,
}

/// Sets up, and says so when done.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    if args.build_only {
        for_build(workspace)?;
    } else {
        for_lab(workspace)?;
    }
    sh::say("set-up: everything is there");
    Ok(())
}

/// What compiling needs; returns the cargo to compile with.
pub(crate) fn for_build(workspace: &Workspace) -> Result<Cargo> {
    let nightly = nightly::ensure()?;
    let linker = linker::ensure(&workspace.tools(), &nightly)?;
    Cargo::new(workspace, &linker)
}

/// What the lab needs on top: dockerd, other engines beside it, sshd, busybox, a browser and the like.
pub(crate) fn for_lab(workspace: &Workspace) -> Result<Cargo> {
    let cargo = for_build(workspace)?;
    packages::ensure(packages::LAB)?;
    engines::ensure(&workspace.engines())?;
    pages::ensure(
        &workspace.root().join("tests/e2e/report"),
        &workspace.pages(),
    )?;
    Ok(cargo)
}

/// What virtual machines need on top of building: qemu, and what runs inside.
pub(crate) fn for_machines(workspace: &Workspace) -> Result<Cargo> {
    let cargo = for_build(workspace)?;
    packages::ensure(packages::MACHINES)?;
    Ok(cargo)
}

/// The `PATH` with which the lab's programs are found, also by those who come from sudo or su.
pub(crate) fn lab_path() -> OsString {
    packages::search_path()
}

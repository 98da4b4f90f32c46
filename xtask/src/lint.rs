//! `cargo xtask lint`: formatting, clippy with warnings as errors, licences and sources.

use anyhow::Result;

use crate::workspace::Workspace;
use crate::{cargo, setup, sh};

/// Runs the linters, the quickest first.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let cargo = setup::for_build(workspace)?;
    sh::run(cargo.command().args(["fmt", "--all", "--check"]))?;
    sh::run(
        cargo
            .command()
            .args(["clippy", "--all-targets", "--", "--deny", "warnings"]),
    )?;
    if !sh::succeeds(cargo::bare().args(["deny", "--version"])) {
        sh::say("cargo-deny is not installed: dependencies were not checked");
        return Ok(());
    }
    sh::run(
        cargo
            .command()
            .args(["deny", "check", "licenses", "bans", "sources"]),
    )
}

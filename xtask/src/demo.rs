//! `cargo xtask demo`: the outage that bridgetrace exists for, live, on this machine.

mod play;
mod printed;
mod project;
mod screen;
mod session;

use std::path::Path;

use anyhow::Result;

use crate::workspace::Workspace;
use crate::{build, setup, sh, stage};

/// Sets up, builds, and plays the outage as root.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let root = stage::root("demo")?;
    let cargo = setup::for_lab(workspace)?;
    sh::say("building, unoptimised: some minutes the first time, seconds from then on");
    // Optimising would double that, and nobody would see the difference.
    let binary = build::binary(&cargo, &build::Args::default())?;
    stage::enter(root, binary, &["demo".into()])
}

/// Root's part: the play itself.
pub(crate) fn play(binary: &Path) -> Result<()> {
    play::run(binary)
}

//! `cargo xtask`: the developer commands of bridgetrace, a module per command.
//!
//! Nothing is hidden: each step is printed before it runs. Exit status: 0 done, 1 a step
//! failed, 2 this machine lacks something that only its owner can supply (or wrong usage),
//! 130 interrupted.

mod bench;
mod build;
mod cargo;
mod debian;
mod demo;
mod detects;
mod fixtures;
mod fuzz;
mod interrupt;
mod kernels;
mod lint;
mod root;
mod setup;
mod sh;
mod stage;
mod test;
mod unmet;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

use crate::interrupt::Interrupted;
use crate::unmet::Unmet;
use crate::workspace::Workspace;

/// Developer commands of bridgetrace. Each does the set-up it needs, and prints every step.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Xtask {
    Setup(setup::Args),
    Build(build::Args),
    Test(test::Args),
    /// Show an outage, live: a new docker network swallows ssh replies, bridgetrace says why and what to type.
    Demo,
    Bench(bench::Args),
    Kernels(kernels::Args),
    /// Check formatting, lints and, where cargo-deny is installed, dependencies.
    Lint,
    Fuzz(fuzz::Args),
    Detects(detects::Args),
    Fixtures(fixtures::Args),
    #[command(hide = true)]
    Stage(stage::Args),
}

fn main() -> ExitCode {
    match run(Xtask::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(status(&error))
        }
    }
}

/// What the exit status says of an error.
fn status(error: &anyhow::Error) -> u8 {
    if error.is::<Unmet>() {
        2
    } else if error.is::<Interrupted>() {
        130
    } else {
        1
    }
}

fn run(command: Xtask) -> Result<()> {
    if let Xtask::Stage(args) = &command {
        // As root, who may have no cargo to ask where the workspace is.
        return stage::run(args);
    }
    let workspace = Workspace::locate()?;
    match command {
        Xtask::Setup(args) => setup::run(&workspace, &args),
        Xtask::Build(args) => build::run(&workspace, &args),
        Xtask::Test(args) => test::run(&workspace, &args),
        Xtask::Demo => demo::run(&workspace),
        Xtask::Bench(args) => bench::run(&workspace, &args),
        Xtask::Kernels(args) => kernels::run(&workspace, &args),
        Xtask::Lint => lint::run(&workspace),
        Xtask::Fuzz(args) => fuzz::run(&workspace, &args),
        Xtask::Detects(args) => detects::run(&workspace, &args),
        Xtask::Fixtures(args) => fixtures::run(&workspace, &args),
        Xtask::Stage(args) => stage::run(&args),
    }
}

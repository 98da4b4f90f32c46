//! `cargo xtask bench`: how long from the first lost reply to the line on stdout.

mod outage;
mod replay;
mod report;
mod stage;
mod start;
mod statistics;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::workspace::Workspace;
use crate::{build, setup, sh};

/// Measure the time from the first lost reply to bridgetrace's line about it.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    /// Outages of each kind.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Also write every single time to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    #[command(subcommand)]
    other: Option<Other>,
}

/// What else is measured.
#[derive(clap::Subcommand)]
enum Other {
    Replay(replay::Args),
}

/// Sets up, builds what users install, and measures as root.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    if let Some(Other::Replay(args)) = &args.other {
        return replay::run(workspace, args);
    }
    let root = crate::stage::root("bench")?;
    let cargo = setup::for_lab(workspace)?;
    sh::say("building, optimised: two minutes the first time");
    let release = build::Args {
        release: true,
        ..build::Args::default()
    };
    let binary = build::binary(&cargo, &release)?;
    let mut words = vec![
        "bench".into(),
        "--runs".into(),
        args.runs.to_string().into(),
    ];
    if let Some(file) = &args.json {
        words.extend(["--json".into(), file.into()]);
    }
    crate::stage::enter(root, binary, &words)
}

/// Root's part: measures, prints, and fails when a target is missed.
pub(crate) fn measure(binary: &Path, args: &Args) -> Result<()> {
    let starts = start::measure(binary)?;
    let mut stage = stage::Stage::raise(binary)?;
    let outages = stage.play(|stage| outage::measure(stage, args.runs))?;
    drop(stage);
    if let Some(file) = &args.json {
        std::fs::write(file, report::json(&starts, &outages))
            .with_context(|| format!("write {}", file.display()))?;
    }
    report::print(&starts, &outages);
    report::judge(&outages)
}

//! `cargo xtask bench`: what bridgetrace costs, how fast it is, and how that compares with what an
//! operator would reach for instead.
//!
//! A row-maker a file; each states in its head what it measures and how. Machines are noisy: what is
//! compared is measured in turns, in many short slices, and the table holds medians.

mod binary;
mod busy;
mod context;
mod core;
mod estate;
mod flood;
mod forward;
mod hooks;
mod netdev;
mod outage;
mod overlap;
mod peers;
mod process;
mod programs;
mod recorder;
mod replay;
mod row;
mod spread;
mod stage;
mod start;
mod table;
mod traffic;
mod udp;
mod vast;
mod yardsticks;

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::builder::PossibleValuesParser;

use self::context::Context;
use self::row::Row;
use crate::workspace::Workspace;
use crate::{build, interrupt, setup, sh};

/// A row-maker and the name by which `--only` chooses it.
type Maker = (&'static str, fn(&Context) -> Result<Vec<Row>>);

/// In the order of the table.
const MAKERS: &[Maker] = &[
    ("hooks", hooks::measure),
    ("udp", udp::measure),
    ("forward", forward::measure),
    ("netdev", netdev::measure),
    ("flood", flood::measure),
    ("outage", outage::measure),
    ("overlap", overlap::measure),
    ("busy", busy::measure),
    ("start", start::measure),
    ("vast", vast::measure),
    ("core", core::measure),
    ("recorder", recorder::measure),
    ("binary", binary::measure),
];

/// Measure cost and speed against their targets and against other tools.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    /// Fewer and shorter measurements.
    #[arg(long)]
    quick: bool,
    /// Also write every raw figure to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Make only these rows, by the name of their file below `xtask/src/bench`; may be repeated.
    #[arg(long, value_name = "ROWS", value_parser = rows())]
    only: Vec<String>,
    #[command(subcommand)]
    other: Option<Other>,
}

/// What is measured without root.
#[derive(clap::Subcommand)]
enum Other {
    Replay(replay::Args),
}

fn rows() -> PossibleValuesParser {
    PossibleValuesParser::new(MAKERS.iter().map(|(name, _)| *name))
}

impl Args {
    fn chose(&self, rows: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == rows)
    }
}

/// As [`Args`], for root's part: what was built for it is there.
#[derive(clap::Args)]
pub(crate) struct Measure {
    #[command(flatten)]
    args: Args,
    /// The BPF object that hooks are measured against.
    #[arg(long, value_name = "FILE")]
    yardsticks: PathBuf,
    /// Where criterion left its figures.
    #[arg(long, value_name = "FOLDER")]
    criterion: PathBuf,
}

/// Sets up, builds what users install and what it is measured against, and measures as root.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    if let Some(Other::Replay(args)) = &args.other {
        return replay::run(workspace, args);
    }
    let root = crate::stage::root("bench")?;
    let cargo = setup::for_lab(workspace)?;
    let binary = build::release(&cargo)?;
    let yardsticks = yardsticks::build(&cargo, workspace)?;
    if args.chose("core") {
        core::run(&cargo, args.quick)?;
    }
    let mut words: Vec<OsString> = vec!["bench".into(), "--yardsticks".into(), yardsticks.into()];
    words.extend(["--criterion".into(), workspace.criterion().into()]);
    words.extend(args.quick.then(|| "--quick".into()));
    if let Some(file) = &args.json {
        words.extend(["--json".into(), file.into()]);
    }
    for name in &args.only {
        words.extend(["--only".into(), name.into()]);
    }
    crate::stage::enter(root, binary, &words)
}

/// Root's part: measures, prints, and fails when a target is missed.
pub(crate) fn measure(binary: PathBuf, measure: &Measure) -> Result<()> {
    let args = &measure.args;
    let context = Context {
        binary,
        yardsticks: measure.yardsticks.clone(),
        criterion: measure.criterion.clone(),
        quick: args.quick,
    };
    let mut rows = Vec::new();
    for (name, make) in MAKERS.iter().filter(|(name, _)| args.chose(name)) {
        sh::say(format!("measuring: {name}"));
        // What cannot be measured is no reason to lose what can.
        let made = make(&context).or_else(|error| {
            interrupt::check()?;
            anyhow::Ok(vec![Row::unmeasured(name, &error)])
        })?;
        made.iter().for_each(|row| sh::say(row.brief()));
        rows.extend(made);
    }
    let machine = context::machine();
    if let Some(file) = &args.json {
        std::fs::write(file, table::json(&machine, &rows))
            .with_context(|| format!("write {}", file.display()))?;
    }
    print!("{}", table::render(&machine, &rows));
    table::judge(&rows)
}

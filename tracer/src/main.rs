//! bridgetrace: names the packets that vanish into a docker bridge, and says why.

mod cli;
mod config;
mod drawing;
mod dump;
mod fd;
mod inventory;
mod kernel;
mod record;
mod replay;
mod report;
mod rescue;
mod run;
mod sink;
mod top;

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use anyhow::Result;
use clap::{CommandFactory as _, Parser as _};
use env_logger::Target;

use crate::{
    cli::{
        Check, Cli, Command, Doctor, Dump, Format, Record, Replay, Report, Rescue, RescueGuard,
        Top, Trace,
    },
    config::{CheckPlan, DoctorPlan, Plan, TopPlan},
    run::Verdict,
    sink::escape,
};

/// `check` found something.
const FINDINGS: u8 = 1;
/// Wrong usage, or this host cannot be looked at.
const UNABLE: u8 = 2;

fn main() -> ExitCode {
    let result = match RescueGuard::own() {
        Some(order) => guard(&order),
        None => act(Cli::parse()),
    };
    match result {
        Ok(status) => status,
        // Whoever read our output has seen enough.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // Standard error may be gone too; there is nobody left to tell.
            let _ = writeln!(io::stderr(), "bridgetrace: {error:#}");
            ExitCode::from(UNABLE)
        }
    }
}

fn act(cli: Cli) -> Result<ExitCode> {
    match cli.command {
        None => trace(&cli.trace),
        Some(Command::Trace(args)) => trace(&args),
        Some(Command::Check(args)) => check(&args),
        Some(Command::Doctor(args)) => doctor(&args),
        Some(Command::Record(args)) => record(&args),
        Some(Command::Replay(args)) => replay(&args),
        Some(Command::Report(args)) => report(&args),
        Some(Command::Dump(args)) => dump(&args),
        Some(Command::Top(args)) => top(&args),
        Some(Command::Rescue(args)) => rescue(&args),
        Some(Command::Completions { shell }) => completions(shell),
    }
}

fn trace(args: &Trace) -> Result<ExitCode> {
    start_log(config::log_level(args.verbose, args.format));
    let plan = Plan::resolve(args)?;
    run::trace(plan)?;
    Ok(ExitCode::SUCCESS)
}

fn check(args: &Check) -> Result<ExitCode> {
    start_log(config::log_level(args.verbose, args.format));
    let plan = CheckPlan::resolve(args)?;
    Ok(match run::check(&plan)? {
        Verdict::Clean => ExitCode::SUCCESS,
        Verdict::Findings => ExitCode::from(FINDINGS),
        Verdict::Unseen => ExitCode::from(UNABLE),
    })
}

fn doctor(args: &Doctor) -> Result<ExitCode> {
    start_log(config::log_level(args.verbose, Format::Human));
    let plan = DoctorPlan::resolve(args)?;
    Ok(if run::doctor(&plan)? {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(UNABLE)
    })
}

fn record(args: &Record) -> Result<ExitCode> {
    // Standard error is all that is said.
    start_log(config::log_level(args.verbose, Format::Jsonl));
    run::trace(Plan::resolve_record(args)?)?;
    Ok(ExitCode::SUCCESS)
}

fn replay(args: &Replay) -> Result<ExitCode> {
    start_log(log::LevelFilter::Info);
    replay::replay(&config::replay_plan(args)?)?;
    Ok(ExitCode::SUCCESS)
}

fn report(args: &Report) -> Result<ExitCode> {
    start_log(log::LevelFilter::Info);
    report::report(&config::report_plan(args)?)?;
    Ok(ExitCode::SUCCESS)
}

fn dump(args: &Dump) -> Result<ExitCode> {
    start_log(log::LevelFilter::Info);
    dump::dump(&config::dump_plan(args))?;
    Ok(ExitCode::SUCCESS)
}

fn top(args: &Top) -> Result<ExitCode> {
    log_to(
        config::log_level(args.verbose, Format::Human),
        Target::Pipe(Box::new(top::held::Log)),
    );
    let shown = match TopPlan::resolve(args)? {
        TopPlan::Live(plan) => run::trace(*plan),
        TopPlan::Recorded(file, look) => top::show(&file, look),
    };
    top::held::release();
    shown?;
    Ok(ExitCode::SUCCESS)
}

fn rescue(args: &Rescue) -> Result<ExitCode> {
    start_log(config::log_level(args.verbose, Format::Human));
    rescue::rescue(&config::rescue_plan(args)?)?;
    Ok(ExitCode::SUCCESS)
}

fn guard(order: &RescueGuard) -> Result<ExitCode> {
    rescue::guard(order)?;
    Ok(ExitCode::SUCCESS)
}

/// The log goes to standard error; standard output is for findings only.
fn start_log(level: log::LevelFilter) {
    log_to(level, Target::Stderr);
}

fn log_to(level: log::LevelFilter, target: Target) {
    env_logger::Builder::new()
        .target(target)
        .filter_level(level.min(log::LevelFilter::Info))
        .filter_module("bridgetrace", level)
        // aya-log gives the kernel half's lines the name of the BPF program.
        .filter_module("bridgetrace_ebpf", level)
        // Inputs and causes hold names from outside.
        .format(|out, record| {
            let text = record.args().to_string();
            writeln!(out, "bridgetrace: {}", escape::visible(&text))
        })
        .init();
}

fn completions(shell: clap_complete::Shell) -> Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "bridgetrace", &mut script);
    io::stdout().write_all(&script)?;
    Ok(ExitCode::SUCCESS)
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|io| io.kind() == io::ErrorKind::BrokenPipe)
}

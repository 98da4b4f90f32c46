//! `cargo xtask kernels`: the binary that users install, on Debian's kernels, in virtual machines.
//!
//! The lab shows what bridgetrace does with a real dockerd, but on the running kernel only. Here
//! the same binary loads, attaches and finds the same outage on the oldest supported kernel, on
//! the newest and between. KVM is not asked for: an emulated machine needs no privilege at all.

mod cache;
mod cpio;
mod findings;
mod initramfs;
mod machine;
mod release;
mod report;
mod verdict;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, bail};

use crate::unmet::Unmet;
use crate::workspace::Workspace;
use crate::{build, setup};
use cache::Kernel;
use verdict::Seen;

/// Show that bridgetrace works on Debian's kernels 5.10, 6.1, 6.12 and 7.2, in virtual machines.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only these [default: all].
    #[arg(value_name = "KERNEL", value_parser = clap::builder::PossibleValuesParser::new(
        SUPPORTED.map(|kernel| kernel.series)
    ))]
    only: Vec<String>,
}

/// A kernel that bridgetrace is for.
#[derive(Clone, Copy)]
struct Supported {
    /// As Linux is released: the first two numbers.
    series: &'static str,
    /// The suite of Debian that has it.
    suite: &'static str,
    /// Whether it tells why it drops a packet, which came with 5.17.
    tells_why: bool,
}

const fn supported(series: &'static str, suite: &'static str, tells_why: bool) -> Supported {
    Supported {
        series,
        suite,
        tells_why,
    }
}

const SUPPORTED: [Supported; 4] = [
    supported("5.10", "bullseye-security", false),
    supported("6.1", "bookworm", true),
    supported("6.12", "trixie", true),
    supported("7.2", "sid", true),
];

/// What became of one kernel.
enum Outcome {
    Works(Seen, Duration),
    Fails(anyhow::Error),
    CannotBeHad(anyhow::Error),
}

/// Sets up, builds, boots one kernel after the other, and tells of each.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    if std::env::consts::ARCH != "x86_64" {
        bail!("the virtual machines are x86_64, and so must the binary be that is built here");
    }
    let binary = build(workspace)?;
    let tried: Vec<_> = wanted(&args.only)
        .map(|kernel| (kernel, outcome(workspace, kernel, &binary)))
        .collect();
    for (kernel, outcome) in &tried {
        print(kernel, outcome);
    }
    judge(&tried)
}

/// What users install.
fn build(workspace: &Workspace) -> Result<PathBuf> {
    build::release(&setup::for_machines(workspace)?)
}

fn wanted(only: &[String]) -> impl Iterator<Item = Supported> {
    let named = |series: &str| only.is_empty() || only.iter().any(|one| one == series);
    SUPPORTED
        .into_iter()
        .filter(move |kernel| named(kernel.series))
}

fn outcome(workspace: &Workspace, wanted: Supported, binary: &Path) -> Outcome {
    let kernel = match cache::ensure(&workspace.kernels(), wanted) {
        Ok(kernel) => kernel,
        Err(error) => return Outcome::CannotBeHad(error),
    };
    match boot(&kernel, wanted, binary) {
        Ok((seen, time)) => Outcome::Works(seen, time),
        Err(error) => Outcome::Fails(error),
    }
}

fn boot(kernel: &Kernel, wanted: Supported, binary: &Path) -> Result<(Seen, Duration)> {
    let image = initramfs::write(kernel, binary)?;
    let run = machine::run(kernel, &image)?;
    Ok((verdict::of(&run, wanted)?, run.time))
}

fn print(kernel: &Supported, outcome: &Outcome) {
    match outcome {
        Outcome::Works(seen, time) => {
            println!("{}: works ({:.1} s)", seen.release, time.as_secs_f32());
            println!("{seen}");
        }
        Outcome::Fails(error) => println!("{}: FAILS: {error:#}", kernel.series),
        Outcome::CannotBeHad(error) => println!("{}: cannot be had: {error:#}", kernel.series),
    }
}

/// A kernel that fails weighs more than one that could not be tried.
fn judge(outcomes: &[(Supported, Outcome)]) -> Result<()> {
    let series = |wanted: fn(&Outcome) -> bool| {
        let of_these = outcomes.iter().filter(|(_, outcome)| wanted(outcome));
        let series: Vec<_> = of_these.map(|(kernel, _)| kernel.series).collect();
        series.join(" ")
    };
    let failed = series(|outcome| matches!(outcome, Outcome::Fails(_)));
    if !failed.is_empty() {
        bail!("bridgetrace does not work on Linux {failed}");
    }
    let untried = series(|outcome| matches!(outcome, Outcome::CannotBeHad(_)));
    if untried.is_empty() {
        return Ok(());
    }
    let text = format!(
        "Linux {untried} could not be tried; when the reason above is gone (a mirror of Debian's \
         archive among apt's sources, the network), type:"
    );
    Err(Unmet::new(text, &[format!("cargo xtask kernels {untried}")]).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::anyhow;

    fn verdict(outcomes: [Outcome; 2]) -> anyhow::Error {
        let of = SUPPORTED.into_iter().zip(outcomes);
        judge(&of.collect::<Vec<_>>()).unwrap_err()
    }

    #[test]
    fn a_kernel_that_cannot_be_had_is_no_failure_of_ours() {
        let error = verdict([
            Outcome::CannotBeHad(anyhow!("no network")),
            Outcome::CannotBeHad(anyhow!("no network")),
        ]);
        assert!(error.is::<Unmet>());
        assert!(
            error.to_string().ends_with("cargo xtask kernels 5.10 6.1"),
            "{error}"
        );
    }

    #[test]
    fn a_failure_is_not_excused_by_another_kernel() {
        let error = verdict([
            Outcome::CannotBeHad(anyhow!("no network")),
            Outcome::Fails(anyhow!("refused")),
        ]);
        assert_eq!(error.to_string(), "bridgetrace does not work on Linux 6.1");
    }
}

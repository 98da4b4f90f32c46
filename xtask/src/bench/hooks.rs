//! What each always-on hook costs a healthy host: nanoseconds over a program that does nothing.
//!
//! Two empty programs share each tracepoint with the tracer's: one runs before it, one after, on the very same
//! events, so that neither noise nor a warm cache favours anybody. The kernel's run-time statistics tell the
//! time of each. Stimuli take turns, in slices; a figure is the median over the slices of the difference
//! between the tracer's program and the mean of the empty ones.

mod scene;
mod stimulus;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use aya::Btf;
use aya::sys::{Stats, enable_stats};
use serde_json::json;

pub(super) use self::scene::{PORT, Scene};
use self::stimulus::Stimulus;
use super::context::Context;
use super::programs::{Empty, Loaded, Runs, held_by};
use super::row::Row;
use super::spread::{Spread, short};
use super::stage::start;
use crate::interrupt;

/// By tracepoint.
type Empties = BTreeMap<&'static str, Empty>;

/// A stimulus, the tracer's program that it makes run, those that do nothing before and after it, and the figures.
struct Case<'a> {
    what: Stimulus,
    tracer: &'a Loaded,
    empty: [&'a Empty; 2],
    costs: Costs,
}

impl Case<'_> {
    /// Before, the tracer's, after.
    fn runs(&self) -> Result<[Runs; 3]> {
        let [before, after] = self.empty;
        Ok([
            before.program.runs()?,
            self.tracer.program.runs()?,
            after.program.runs()?,
        ])
    }
}

/// Nanoseconds a run, by slice.
#[derive(Default)]
struct Costs {
    over: Vec<f64>,
    empty: Vec<f64>,
    tracer: Vec<f64>,
    /// Runs of the tracer's program.
    runs: Vec<u64>,
    /// At the end of the last slice.
    last: Option<[Runs; 3]>,
}

pub(super) fn measure(context: &Context) -> Result<Vec<Row>> {
    let scene = Scene::raise()?;
    let stimuli = scene.stimuli()?;
    let btf = Btf::from_sys_fs().context("read the kernel's BTF")?;
    let points: BTreeSet<&str> = stimuli.iter().map(|what| what.tracepoint).collect();
    let empty = |at: &&'static str| Ok((*at, Empty::attach(&context.empty, at, &btf)?));
    let empties = || points.iter().map(empty).collect::<Result<Empties>>();
    let before = empties()?;
    let tracer = start(&context.binary, &scene.lab, &scene.daemon, &[])?;
    let after = empties()?;
    let _statistics = enable_stats(Stats::RunTime).context("switch BPF statistics on")?;
    let held = held_by(tracer.id())?;
    let cases = stimuli.into_iter().map(|what| {
        let tracer = held.iter().find(|held| held.name == what.program);
        Ok(Case {
            tracer: tracer.with_context(|| format!("no program {}", what.program))?,
            empty: [&before[what.tracepoint], &after[what.tracepoint]],
            costs: Costs::default(),
            what,
        })
    });
    let mut cases: Vec<Case<'_>> = cases.collect::<Result<_>>()?;
    for _ in 0..context.times(60, 300) {
        interrupt::check()?;
        cases.iter_mut().try_for_each(slice)?;
    }
    cases.into_iter().map(row).collect()
}

/// One slice of one stimulus. What cannot be made to happen is watched from slice to slice.
fn slice(case: &mut Case<'_>) -> Result<()> {
    let begin = match (&case.what.go, case.costs.last) {
        (Some(_), _) | (None, None) => case.runs()?,
        (None, Some(last)) => last,
    };
    if let Some(go) = &mut case.what.go {
        go()?;
    }
    let end = case.runs()?;
    let costs = &mut case.costs;
    costs.last = Some(end);
    let means = [0, 1, 2].map(|which: usize| end[which].mean_since(begin[which]));
    // Nothing of this kind happened in this slice, as with timers.
    let [Some(before), Some(tracer), Some(after)] = means else {
        return Ok(());
    };
    let empty = f64::midpoint(before, after);
    costs.over.push(tracer - empty);
    costs.empty.push(empty);
    costs.tracer.push(tracer);
    costs.runs.push(end[1].count - begin[1].count);
    Ok(())
}

impl Costs {
    /// Without the slices in which others ran the hook as well: those with more runs, by a twentieth, than half of
    /// the slices have.
    fn of_the_stimulus(self) -> Result<Self> {
        let usual = {
            let mut runs = self.runs.clone();
            runs.sort_unstable();
            runs.get(runs.len() / 2).copied().context("it never ran")?
        };
        let own: Vec<bool> = self
            .runs
            .iter()
            .map(|runs| runs.abs_diff(usual) * 20 <= usual)
            .collect();
        let keep = |figures: Vec<f64>| {
            let kept = figures.into_iter().zip(&own).filter(|(_, own)| **own);
            kept.map(|(figure, _)| figure).collect()
        };
        Ok(Self {
            over: keep(self.over),
            empty: keep(self.empty),
            tracer: keep(self.tracer),
            runs: vec![usual],
            last: self.last,
        })
    }
}

fn row(case: Case<'_>) -> Result<Row> {
    let runs = case.tracer.program.runs()?.count;
    let Case {
        what,
        tracer: program,
        costs,
        ..
    } = case;
    let slices = costs.over.len();
    // Nobody knows how often what happens by itself is to run.
    let costs = match what.go {
        Some(_) => costs.of_the_stimulus()?,
        None => costs,
    };
    let spread = |figures| {
        Spread::new(figures)
            .with_context(|| format!("{} never ran for {}", what.program, what.name))
    };
    let (over, empty, tracer) = (
        spread(costs.over)?,
        spread(costs.empty)?,
        spread(costs.tracer)?,
    );
    Ok(Row::new(what.name, format!("{over} ns"))
        .target(format!("<= {} ns", what.target), over.median() <= what.target)
        .ratio(tracer.median() / empty.median())
        .note(format!(
            "{}: {} ns, empty {} ns; {} of {slices} slices, {runs} runs; {} instructions, {} bytes of machine code",
            what.tracepoint,
            short(tracer.median()),
            short(empty.median()),
            over.all().len(),
            program.instructions,
            program.jited,
        ))
        .raw(json!({"over_empty_ns": over.all(), "empty_ns": empty.all(), "tracer_ns": tracer.all(),
                    "runs": runs, "instructions": program.instructions,
                    "machine_code_bytes": program.jited})))
}

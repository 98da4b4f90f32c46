//! What each always-on hook costs a healthy host: nanoseconds over a program that does nothing.
//!
//! Two empty programs share each tracepoint with the tracer's: one runs before it, one after, on the very same
//! events, so that neither noise nor a warm cache favours anybody. The kernel's run-time statistics tell the
//! time of each. Stimuli take turns, in slices; a figure is the median over the slices of the difference
//! between the tracer's program and the mean of the empty ones.

mod scene;
mod stimulus;

use anyhow::{Context as _, Result, ensure};
use aya::Btf;
use aya::sys::{Stats, enable_stats};
use serde_json::json;

pub(super) use self::scene::Scene;
use self::stimulus::Stimulus;
use super::context::Context;
use super::programs::{Empty, Loaded, Runs, held_by};
use super::row::Row;
use super::spread::{Spread, short};
use super::stage::start;
use crate::interrupt;

/// A program of the tracer between two that do nothing.
struct Trio {
    before: Empty,
    tracer: Loaded,
    after: Empty,
}

impl Trio {
    fn runs(&self) -> Result<[Runs; 3]> {
        let [before, tracer, after] = [
            &self.before.program,
            &self.tracer.program,
            &self.after.program,
        ];
        Ok([before.runs()?, tracer.runs()?, after.runs()?])
    }
}

/// Nanoseconds a run, by slice.
#[derive(Default)]
struct Costs {
    over: Vec<f64>,
    empty: Vec<f64>,
    tracer: Vec<f64>,
    /// At the end of the last slice.
    last: Option<[Runs; 3]>,
}

pub(super) fn measure(context: &Context) -> Result<Vec<Row>> {
    let scene = Scene::raise()?;
    let mut stimuli = scene.stimuli()?;
    let btf = Btf::from_sys_fs().context("read the kernel's BTF")?;
    let empties = || -> Result<Vec<Empty>> {
        let each = stimuli.iter();
        each.map(|what| Empty::attach(&context.empty, what.tracepoint, &btf))
            .collect()
    };
    let before = empties()?;
    let mut tracer = start(&context.binary, &scene.lab, &scene.daemon, &[])?;
    tracer.wait_ready()?;
    let after = empties()?;
    let _statistics = enable_stats(Stats::RunTime).context("switch BPF statistics on")?;
    let trios = trios(&stimuli, before, &held_by(tracer.id())?, after)?;
    let mut costs: Vec<Costs> = trios.iter().map(|_| Costs::default()).collect();
    for _ in 0..context.times(60, 300) {
        interrupt::check()?;
        for (what, (trio, costs)) in stimuli.iter_mut().zip(trios.iter().zip(&mut costs)) {
            slice(what, trio, costs)?;
        }
    }
    let rows = stimuli.iter().zip(trios.iter().zip(costs));
    rows.map(|(what, (trio, costs))| row(what, trio, costs))
        .collect()
}

fn trios(
    stimuli: &[Stimulus],
    before: Vec<Empty>,
    held: &[Loaded],
    after: Vec<Empty>,
) -> Result<Vec<Trio>> {
    let all = stimuli.iter().zip(before.into_iter().zip(after));
    all.map(|(what, (before, after))| {
        let tracer = held.iter().find(|held| held.name == what.program);
        let tracer = tracer.with_context(|| format!("no program {}", what.program))?;
        let tracer = tracer.clone();
        Ok(Trio {
            before,
            tracer,
            after,
        })
    })
    .collect()
}

/// One slice of one stimulus. What cannot be made to happen is watched from slice to slice.
fn slice(what: &mut Stimulus, trio: &Trio, costs: &mut Costs) -> Result<()> {
    let begin = match (&mut what.go, costs.last) {
        (Some(_), _) | (None, None) => trio.runs()?,
        (None, Some(last)) => last,
    };
    if let Some(go) = &mut what.go {
        go()?;
    }
    let end = trio.runs()?;
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
    Ok(())
}

fn row(what: &Stimulus, trio: &Trio, costs: Costs) -> Result<Row> {
    let none = || format!("{} never ran for {}", what.program, what.name);
    ensure!(!costs.over.is_empty(), none());
    let [over, empty, tracer] = [costs.over, costs.empty, costs.tracer].map(Spread::new);
    let (over, empty) = (over.with_context(none)?, empty.with_context(none)?);
    let tracer = tracer.with_context(none)?;
    let runs = trio.tracer.program.runs()?.count;
    Ok(Row::new(what.name, format!("{over} ns"))
        .target(format!("<= {} ns", what.target), over.median() <= what.target)
        .ratio(tracer.median() / empty.median())
        .note(format!(
            "{}: {} ns, empty {} ns; {} slices, {runs} runs; {} instructions, {} bytes of machine code",
            what.tracepoint,
            short(tracer.median()),
            short(empty.median()),
            over.all().len(),
            trio.tracer.instructions,
            trio.tracer.jited,
        ))
        .raw(json!({"over_empty_ns": over.all(), "empty_ns": empty.all(), "tracer_ns": tracer.all(),
                    "runs": runs, "instructions": trio.tracer.instructions,
                    "machine_code_bytes": trio.tracer.jited})))
}

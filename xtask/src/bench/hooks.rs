//! What each always-on hook costs a healthy host: nanoseconds over a program that does nothing.
//!
//! Two empty programs share each tracepoint with the one that is measured: one runs before it, one after, on the very
//! same events, so that neither noise nor a warm cache favours anybody. The kernel's run-time statistics tell the
//! time of each. Stimuli take turns, in slices; a figure is the median over the slices of the difference
//! between the program and the mean of the empty ones.
//!
//! The tracer's programs take turns with the least that can decide there (`xtask/bench-ebpf`): never both at once, or
//! the first would warm the cache for the second. What those cost is how much can be asked for.

mod costs;
mod scene;
mod stimulus;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use aya::Btf;
use aya::sys::{Stats, enable_stats};
use serde_json::json;

use self::costs::{Costs, Figures};
pub(super) use self::scene::{PORT, Scene};
use self::stimulus::{Go, Stimulus};
use super::context::Context;
use super::programs::{Loaded, Program, Yardstick, held_by};
use super::row::Row;
use super::spread::short;
use super::stage::start;
use crate::interrupt;

/// Slices of each stimulus in a turn.
const SLICES: usize = 30;

/// By tracepoint.
type Yardsticks = BTreeMap<&'static str, Yardstick>;

/// A stimulus, and what it cost.
struct Case {
    what: Stimulus,
    tracer: Costs,
    least: Costs,
    /// The tracer's program, as it was loaded last.
    loaded: Option<Loaded>,
}

/// What is measured in a turn: the programs before, in between and after, what makes them run, and where costs go.
type Measured<'a> = ([Program; 3], &'a mut Option<Go>, &'a mut Costs);

/// What is attached to: the tracepoints of all stimuli.
struct Points<'a> {
    context: &'a Context,
    btf: Btf,
    all: BTreeSet<&'static str>,
}

impl Points<'_> {
    /// A program that does nothing on each.
    fn empties(&self) -> Result<Yardsticks> {
        let attach = |at: &&'static str| {
            let object = &self.context.yardsticks;
            Ok((*at, Yardstick::empty(object, at, &self.btf)?))
        };
        self.all.iter().map(attach).collect()
    }
}

pub(super) fn measure(context: &Context) -> Result<Vec<Row>> {
    let scene = Scene::raise()?;
    let cases = scene.stimuli()?.into_iter().map(|what| Case {
        what,
        tracer: Costs::default(),
        least: Costs::default(),
        loaded: None,
    });
    let mut cases: Vec<Case> = cases.collect();
    let points = Points {
        context,
        btf: Btf::from_sys_fs().context("read the kernel's BTF")?,
        all: cases.iter().map(|case| case.what.tracepoint).collect(),
    };
    let _statistics = enable_stats(Stats::RunTime).context("switch BPF statistics on")?;
    for _ in 0..context.times(2, 10) {
        tracers_turn(&points, &scene, &mut cases)?;
        turn_of_the_least(&points, &mut cases)?;
    }
    cases.into_iter().map(row).collect()
}

fn tracers_turn(points: &Points<'_>, scene: &Scene, cases: &mut [Case]) -> Result<()> {
    let before = points.empties()?;
    let tracer = start(&points.context.binary, &scene.lab, &scene.daemon, &[])?;
    let after = points.empties()?;
    let held = held_by(tracer.id())?;
    let measured = cases.iter_mut().map(|case| {
        let at = case.what.tracepoint;
        let own = held.iter().find(|held| held.name == case.what.program);
        let own = own.with_context(|| format!("no program {}", case.what.program))?;
        let own = case.loaded.insert(own.clone());
        let programs = [&before[at].program, &own.program, &after[at].program];
        Ok((
            programs.map(Program::clone),
            &mut case.what.go,
            &mut case.tracer,
        ))
    });
    slices(measured.collect::<Result<_>>()?)
}

fn turn_of_the_least(points: &Points<'_>, cases: &mut [Case]) -> Result<()> {
    let before = points.empties()?;
    let least: BTreeMap<&str, &str> = cases
        .iter()
        .filter_map(|case| Some((case.what.tracepoint, case.what.least?)))
        .collect();
    let attach = |(at, name): (&'static str, &'static str)| {
        let object = &points.context.yardsticks;
        Ok((at, Yardstick::attach(object, name, at, &points.btf)?))
    };
    let least: Yardsticks = least.into_iter().map(attach).collect::<Result<_>>()?;
    let after = points.empties()?;
    let measured = cases.iter_mut().filter(|case| case.what.least.is_some());
    let measured = measured.map(|case| {
        let at = case.what.tracepoint;
        let programs = [&before, &least, &after].map(|all| all[at].program.clone());
        (programs, &mut case.what.go, &mut case.least)
    });
    slices(measured.collect())
}

fn slices(mut measured: Vec<Measured<'_>>) -> Result<()> {
    for _ in 0..SLICES {
        interrupt::check()?;
        for (programs, go, costs) in &mut measured {
            costs.slice(programs, go)?;
        }
    }
    for (_, _, costs) in measured {
        costs.end_turn();
    }
    Ok(())
}

fn row(case: Case) -> Result<Row> {
    let Case {
        what,
        tracer,
        least,
        loaded,
    } = case;
    let own = Figures::of(tracer, &what)?;
    let loaded = loaded.with_context(|| format!("no program {}", what.program))?;
    let row = Row::new(what.name, format!("{} ns", own.over))
        .target(
            format!("<= {} ns", what.target),
            own.over.median() <= what.target,
        )
        .ratio(own.program.median() / own.empty.median())
        .note(format!(
            "{}: {} ns, empty {} ns; {} of {} slices, {} runs each; {} instructions, {} bytes of machine code",
            what.tracepoint,
            short(own.program.median()),
            short(own.empty.median()),
            own.slices.0,
            own.slices.1,
            own.runs,
            loaded.instructions,
            loaded.jited,
        ));
    let mut raw = json!({"over_empty_ns": own.over.all(), "empty_ns": own.empty.all(),
                         "tracer_ns": own.program.all(), "runs": own.runs, "instructions": loaded.instructions,
                         "machine_code_bytes": loaded.jited});
    let Some(name) = what.least else {
        return Ok(row.raw(raw));
    };
    let least = Figures::of(least, &what)?;
    raw["least_over_empty_ns"] = json!(least.over.all());
    Ok(row
        .note(format!(
            "The least that can decide here (`{name}`): {} ns; {} of {} slices, {} runs each",
            least.over, least.slices.0, least.slices.1, least.runs
        ))
        .raw(raw))
}

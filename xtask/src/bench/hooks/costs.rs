//! What a program between two empty ones took, slice by slice.

use anyhow::{Context as _, Result, ensure};

use super::stimulus::{Go, Stimulus};
use crate::bench::programs::{Program, Runs};
use crate::bench::spread::Spread;

/// Nanoseconds a run, by slice.
#[derive(Default)]
pub(super) struct Costs {
    slices: Vec<Slice>,
    /// At the end of this turn's last slice.
    last: Option<[Runs; 3]>,
}

struct Slice {
    over: f64,
    empty: f64,
    program: f64,
    /// Of the program.
    runs: u64,
}

impl Costs {
    /// One slice: makes things happen. What cannot be made to happen is watched from slice to slice.
    pub(super) fn slice(&mut self, programs: &[Program; 3], go: &mut Option<Go>) -> Result<()> {
        let begin = match (&go, self.last) {
            (None, Some(last)) => last,
            _ => runs(programs)?,
        };
        if let Some(go) = go {
            go()?;
        }
        let end = runs(programs)?;
        self.last = Some(end);
        let means = [0, 1, 2].map(|which: usize| end[which].mean_since(begin[which]));
        // Otherwise nothing of this kind happened, as with timers.
        if let [Some(before), Some(program), Some(after)] = means {
            let empty = f64::midpoint(before, after);
            self.slices.push(Slice {
                over: program - empty,
                empty,
                program,
                runs: end[1].count - begin[1].count,
            });
        }
        Ok(())
    }

    /// Whoever is measured next counts anew.
    pub(super) fn end_turn(&mut self) {
        self.last = None;
    }

    /// Runs a slice, half of the slices have no more.
    fn usual(&self) -> Result<u64> {
        let mut runs: Vec<u64> = self.slices.iter().map(|slice| slice.runs).collect();
        runs.sort_unstable();
        runs.get(runs.len() / 2).copied().context("it never ran")
    }
}

fn runs([before, program, after]: &[Program; 3]) -> Result<[Runs; 3]> {
    Ok([before.runs()?, program.runs()?, after.runs()?])
}

/// What the slices say.
pub(super) struct Figures {
    /// Over a program that does nothing.
    pub(super) over: Spread,
    pub(super) empty: Spread,
    pub(super) program: Spread,
    /// Slices that count, of how many, and runs in each as a rule.
    pub(super) slices: (usize, usize),
    pub(super) runs: u64,
}

impl Figures {
    /// Without the slices in which others ran the hook as well: those with more runs, by a twentieth, than is usual. How
    /// often what happens by itself is to run nobody knows.
    pub(super) fn of(mut costs: Costs, what: &Stimulus) -> Result<Self> {
        let (all, runs) = (costs.slices.len(), costs.usual()?);
        ensure!(
            runs >= what.runs.into(),
            "a slice of {} ran the hook {runs} times instead of {}",
            what.name,
            what.runs
        );
        if what.go.is_some() {
            let usual = |slice: &Slice| slice.runs.abs_diff(runs) * 20 <= runs;
            costs.slices.retain(usual);
        }
        let spread = |figure: fn(&Slice) -> f64| {
            Spread::new(costs.slices.iter().map(figure).collect())
                .with_context(|| format!("no program ever ran for {}", what.name))
        };
        Ok(Self {
            over: spread(|slice| slice.over)?,
            empty: spread(|slice| slice.empty)?,
            program: spread(|slice| slice.program)?,
            slices: (costs.slices.len(), all),
            runs,
        })
    }
}

//! A line of a block: one input, or a run of ticks of a host on which nothing happened.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use tracer_core::{
    input::{Body, Input},
    time::Timestamp,
};

/// One line. Exactly one of `body` and `ticks` is there.
#[derive(Serialize, Deserialize)]
pub(crate) struct Line<'a> {
    at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Cow<'a, Body>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ticks: Option<Ticks>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
struct Ticks {
    /// Nanoseconds from one to the next.
    every: u64,
    /// How many there are.
    count: u32,
}

/// Inputs of one line, one after the other.
#[derive(Clone, Debug)]
pub(crate) enum Inputs {
    /// A single one.
    One(Option<Box<Input>>),
    /// Ticks.
    Ticks(Run),
}

/// Ticks at equal distances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) next: Timestamp,
    pub(crate) every: u64,
    pub(crate) count: u32,
}

impl Line<'_> {
    /// Appends an input to `text`.
    pub(crate) fn write_input(text: &mut Vec<u8>, input: &Input) -> serde_json::Result<()> {
        let line = Line {
            at: input.at,
            body: Some(Cow::Borrowed(&input.body)),
            ticks: None,
        };
        line.write(text)
    }

    /// Appends ticks to `text`.
    pub(crate) fn write_ticks(text: &mut Vec<u8>, run: Run) -> serde_json::Result<()> {
        let single = run.count == 1;
        let line = Line {
            at: run.next,
            body: single.then_some(Cow::Owned(Body::Tick)),
            ticks: (!single).then_some(Ticks {
                every: run.every,
                count: run.count,
            }),
        };
        line.write(text)
    }

    fn write(&self, text: &mut Vec<u8>) -> serde_json::Result<()> {
        serde_json::to_writer(&mut *text, self)?;
        text.push(b'\n');
        Ok(())
    }

    /// What a line tells; `None` if that is nothing this version knows.
    pub(crate) fn read(text: &[u8]) -> Option<Inputs> {
        let line: Line<'static> = serde_json::from_slice(text).ok()?;
        match (line.body, line.ticks) {
            (Some(body), None) => Some(Inputs::One(Some(Box::new(Input {
                at: line.at,
                body: body.into_owned(),
            })))),
            (None, Some(Ticks { every, count })) => Some(Inputs::Ticks(Run {
                next: line.at,
                every,
                count,
            })),
            _ => None,
        }
    }
}

impl Inputs {
    /// How many there are.
    pub(crate) const fn count(&self) -> u32 {
        match self {
            Self::One(None) => 0,
            Self::One(Some(_)) => 1,
            Self::Ticks(run) => run.count,
        }
    }
}

impl Iterator for Inputs {
    type Item = Input;

    fn next(&mut self) -> Option<Input> {
        match self {
            Self::One(input) => input.take().map(|input| *input),
            Self::Ticks(run) => run.next(),
        }
    }
}

impl Run {
    /// Whether `at` is where the next tick of the run would be; the second decides how far that is.
    pub(crate) fn continues(&self, at: Timestamp) -> bool {
        self.count == 0 || self.count == 1 && at >= self.next || at == self.end()
    }

    /// Adds the tick at `at`, which continues the run.
    pub(crate) fn add(&mut self, at: Timestamp) {
        match self.count {
            0 => self.next = at,
            1 => self.every = at.since(self.next),
            _ => {}
        }
        self.count += 1;
    }

    /// Where the next tick would be.
    fn end(&self) -> Timestamp {
        self.next
            .plus(self.every.saturating_mul(u64::from(self.count)))
    }
}

impl Iterator for Run {
    type Item = Input;

    fn next(&mut self) -> Option<Input> {
        self.count = self.count.checked_sub(1)?;
        let at = self.next;
        self.next = at.plus(self.every);
        Some(Input {
            at,
            body: Body::Tick,
        })
    }
}

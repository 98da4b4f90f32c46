//! A recording on a screen, with a cursor in time. Forth is feeding inputs to the core; back is going on
//! from a copy of everything that was made on the way.

mod moment;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::Result;
use tracer_core::time::{SECOND, Timestamp, nanos};
use tracer_record::play::Player;

use crate::{
    record::open::{self, Segment, Span},
    replay,
};

use self::moment::Moment;
use super::{
    app::Feed,
    keys::Step,
    state::{Cursor, State},
    tape::Tape,
};

/// How long inputs are fed before keys get their turn.
const TURN: Duration = Duration::from_millis(100);
/// Inputs between two looks at the clock.
const BATCH: usize = 64;
/// While time goes on by itself.
const PLAYING: Duration = Duration::from_millis(200);
/// Nothing goes on until a key is pressed.
const IDLE: Duration = Duration::from_secs(3600);
/// Copies kept; then every other one is dropped, and they are made half as often.
const COPIES: usize = 16;
/// Inputs between two copies, at first.
const APART: u64 = 256;
/// A process larger than this (bytes) makes no more copies: going back takes longer then.
const LARGE: u64 = 512 << 20;
/// Moments at which something was told, kept.
const TELLINGS: usize = 65_536;

/// A recording and where in it somebody is.
pub(super) struct Recorded {
    path: PathBuf,
    segments: Vec<PathBuf>,
    span: Span,
    /// Copies of the way, the beginning first.
    copies: Vec<Moment>,
    apart: u64,
    here: Moment,
    /// Where to go.
    goal: Timestamp,
    tellings: BTreeSet<Timestamp>,
    /// When time went on by itself last, while it does.
    playing: Option<Instant>,
    /// All of it was read once.
    is_known: bool,
    /// How many inputs the state was brought to.
    shown: Option<u64>,
}

impl Recorded {
    /// Opens a recording; it is read by and by.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let segments = open::open(path)?;
        let span = open::survey(path, &segments)?;
        let names = segments.iter().map(|it| it.path.clone()).collect();
        let tapes = segments.into_iter().map(|it: Segment| Tape::new(it.file));
        let begin = Moment::new(Player::new(tapes)?);
        Ok(Self {
            path: path.to_owned(),
            segments: names,
            span,
            copies: vec![begin.clone()],
            apart: APART,
            here: begin,
            // What it was like in the end is what one wants to know first.
            goal: span.last,
            tellings: BTreeSet::new(),
            playing: None,
            is_known: false,
            shown: None,
        })
    }

    /// Goes on towards the goal; whether it was reached.
    fn go_on(&mut self) -> Result<bool> {
        let until = Instant::now() + TURN;
        loop {
            for _ in 0..BATCH {
                let Some(told) = self.here.advance(self.goal, &self.path)? else {
                    return Ok(true);
                };
                if told && self.tellings.len() < TELLINGS {
                    self.tellings.insert(self.here.clock());
                }
                self.copy()?;
            }
            if Instant::now() >= until {
                return Ok(false);
            }
        }
    }

    /// Keeps a copy if the last one is long ago.
    fn copy(&mut self) -> Result<()> {
        let last = self.copies.last().map_or(0, Moment::inputs);
        if self.here.inputs() < last + self.apart {
            return Ok(());
        }
        replay::memory::check(&self.path)?;
        if replay::memory::resident() > LARGE {
            return Ok(());
        }
        self.copies.push(self.here.clone());
        if self.copies.len() > COPIES {
            let mut nth = 0;
            self.copies.retain(|_| {
                nth += 1;
                nth % 2 == 1
            });
            self.apart *= 2;
        }
        Ok(())
    }

    /// Goes to `goal`, from the last copy before it if that lies behind.
    fn go_to(&mut self, goal: Timestamp) {
        self.goal = goal.clamp(self.span.first, self.span.last);
        if self.goal < self.here.clock() {
            let before = |it: &&Moment| it.clock() <= self.goal;
            let copy = self.copies.iter().rev().find(before);
            if let Some(copy) = copy {
                self.here = copy.clone();
            }
        }
    }

    /// Time goes on by itself.
    fn play(&mut self) {
        let Some(before) = self.playing else {
            return;
        };
        self.playing = Some(Instant::now());
        let passed = nanos(before.elapsed());
        self.go_to(self.goal.plus(passed));
        if self.goal == self.span.last {
            self.playing = None;
        }
    }

    fn cursor(&self) -> Cursor {
        let name = self.path.file_name().unwrap_or(self.path.as_os_str());
        Cursor {
            file: name.to_string_lossy().into_owned(),
            first: self.span.first,
            last: self.span.last,
            playing: self.playing.is_some(),
            reading: !self.is_known,
            tellings: (
                self.tellings.range(..=self.goal).count(),
                self.tellings.len(),
            ),
        }
    }
}

impl Feed for Recorded {
    fn bring(&mut self, state: &mut State) -> Result<()> {
        self.play();
        let reached = self.go_on()?;
        if reached && self.here.is_last() && !self.is_known {
            self.is_known = true;
            for unread in replay::unread(self.here.problems(), &self.segments) {
                log::warn!("{unread}");
            }
        }
        state.now = if reached {
            self.goal
        } else {
            self.here.clock()
        };
        state.cursor = Some(self.cursor());
        if self.shown != Some(self.here.inputs()) {
            self.shown = Some(self.here.inputs());
            self.here.show(state);
        }
        Ok(())
    }

    fn step(&mut self, step: Step) {
        let (now, second) = (self.goal, SECOND);
        let back = |by: u64| Timestamp(now.0.saturating_sub(by));
        let goal = match step {
            Step::TellingBack => self.tellings.range(..now).next_back().copied(),
            Step::TellingForth => {
                let behind = self.tellings.range(now.plus(1)..);
                Some(behind.copied().next().unwrap_or(self.span.last))
            }
            Step::SecondBack => Some(back(second)),
            Step::SecondForth => Some(now.plus(second)),
            Step::Begin => Some(self.span.first),
            Step::End => Some(self.span.last),
            Step::Play => {
                self.playing = match self.playing {
                    None => Some(Instant::now()),
                    Some(_) => None,
                };
                // At the end there is nothing left to play.
                let again = self.playing.is_some() && now == self.span.last;
                Some(if again { self.span.first } else { now })
            }
        };
        if step != Step::Play {
            self.playing = None;
        }
        self.go_to(goal.unwrap_or(self.span.first));
    }

    fn pace(&self) -> Duration {
        match self.playing {
            _ if !self.here.has_reached(self.goal) => Duration::ZERO,
            Some(_) => PLAYING,
            None => IDLE,
        }
    }
}

#[cfg(test)]
mod tests;

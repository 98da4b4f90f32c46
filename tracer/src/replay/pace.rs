//! Replaying as fast as it happened, or some times as fast.

use std::{
    thread,
    time::{Duration, Instant},
};

use tracer_core::time::Timestamp;

/// Beyond this an idle time is not sat out in full.
const LONGEST: Duration = Duration::from_secs(86_400);

/// Holds inputs back until it is their time.
pub(super) struct Pace {
    speed: f64,
    begun: Option<(Instant, Timestamp)>,
}

impl Pace {
    /// `speed` times as fast as it happened.
    pub(super) const fn new(speed: f64) -> Self {
        Self { speed, begun: None }
    }

    /// Returns when what happened at `at` is due.
    pub(super) fn wait(&mut self, at: Timestamp) {
        let (instant, first) = *self.begun.get_or_insert_with(|| (Instant::now(), at));
        let happened = Duration::from_nanos(at.since(first)).as_secs_f64();
        let after = Duration::try_from_secs_f64(happened / self.speed).unwrap_or(LONGEST);
        thread::sleep(after.saturating_sub(instant.elapsed()).min(LONGEST));
    }
}

//! The beat at which counters are read and time is told to the core: every second of the wall clock.
//!
//! Its stamps are whole seconds, so that a recording of a quiet host says in one line how many
//! there were.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use tracer_core::{
    input::{Body, Input},
    time::{SECOND, Timestamp},
};

use crate::inventory::clock;

/// A beat as late or early as this is as good as one on time.
const TOLERANCE: u64 = SECOND / 20;

/// Waits for the next second.
pub(super) struct Beat {
    due: Instant,
}

impl Beat {
    pub(super) fn new() -> Self {
        let mut beat = Self {
            due: Instant::now(),
        };
        beat.rest();
        beat
    }

    /// Resolves when the next second has begun.
    pub(super) async fn wait(&self) {
        sleep_until(self.due).await;
    }

    /// The tick of the second that has begun.
    pub(super) fn stamp(&self) -> Input {
        Input {
            at: nominal(clock::now()),
            body: Body::Tick,
        }
    }

    /// The next second is waited for, once the work of this one is done: after a stall, or work that took longer, one
    /// tick is enough.
    pub(super) fn rest(&mut self) {
        let now = clock::now();
        let next = (nominal(now).0 / SECOND + 1) * SECOND;
        self.due = Instant::now() + Duration::from_nanos(next.saturating_sub(now.0));
    }
}

/// The whole second `now` is close to, or `now` itself.
fn nominal(now: Timestamp) -> Timestamp {
    let second = (now.0 + TOLERANCE) / SECOND * SECOND;
    if second.abs_diff(now.0) <= TOLERANCE {
        Timestamp(second)
    } else {
        now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beat_about_a_second_is_of_that_second() {
        let at = |nanos| nominal(Timestamp(5 * SECOND + nanos)).0;
        assert_eq!(at(0), 5 * SECOND);
        assert_eq!(at(TOLERANCE), 5 * SECOND);
        assert_eq!(at(TOLERANCE + 1), 5 * SECOND + TOLERANCE + 1);
        assert_eq!(at(SECOND - 1), 6 * SECOND);
    }

    #[test]
    fn the_next_beat_comes_with_the_next_second() {
        let mut beat = Beat::new();
        let at = beat.stamp().at;
        beat.rest();
        let wait = beat.due.saturating_duration_since(Instant::now());
        let next = clock::now().plus(u64::try_from(wait.as_nanos()).unwrap());
        assert!(next.since(at) <= SECOND + TOLERANCE);
        assert!(next.0 % SECOND < TOLERANCE || next.0 % SECOND > SECOND - TOLERANCE);
    }
}

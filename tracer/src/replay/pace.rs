//! Replaying as fast as it happened, or some times as fast.

use std::{
    thread,
    time::{Duration, Instant},
};

use tracer_core::time::Timestamp;

/// Beyond this an idle time is not sat out in full.
const LONGEST: Duration = Duration::from_secs(86_400);

/// The time that passes while a recording is replayed.
pub(super) trait Clock {
    /// Since some moment that stays the same.
    fn elapsed(&self) -> Duration;
    /// Lets it pass.
    fn sleep(&mut self, time: Duration);
}

/// Real time.
pub(super) struct Real(Instant);

impl Default for Real {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Clock for Real {
    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    fn sleep(&mut self, time: Duration) {
        thread::sleep(time);
    }
}

/// Holds inputs back until it is their time.
pub(super) struct Pace<C = Real> {
    speed: f64,
    clock: C,
    /// When the first input was due, and when it happened.
    begun: Option<(Duration, Timestamp)>,
}

impl<C: Clock + Default> Pace<C> {
    /// `speed` times as fast as it happened.
    pub(super) fn new(speed: f64) -> Self {
        Self {
            speed,
            clock: C::default(),
            begun: None,
        }
    }
}

impl<C: Clock> Pace<C> {
    /// Returns when what happened at `at` is due.
    pub(super) fn wait(&mut self, at: Timestamp) {
        let now = self.clock.elapsed();
        let (begun, first) = *self.begun.get_or_insert((now, at));
        let happened = Duration::from_nanos(at.since(first)).as_secs_f64();
        let after = Duration::try_from_secs_f64(happened / self.speed).unwrap_or(LONGEST);
        let due = begun.saturating_add(after);
        let rest = due.saturating_sub(now).min(LONGEST);
        if !rest.is_zero() {
            self.clock.sleep(rest);
        }
    }
}

#[cfg(test)]
mod tests {
    use tracer_core::time::SECOND;

    use super::*;

    /// Time that passes only while somebody sleeps, or works.
    #[derive(Default)]
    struct Hands {
        now: Duration,
        slept: Vec<Duration>,
    }

    impl Clock for Hands {
        fn elapsed(&self) -> Duration {
            self.now
        }

        fn sleep(&mut self, time: Duration) {
            self.now += time;
            self.slept.push(time);
        }
    }

    /// When inputs of these seconds are let through, in milliseconds, and the sleeps it took.
    fn paced(speed: f64, seconds: &[u64]) -> (Vec<u128>, usize) {
        let mut pace: Pace<Hands> = Pace::new(speed);
        let let_through = seconds.iter().map(|second| {
            pace.wait(Timestamp(1_000 * SECOND + second * SECOND));
            pace.clock.now.as_millis()
        });
        let let_through = let_through.collect();
        (let_through, pace.clock.slept.len())
    }

    #[test]
    fn inputs_come_when_they_happened_or_some_times_as_fast() {
        let seconds = [0, 1, 1, 5, 3600];
        assert_eq!(
            paced(1.0, &seconds),
            (vec![0, 1000, 1000, 5000, 3_600_000], 3)
        );
        assert_eq!(paced(2.0, &seconds).0, [0, 500, 500, 2500, 1_800_000]);
        assert_eq!(paced(0.5, &seconds).0, [0, 2000, 2000, 10_000, 7_200_000]);
    }

    #[test]
    fn what_took_long_to_tell_is_caught_up_with() {
        let mut pace: Pace<Hands> = Pace::new(1.0);
        let second = |n| Timestamp(n * SECOND);
        pace.wait(second(10));
        // A reader that stalls.
        pace.clock.now += Duration::from_secs(3);
        pace.wait(second(12));
        assert_eq!(
            pace.clock.now,
            Duration::from_secs(3),
            "late, and not held back"
        );
        pace.wait(second(15));
        assert_eq!(pace.clock.now, Duration::from_secs(5), "in time again");
    }

    #[test]
    fn what_happened_before_the_first_input_waits_for_nothing() {
        let (let_through, slept) = paced(1.0, &[7, 6, 7]);
        assert_eq!((let_through, slept), (vec![0, 0, 0], 0));
    }

    #[test]
    fn a_gap_of_years_is_sat_out_for_a_day_at_most() {
        let year = 365 * 86_400;
        assert_eq!(paced(1.0, &[0, year]).0, [0, LONGEST.as_millis()]);
        assert_eq!(paced(1e-300, &[0, 1]).0, [0, LONGEST.as_millis()]);
    }
}

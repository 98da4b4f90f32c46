//! The beat at which counters are read and time is told to the core: every second of the wall clock.
//!
//! Its stamps are whole seconds, so that a recording of a quiet host says in one line how many
//! there were.

use tracer_core::{
    input::{Body, Input},
    time::{SECOND, Timestamp},
};

use crate::inventory::{clock, pulse::TOLERANCE};

/// The tick of the second that has begun.
pub(super) fn tick() -> Input {
    Input {
        at: nominal(clock::now()),
        body: Body::Tick,
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
}

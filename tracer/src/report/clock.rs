//! Moments in a report: UTC, to the millisecond, with the date where the recording has several.

use tracer_core::time::{SECOND, Timestamp};

use crate::sink::time;

use super::text::Text;

const DAY: u64 = 86_400 * SECOND;

/// How moments are written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    dated: bool,
}

impl Clock {
    /// For moments between these two.
    pub(super) const fn between(first: Timestamp, last: Timestamp) -> Self {
        Self {
            dated: first.0 / DAY != last.0 / DAY,
        }
    }

    /// `23:59:59.123Z`, or with the date.
    pub(super) fn exact(self, at: Timestamp) -> Text {
        // 2026-11-20T23:59:59.123456789Z
        let full = time::rfc3339(at);
        let clock = full.get(11..23).unwrap_or_default();
        match full.get(..10).filter(|_| self.dated) {
            Some(date) => Text::from(format!("{date} {clock}Z")),
            None => Text::from(format!("{clock}Z")),
        }
    }

    /// `23:59:59Z`, or with the date.
    pub(super) fn second(self, at: Timestamp) -> String {
        if self.dated {
            time::date_and_clock(at)
        } else {
            time::clock(at)
        }
    }
}

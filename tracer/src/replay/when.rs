//! A moment in a recording, as typed.

use jiff::{SignedDuration, civil};
use tracer_core::time::{SECOND, Timestamp};

const DAY: u64 = 86_400 * SECOND;

/// A moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// By date.
    At(Timestamp),
    /// The last time it was that late (nanoseconds since midnight, UTC) in the recording.
    Clock(u64),
    /// So many nanoseconds before the end of the recording.
    Ago(u64),
}

impl When {
    /// Reads what was typed.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let hint = "write 2026-11-20T02:25:40Z, 02:25 (UTC), or -10m (before the end)";
        let parsed = match text.strip_prefix('-') {
            Some(ago) => ago
                .parse::<SignedDuration>()
                .ok()
                .and_then(nanos)
                .map(Self::Ago),
            None => moment(text)
                .map(Self::At)
                .or_else(|| clock(text).map(Self::Clock)),
        };
        parsed.ok_or_else(|| hint.to_owned())
    }

    /// The moment in a recording that ends at `end`.
    pub(crate) fn before(self, end: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::Ago(ago) => Timestamp(end.0.saturating_sub(ago)),
            Self::Clock(clock) => {
                let today = Timestamp(end.0 - end.0 % DAY).plus(clock);
                let past = today <= end;
                Timestamp(today.0.saturating_sub(if past { 0 } else { DAY }))
            }
        }
    }
}

fn moment(text: &str) -> Option<Timestamp> {
    let at: jiff::Timestamp = text.parse().ok()?;
    u64::try_from(at.as_nanosecond()).ok().map(Timestamp)
}

fn clock(text: &str) -> Option<u64> {
    let time: civil::Time = text.parse().ok()?;
    nanos(time.duration_since(civil::Time::midnight()))
}

fn nanos(duration: SignedDuration) -> Option<u64> {
    u64::try_from(duration.as_nanos()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-20T02:31:03Z.
    const END: Timestamp = Timestamp(1_795_141_863 * SECOND);

    fn at(text: &str) -> u64 {
        let at = When::parse(text).unwrap().before(END);
        assert_eq!(at.0 % SECOND, 0);
        at.0 / SECOND
    }

    #[test]
    fn a_moment_is_a_date_a_clock_time_or_before_the_end() {
        let end = END.0 / SECOND;
        assert_eq!(at("2026-11-20T02:31:00Z"), end - 3);
        assert_eq!(at("2026-11-20T03:31:00+01:00"), end - 3);
        assert_eq!(at("02:31"), end - 3);
        assert_eq!(at("02:31:03"), end);
        assert_eq!(at("02:31:04"), end + 1 - 86_400, "the day before");
        assert_eq!(at("-10m"), end - 600);
        assert_eq!(at("-1h30m"), end - 5400);
    }

    #[test]
    fn anything_else_is_no_moment() {
        for bad in ["", "noon", "25:00", "10m", "-", "-5", "--5m", "2026-11-20"] {
            assert!(When::parse(bad).is_err(), "{bad}");
        }
    }
}

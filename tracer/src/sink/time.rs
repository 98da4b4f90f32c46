//! Times as the sinks write them: always UTC, since a host in trouble is read from elsewhere.

use tracer_core::time::{SECOND, Timestamp};

/// RFC 3339 with nanoseconds: `2026-11-20T23:59:59.123456789Z`.
pub(crate) fn rfc3339(at: Timestamp) -> String {
    format!("{:.9}", civil(at))
}

/// `23:59:59Z`.
pub(crate) fn clock(at: Timestamp) -> String {
    civil(at).strftime("%H:%M:%SZ").to_string()
}

/// `2026-11-20 23:59:59Z`.
pub(crate) fn date_and_clock(at: Timestamp) -> String {
    civil(at).strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// A span in the two units that matter: `0.7 s`, `132 s`, `2 h 5 min`, `3 d 4 h`.
pub(crate) fn span(nanos: u64) -> String {
    let seconds = nanos / SECOND;
    match seconds {
        0..10 => format!("{seconds}.{} s", nanos % SECOND / (SECOND / 10)),
        10..600 => format!("{seconds} s"),
        600..3600 => format!("{} min", seconds / 60),
        3600..86_400 => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds / 3600 % 24),
    }
}

/// A wait of whole seconds: `45 s`, `2 min 7 s`, `15 min 25 s`, `1 h 3 min`.
pub(crate) fn wait(seconds: u64) -> String {
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s} s"),
        (0, min, 0) => format!("{min} min"),
        (0, min, s) => format!("{min} min {s} s"),
        (h, 0, _) => format!("{h} h"),
        (h, min, _) => format!("{h} h {min} min"),
    }
}

/// Every `Timestamp` lies before the year 2555, which jiff can represent.
fn civil(at: Timestamp) -> jiff::Timestamp {
    jiff::Timestamp::from_nanosecond(i128::from(at.0)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_utc_with_nine_digits() {
        let at = Timestamp(1_795_219_199_123_456_789);
        assert_eq!(rfc3339(at), "2026-11-20T23:59:59.123456789Z");
        assert_eq!(rfc3339(Timestamp(0)), "1970-01-01T00:00:00.000000000Z");
        assert_eq!(clock(at), "23:59:59Z");
        assert_eq!(date_and_clock(at), "2026-11-20 23:59:59Z");
        assert!(rfc3339(Timestamp(u64::MAX)).starts_with("2554-"));
    }

    #[test]
    fn spans_are_short() {
        assert_eq!(span(0), "0.0 s");
        assert_eq!(span(722_000_000), "0.7 s");
        assert_eq!(span(132 * SECOND), "132 s");
        assert_eq!(span(720 * SECOND), "12 min");
        assert_eq!(span(7500 * SECOND), "2 h 5 min");
        assert_eq!(span(273_600 * SECOND), "3 d 4 h");
    }

    #[test]
    fn waits_are_told_to_the_second() {
        assert_eq!(wait(45), "45 s");
        assert_eq!(wait(127), "2 min 7 s");
        assert_eq!(wait(925), "15 min 25 s");
        assert_eq!(wait(180), "3 min");
        assert_eq!(wait(3780), "1 h 3 min");
        assert_eq!(wait(7200), "2 h");
    }
}

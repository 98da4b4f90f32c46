//! The only clock of the inventory: everything downstream takes time from its inputs.

use nix::{
    sys::time::TimeSpec,
    time::{ClockId, clock_gettime},
};
use tracer_core::{
    input::{Body, Input},
    time::{SECOND, Timestamp},
};

/// Wall-clock time.
pub(crate) fn now() -> Timestamp {
    Timestamp(read(ClockId::CLOCK_REALTIME))
}

/// Something that happens now, as the core is told it.
pub(crate) fn stamp(body: Body) -> Input {
    Input { at: now(), body }
}

/// Wall-clock time of a moment on the kernel's monotonic clock (`bpf_ktime_get_ns`).
///
/// The distance between the two clocks is measured at each call: NTP slews and an
/// administrator's `date` move one of them and not the other.
pub(crate) fn from_monotonic(ktime_ns: u64) -> Timestamp {
    let monotonic = read(ClockId::CLOCK_MONOTONIC);
    let wall = read(ClockId::CLOCK_REALTIME);
    let age = monotonic.saturating_sub(ktime_ns);
    let ahead = ktime_ns.saturating_sub(monotonic);
    Timestamp(wall.saturating_sub(age).saturating_add(ahead))
}

/// Wall-clock time of a moment `nanos` after the machine was started, its sleep included.
pub(crate) fn from_boot(nanos: u64) -> Timestamp {
    let age = read(ClockId::CLOCK_BOOTTIME).saturating_sub(nanos);
    Timestamp(read(ClockId::CLOCK_REALTIME).saturating_sub(age))
}

/// Nanoseconds on a clock; the clocks read here exist on every Linux.
fn read(clock: ClockId) -> u64 {
    clock_gettime(clock).map_or(0, nanos)
}

fn nanos(time: TimeSpec) -> u64 {
    let seconds = u64::try_from(time.tv_sec()).unwrap_or(0);
    let rest = u64::try_from(time.tv_nsec()).unwrap_or(0);
    seconds.saturating_mul(SECOND).saturating_add(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_monotonic_moment_is_as_old_on_the_wall_clock() {
        let then = read(ClockId::CLOCK_MONOTONIC).saturating_sub(5 * SECOND);
        let age = now().since(from_monotonic(then));
        assert!(
            (5 * SECOND - SECOND / 10..5 * SECOND + SECOND).contains(&age),
            "{age}"
        );
    }
}

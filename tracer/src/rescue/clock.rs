//! The clock that a rescue ends by: it counts while the host sleeps, and nobody sets it.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// Time since the host was booted.
pub(super) fn uptime() -> nix::Result<Duration> {
    clock_gettime(ClockId::CLOCK_BOOTTIME).map(Duration::from)
}

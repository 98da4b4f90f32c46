//! File descriptors the event loop waits for.

use std::{io, os::fd::AsRawFd};

use tokio::io::{Interest, unix::AsyncFd};

/// Types whose descriptor is the same, and open, for as long as they live.
///
/// # Safety
/// `as_raw_fd` must return one descriptor, owned by `self`, until `self` is dropped.
pub(crate) unsafe trait StableFd: AsRawFd {}

// SAFETY: owns the descriptor and never exchanges it.
unsafe impl StableFd for std::os::fd::OwnedFd {}
// SAFETY: a ring buffer owns the map's descriptor until it is dropped.
unsafe impl StableFd for aya::maps::RingBuf<aya::maps::MapData> {}
// SAFETY: wraps such a ring buffer, which it owns.
unsafe impl StableFd for aya_log::EbpfLogger<&'static dyn log::Log> {}

/// Lets the event loop wait for `fd`.
pub(crate) fn watch<T: StableFd>(fd: T, interest: Interest) -> io::Result<AsyncFd<T>> {
    // SAFETY: `StableFd` promises what is asked for.
    unsafe { AsyncFd::register_with_interest(fd, interest) }.map_err(io::Error::from)
}

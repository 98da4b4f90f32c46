//! Memory that only the start needed.

/// Gives it back. glibc keeps what is freed for more of the same; the kernel's types and the first
/// inventory take some tens of MiB, and are read once.
#[cfg(target_env = "gnu")]
pub(super) fn give_back() {
    // SAFETY: it takes the allocator's own locks, and touches nothing that is in use.
    unsafe { nix::libc::malloc_trim(0) };
}

/// As above; other allocators do so by themselves.
#[cfg(not(target_env = "gnu"))]
pub(super) fn give_back() {}

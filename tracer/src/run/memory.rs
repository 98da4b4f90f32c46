//! Memory that only the start needed.

/// Gives it back. glibc keeps what is freed for more of the same; the kernel's types take some tens of MiB, and are
/// read once. Other allocators do so by themselves.
pub(super) fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it takes the allocator's own locks, and touches nothing that is in use.
    unsafe {
        nix::libc::malloc_trim(0);
    }
}

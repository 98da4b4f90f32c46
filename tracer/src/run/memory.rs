//! What the allocator keeps.

/// Has all threads allocate from one place. glibc gives each its own, and what is freed in one is of no use to the
/// others: nothing here allocates so much that threads would wait for each other. Before the first of them starts.
pub(super) fn share() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it sets a parameter of the allocator, under its own lock.
    unsafe {
        nix::libc::mallopt(nix::libc::M_ARENA_MAX, 1);
    }
}

/// Gives back what only the start needed. glibc keeps what is freed for more of the same; the kernel's types take some
/// tens of MiB, and are read once. Other allocators do so by themselves.
pub(super) fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it takes the allocator's own locks, and touches nothing that is in use.
    unsafe {
        nix::libc::malloc_trim(0);
    }
}

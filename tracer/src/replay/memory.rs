//! A file made for it could tell of a host larger than any: memory is bounded all the same.

use std::{fs, path::Path};

use anyhow::{Result, ensure};

/// More than the largest host needs, bytes.
const MOST: u64 = 2 << 30;
/// Of x86-64 and of most others. Where pages are larger, more is allowed.
const PAGE: u64 = 4096;

/// Fails when the process has become too large.
pub(crate) fn check(file: &Path) -> Result<()> {
    ensure!(
        resident() <= MOST,
        "replay {}: it tells of more than any host has",
        file.display()
    );
    Ok(())
}

/// Bytes in memory (proc_pid_statm(5)); 0 where that cannot be read.
pub(crate) fn resident() -> u64 {
    let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split(' ').nth(1);
    pages
        .and_then(|pages| pages.parse::<u64>().ok())
        .unwrap_or(0)
        * PAGE
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_memory_of_a_process_is_known() {
        assert!(super::resident() > 1 << 20);
    }
}

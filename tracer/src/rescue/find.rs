//! Guards that are on watch.

use std::{fs, net::IpAddr, os::unix::fs::MetadataExt as _, path::Path, time::Duration};

use clap::Parser as _;
use nix::unistd::geteuid;

use crate::cli::RescueGuard;

use super::guard::left;

/// The guard of a rescue of `address` in this network namespace: its pid, and how long it still waits.
/// Only one of the same user counts: anybody may call a process what he likes.
pub(super) fn guard(address: IpAddr) -> Option<(u32, Duration)> {
    let entries = fs::read_dir("/proc").ok()?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut pids = names.filter_map(|name| name.parse().ok());
    pids.find_map(|pid| {
        let order = order(pid)?;
        (order.address == address).then(|| (pid, left(&order)))
    })
}

fn order(pid: u32) -> Option<RescueGuard> {
    let process = Path::new("/proc").join(pid.to_string());
    let here = fs::metadata("/proc/self/ns/net").ok()?.ino();
    let own = fs::metadata(&process).ok()?.uid() == geteuid().as_raw();
    (own && fs::metadata(process.join("ns/net")).ok()?.ino() == here).then_some(())?;
    let line = fs::read_to_string(process.join("cmdline")).ok()?;
    let words: Vec<&str> = line.trim_end_matches('\0').split('\0').collect();
    // Parsing every command line of the host would be slow.
    (words.get(1) == Some(&RescueGuard::NAME)).then_some(())?;
    RescueGuard::try_parse_from(words.into_iter().skip(1)).ok()
}

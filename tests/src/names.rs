//! Names of what the lab makes in the kernel and on disk.
//!
//! Every name starts with `bt<pid>x<n>-`: runs at the same time never meet, and whatever
//! carries the pid of a process that is no more was left behind by a killed run.

use std::env;
use std::fs;
use std::path::Path;
use std::process;
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::{cgroup, netns, recording};

static NEXT: AtomicU32 = AtomicU32::new(1);
static SWEEP: Once = Once::new();

/// A name nobody else has, such as `bt4711x3-srv`.
///
/// The first name of a process sweeps away what earlier, killed runs left behind.
pub fn unique(role: &str) -> String {
    SWEEP.call_once(sweep);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("bt{}x{number}-{role}", process::id())
}

/// The process that made a thing of this name, if the lab made it at all.
pub fn owner(name: &str) -> Option<u32> {
    let (pid, rest) = name.strip_prefix("bt")?.split_once('x')?;
    let (number, role) = rest.split_once('-')?;
    number.parse::<u32>().ok()?;
    if role.is_empty() {
        return None;
    }
    pid.parse().ok()
}

/// Removes namespaces, control groups and directories of dead runs.
fn sweep() {
    for name in entries(Path::new(netns::DIRECTORY)).filter(|name| is_stale(name)) {
        netns::delete(&name);
    }
    for name in cgroup::all().into_iter().filter(|name| is_stale(name)) {
        cgroup::remove(&name);
    }
    for folder in [env::temp_dir(), recording::scratch()] {
        for name in entries(&folder).filter(|name| is_stale(name)) {
            // Whatever cannot be removed now is tried again by the next run.
            fs::remove_dir_all(folder.join(name)).ok();
        }
    }
}

/// Things that carry our own pid before we made any belong to an earlier process that
/// had this number.
fn is_stale(name: &str) -> bool {
    owner(name)
        .is_some_and(|pid| pid == process::id() || !Path::new(&format!("/proc/{pid}")).exists())
}

fn entries(directory: &Path) -> impl Iterator<Item = String> {
    fs::read_dir(directory)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_carry_their_owner() {
        let (first, second) = (unique("srv"), unique("srv"));
        assert_ne!(first, second);
        assert_eq!(owner(&first), Some(process::id()));
    }

    #[test]
    fn other_peoples_names_have_no_owner() {
        for name in [
            "btrfs",
            "bt12",
            "bt12x",
            "bt12x-srv",
            "bt12x3-",
            "btax3-srv",
            "x12x3-srv",
        ] {
            assert_eq!(owner(name), None, "{name}");
        }
    }
}

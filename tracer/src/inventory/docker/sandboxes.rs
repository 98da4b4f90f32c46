//! Network namespaces that a dockerd keeps for containers and that nobody is in: a daemon that was killed
//! together with its containers, and came back without its state, leaves them behind.
//!
//! Walks `/proc`, so it may block: call it off the runtime.

use std::{collections::BTreeSet, path::Path};

use tracer_core::input::EmptySandbox;

use super::process;
use crate::inventory::{mounts, netns};

/// Where dockerd keeps what is of this run only, unless told otherwise.
const EXEC_ROOT: &str = "/var/run/docker";
/// Namespaces told of at once.
const MOST: usize = 256;
/// Digits of a sandbox's name; those of swarms have others.
const DIGITS: usize = 12;

/// Every one on this host, in order.
pub(crate) fn empty() -> Vec<EmptySandbox> {
    let pids = netns::pids();
    let daemons: Vec<u32> = pids
        .iter()
        .copied()
        .filter(|it| process::is_dockerd(*it))
        .collect();
    let mut all: Vec<EmptySandbox> = daemons.iter().flat_map(|pid| of_daemon(*pid)).collect();
    if all.is_empty() {
        return all;
    }
    // Read after the files: who is in one by now has come meanwhile.
    let inhabited: BTreeSet<u32> = netns::pids()
        .into_iter()
        .flat_map(netns::of_threads)
        .collect();
    all.retain(|it| !inhabited.contains(&it.inum));
    all.sort();
    // Daemons may see each other's files.
    all.dedup_by_key(|it| it.inum);
    all.truncate(MOST);
    all
}

/// Every namespace that the daemon keeps.
fn of_daemon(pid: u32) -> Vec<EmptySandbox> {
    let words = process::command_line(pid).unwrap_or_default();
    let given = process::option(&words, &["--exec-root"]);
    let root = given.last().copied().unwrap_or(EXEC_ROOT);
    let folder = Path::new(root).join("netns");
    // `/var/run` is a link to `/run`, and mounts are told without links.
    let real = folder.strip_prefix("/var/run").ok();
    let real = real.map(|rest| Path::new("/run").join(rest));
    let Ok(here) = netns::of_process(pid) else {
        return Vec::new();
    };
    let elsewhere = mounts::namespace(pid) != mounts::namespace(std::process::id());
    let kept = mounts::namespaces(pid).into_iter().filter(|(_, point)| {
        let parent = Path::new(point).parent();
        let is_its = parent == Some(&folder) || parent.is_some() && parent == real.as_deref();
        is_its && is_sandbox(point)
    });
    kept.map(|(inum, path)| EmptySandbox {
        netns: here,
        inum,
        path,
        pid,
        elsewhere,
    })
    .collect()
}

/// Whether the file is named as docker names those of containers.
fn is_sandbox(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    let is_hex = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    name.len() == DIGITS && name.bytes().all(is_hex)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_containers_namespaces_are_looked_at() {
        for (path, is_it) in [
            ("/run/docker/netns/37f0b5ec1ec7", true),
            ("/run/docker/netns/default", false),
            ("/run/docker/netns/ingress_sbox", false),
            ("/run/docker/netns/lb_x1y2z3a4b5", false),
            ("/run/docker/netns/1-0123456789", false),
            ("/run/docker/netns/", false),
        ] {
            assert_eq!(is_sandbox(path), is_it, "{path}");
        }
        assert!(of_daemon(std::process::id()).is_empty());
    }
}

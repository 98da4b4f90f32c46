//! The containerd of a dockerd, and data roots. Walks `/proc`: call it off the runtime.

use std::{fs, os::fd::AsRawFd as _};

use nix::fcntl::OFlag;

use crate::inventory::{bystanders::parent, docker::process, files::Root, netns, proc};

/// Containers counted in a data root.
const MOST: usize = 10_000;

/// The containerd that a dockerd uses: the one it started itself, else the host's, if there is only
/// one that no dockerd started.
pub(super) fn containerd(dockerd: u32) -> Option<u32> {
    let all = netns::pids().into_iter();
    let all: Vec<u32> = all.filter(|pid| is_containerd(*pid)).collect();
    let own = |pid: &&u32| parent(**pid) == Some(dockerd);
    let host = |pid: &&u32| parent(**pid).is_none_or(|parent| !process::is_dockerd(parent));
    let mut hosts = all.iter().filter(host);
    let only = hosts.next().filter(|_| hosts.next().is_none());
    all.iter().find(own).or(only).copied()
}

/// Whether a process runs containerd: its shims are another program.
pub(super) fn is_containerd(pid: u32) -> bool {
    proc::runs(pid, "containerd")
}

/// Containers in a data root, if it is one.
pub(super) fn containers(root: &Root, path: &str) -> Option<u64> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY;
    let folder = root.open(&format!("{path}/containers"), flags).ok()?;
    let entries = fs::read_dir(format!("/proc/self/fd/{}", folder.as_raw_fd())).ok()?;
    Some(entries.take(MOST).count() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_root_is_known_by_its_folder_of_containers() {
        let folder = std::env::temp_dir().join(format!("bridgetrace-root-{}", std::process::id()));
        fs::create_dir_all(folder.join("old/containers/one")).expect("folder");
        fs::create_dir_all(folder.join("other")).expect("folder");
        let root = Root::at(&folder).expect("root");
        assert_eq!(containers(&root, "/old"), Some(1));
        assert_eq!(containers(&root, "/other"), None);
        assert_eq!(containers(&root, "/absent"), None);
        fs::remove_dir_all(&folder).expect("clean up");
    }

    #[test]
    fn strangers_are_no_containerd() {
        assert!(!is_containerd(std::process::id()) && !is_containerd(u32::MAX));
    }
}

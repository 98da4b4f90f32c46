//! The process behind a docker socket: its network namespace and its `daemon.json`.
//!
//! Reads `/proc` and another process' files, so it may block: call it off the runtime.

use std::{
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use bollard::models::SystemInfo;
use tracer_core::input::DaemonInfo;

use super::process;
use crate::inventory::{files::Root, landmarks, netns};

/// Options that set the data root; `--graph` is what old engines call it.
const DATA_ROOT: [&str; 3] = ["--data-root", "--graph", "-g"];

/// The daemon behind the process on the other end of a socket.
///
/// With socket activation the socket was made by the service manager: then it is the only
/// dockerd there is, if there is only one.
pub(super) fn dockerd(peer: u32) -> Option<u32> {
    let manager = peer == 1 || netns::process(peer)?.name == "systemd";
    if process::is_dockerd(peer) || !manager {
        return Some(peer);
    }
    let all = netns::pids().into_iter();
    let mut all = all.filter(|pid| process::is_dockerd(*pid));
    all.next().filter(|_| all.next().is_none())
}

/// What is known of the daemon's process: everything but what the daemon says itself.
pub(super) fn describe(pid: u32) -> DaemonInfo {
    let words = process::command_line(pid).unwrap_or_default();
    let found = pools_file(&words).and_then(|file| Some((file, exists(pid, file)?)));
    let netns = netns::of_process(pid).ok();
    // Those of the host's own files are known, and followed.
    let elsewhere =
        landmarks::has_own_files(pid) || netns != netns::own().ok().map(|own| own.0.inum);
    DaemonInfo {
        netns,
        nameservers: elsewhere.then(|| landmarks::nameservers_of(pid)).flatten(),
        has_config: found.is_some_and(|(_, exists)| exists),
        config_file: found.map(|(file, _)| file.to_owned()),
        has_data_root_option: !process::option(&words, &DATA_ROOT).is_empty(),
        pid: process::is_dockerd(pid).then_some(pid),
        ..DaemonInfo::default()
    }
}

/// What the daemon says itself of who it is and of what it has.
pub(super) fn told(info: &mut DaemonInfo, system: &SystemInfo) {
    let text = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    info.id = text(&system.id);
    info.data_root = text(&system.docker_root_dir);
    info.driver = text(&system.driver);
    info.images = system.images.and_then(|images| u64::try_from(images).ok());
    info.live_restore = system.live_restore_enabled == Some(true);
}

/// The file that pools can be set in. Where they are set on the command line dockerd refuses them
/// in the file.
fn pools_file(words: &[String]) -> Option<&str> {
    let pools = process::option(words, &["--default-address-pool"]);
    process::config_file(words).filter(|_| pools.is_empty())
}

/// Whether the daemon has the file; `None` if that, or what is in it, cannot be told.
fn exists(pid: u32, file: &str) -> Option<bool> {
    // A process that has just ended has no files at all.
    let root = Root::of_process(pid).ok()?;
    let found = process::daemon_json(&root, file).ok()?;
    Some(found.is_some())
}

/// Whether the path leads the process and us to the same file, or where there is none yet, to the same folder
/// for it.
pub(super) fn is_ours(pid: u32, path: &Path) -> bool {
    let root = PathBuf::from(format!("/proc/{pid}/root"));
    for place in path.ancestors() {
        let theirs = root.join(place.strip_prefix("/").unwrap_or(place));
        match (theirs.symlink_metadata(), place.symlink_metadata()) {
            (Ok(theirs), Ok(ours)) => {
                return (theirs.dev(), theirs.ino()) == (ours.dev(), ours.ino());
            }
            (Err(_), Err(_)) => {}
            _ => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pools_are_set_in_one_place() {
        let words = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
        let file = ["dockerd", "--config-file=/a"];
        assert_eq!(pools_file(&words(&file)), Some("/a"));
        let pools = ["dockerd", "--config-file=/a", "--default-address-pool", "x"];
        assert_eq!(pools_file(&words(&pools)), None);
    }

    #[test]
    fn a_process_is_described_by_its_pid() {
        let pid = dockerd(std::process::id()).expect("a peer");
        let server = describe(pid);
        let own = netns::own().expect("own namespace").0;
        assert_eq!(server.netns, Some(own.inum));
    }

    #[test]
    fn an_unknown_peer_is_no_error() {
        assert_eq!(dockerd(u32::MAX), None);
        assert_eq!(exists(u32::MAX, "/etc/docker/daemon.json"), None);
    }
}

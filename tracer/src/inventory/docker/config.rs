//! The process behind a docker socket: its network namespace and its `daemon.json`.
//!
//! Reads `/proc` and another process' files, so it may block: call it off the runtime.

use std::{
    fs::File,
    io::{ErrorKind, Read as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use nix::fcntl::OFlag;
use serde_json::{Map, Value};
use tracer_core::input::DaemonInfo;

use crate::inventory::netns;

/// What dockerd reads unless told otherwise.
const DEFAULT_CONFIG: &str = "/etc/docker/daemon.json";
/// Longer than any sane configuration.
const MAX_CONFIG: u64 = 1 << 20;
/// `TASK_COMM_LEN` leaves room for all of it.
const DOCKERD: &str = "dockerd";

/// The daemon behind the process on the other end of a socket.
///
/// With socket activation the socket was made by the service manager: then it is the only
/// dockerd there is, if there is only one.
pub(super) fn dockerd(peer: u32) -> Option<u32> {
    let manager = peer == 1 || netns::process(peer)?.name == "systemd";
    if is_dockerd(peer) || !manager {
        return Some(peer);
    }
    let mut all = netns::pids().into_iter().filter(|pid| is_dockerd(*pid));
    all.next().filter(|_| all.next().is_none())
}

fn is_dockerd(pid: u32) -> bool {
    netns::process(pid).is_some_and(|process| process.name == DOCKERD)
}

/// Whether the program is dockerd, whatever the process calls itself.
pub(super) fn runs_dockerd(pid: u32) -> bool {
    let program = std::fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
    let name = program.file_name().and_then(|name| name.to_str());
    // An update replaces the file under the running daemon.
    name.is_some_and(|name| name.trim_end_matches(" (deleted)") == DOCKERD)
}

/// What is known of the daemon's process: everything but what the daemon says itself.
pub(super) fn describe(pid: u32) -> DaemonInfo {
    let command_line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let netns = netns::of_process(pid).ok();
    let found = config_file(&command_line).and_then(|file| Some((exists(pid, &file)?, file)));
    DaemonInfo {
        netns,
        has_config: found.as_ref().is_some_and(|(exists, _)| *exists),
        config_file: found.map(|(_, file)| file),
        ..DaemonInfo::default()
    }
}

/// The file that pools can be set in, by a command line (words ended by NUL): the last
/// `--config-file`. Where pools are set on the command line dockerd refuses them in the file; a
/// relative path means nothing to whoever types a command elsewhere.
pub(super) fn config_file(command_line: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(command_line);
    let mut words = text.split('\0');
    let mut file = DEFAULT_CONFIG;
    while let Some(word) = words.next() {
        match word.split_once('=').unwrap_or((word, "")) {
            ("--default-address-pool", _) => return None,
            ("--config-file", "") => file = words.next().unwrap_or_default(),
            ("--config-file", path) => file = path,
            _ => {}
        }
    }
    file.starts_with('/').then(|| file.to_owned())
}

/// Whether the daemon has the file; `None` if that, or what is in it, cannot be told.
fn exists(pid: u32, file: &str) -> Option<bool> {
    let root = PathBuf::from(format!("/proc/{pid}/root"));
    let path = root.join(file.strip_prefix('/')?);
    match path.symlink_metadata() {
        Ok(_) => is_config(&path).then_some(true),
        // A process that has just ended has no files at all.
        Err(error) if error.kind() == ErrorKind::NotFound => root.is_dir().then_some(false),
        Err(_) => None,
    }
}

/// Whether the file holds what dockerd takes: an object, or nothing.
fn is_config(path: &Path) -> bool {
    read(path).is_some_and(|text| {
        let text = text.trim_start_matches('\u{feff}').trim();
        text.is_empty() || serde_json::from_str::<Map<String, Value>>(text).is_ok()
    })
}

fn read(path: &Path) -> Option<String> {
    // Opening a FIFO without it would wait for a writer, maybe for ever.
    let file = File::options()
        .read(true)
        .custom_flags(OFlag::O_NONBLOCK.bits())
        .open(path)
        .ok()?;
    file.metadata().ok()?.is_file().then_some(())?;
    let mut text = String::new();
    file.take(MAX_CONFIG).read_to_string(&mut text).ok()?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_config_file_is_read_from_the_command_line() {
        for (command_line, file) in [
            ("dockerd\0-D\0", Some(DEFAULT_CONFIG)),
            ("", Some(DEFAULT_CONFIG)),
            ("dockerd\0--config-file=/a b.json\0", Some("/a b.json")),
            ("dockerd\0--config-file\0/c.json\0-D\0", Some("/c.json")),
            ("dockerd\0--config-file=/a\0--config-file=/b\0", Some("/b")),
            ("dockerd\0--config-file=c.json\0", None),
            ("dockerd\0--config-file\0", None),
            (
                "dockerd\0--default-address-pool=base=10.0.0.0/8,size=24\0",
                None,
            ),
        ] {
            assert_eq!(config_file(command_line.as_bytes()).as_deref(), file);
        }
    }

    #[test]
    fn a_file_that_is_absent_is_told_from_one_that_cannot_be_read() {
        let folder = std::env::temp_dir().join(format!("bridgetrace-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let exists_with = |name: &str, text: Option<&str>| {
            let path = folder.join(name);
            if let Some(text) = text {
                std::fs::write(&path, text).unwrap();
            }
            exists(std::process::id(), path.to_str().unwrap())
        };
        assert_eq!(exists_with("absent", None), Some(false));
        assert_eq!(exists_with("blank", Some(" \n")), Some(true));
        assert_eq!(exists_with("object", Some("{}")), Some(true));
        assert_eq!(exists_with("list", Some("[1]")), None);
        assert_eq!(exists_with("torn", Some("{")), None);
        assert_eq!(exists_with("", None), None);
        assert_eq!(exists_with("object/inside", None), None);
        std::os::unix::fs::symlink("nowhere", folder.join("link")).unwrap();
        assert_eq!(exists_with("link", None), None);
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(exists(u32::MAX, DEFAULT_CONFIG), None);
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
        assert!(!runs_dockerd(std::process::id()) && !runs_dockerd(u32::MAX));
    }
}

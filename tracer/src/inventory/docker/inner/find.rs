//! Finds the daemon that lives in a network namespace and the socket it listens on.
//!
//! Walks `/proc` and opens other processes' files, so it may block: call it off the runtime.

use std::{fs, os::fd::AsRawFd as _, path::Path};

use nix::fcntl::OFlag;
use serde_json::Value;

use crate::inventory::{
    docker::{Endpoint, config},
    files::{Root, identity},
    netns,
};

/// Where dockerd listens unless told otherwise; the first is the second where `/var/run` is a link.
const DEFAULTS: [&str; 2] = ["/var/run/docker.sock", "/run/docker.sock"];
/// Longer than any sane configuration.
const MAX_CONFIG: u64 = 1 << 20;

/// A socket as the kernel knows it, by whatever path.
type Identity = (u64, u64);

/// The daemon in the namespace with this inode number, unless it is one of `configured`.
pub(super) fn daemon(inum: u32, configured: &[Endpoint]) -> Option<Endpoint> {
    let mut daemons = netns::pids().into_iter().filter(|pid| {
        config::runs_dockerd(*pid) && netns::of_process(*pid).is_ok_and(|found| found == inum)
    });
    daemons.find_map(|pid| endpoint(pid, configured))
}

fn endpoint(pid: u32, configured: &[Endpoint]) -> Option<Endpoint> {
    let command_line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    is_daemon(&command_line).then_some(())?;
    let root = Root::of_process(pid).ok()?;
    let paths = listens(&command_line, &root);
    let mut sockets = paths.iter().filter_map(|path| socket(pid, &root, path));
    let (first, identity) = sockets.next()?;
    let taken: Vec<Identity> = configured.iter().filter_map(configured_socket).collect();
    let others = sockets.map(|(_, other)| other);
    let known = std::iter::once(identity)
        .chain(others)
        .any(|it| taken.contains(&it));
    (!known).then_some(Endpoint::Unix(first))
}

/// Not one of the helpers dockerd starts from its own program under other names.
fn is_daemon(command_line: &[u8]) -> bool {
    let word = command_line.split(|byte| *byte == 0).next();
    word.is_some_and(|word| word.ends_with(b"dockerd"))
}

fn configured_socket(endpoint: &Endpoint) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt as _;
    let Endpoint::Unix(path) = endpoint else {
        return None;
    };
    let file = fs::metadata(path).ok()?;
    Some((file.dev(), file.ino()))
}

/// Where the process listens, as paths below its own root.
fn listens(command_line: &[u8], root: &Root) -> Vec<String> {
    let mut hosts = hosts(command_line);
    if hosts.is_empty() {
        let file = config::config_file(command_line);
        let text = file.and_then(|file| root.read(&file, MAX_CONFIG));
        hosts = text.map(|text| configured_hosts(&text)).unwrap_or_default();
    }
    let paths = hosts.iter().filter_map(|host| host.strip_prefix("unix://"));
    let paths: Vec<String> = paths
        .filter(|it| !it.is_empty())
        .map(str::to_owned)
        .collect();
    // `fd://` is told nothing about: the default is the service manager's, too.
    let default = hosts.is_empty()
        || hosts
            .iter()
            .any(|it| it == "unix://" || it.starts_with("fd:"));
    let defaults = DEFAULTS.iter().filter(|_| default);
    paths
        .into_iter()
        .chain(defaults.map(|&it| it.to_owned()))
        .collect()
}

/// Every `-H` and `--host` of a command line (words ended by NUL), in the ways they can be written.
fn hosts(command_line: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(command_line);
    let mut words = text.split_terminator('\0').skip(1);
    let mut hosts = Vec::new();
    while let Some(word) = words.next() {
        let host = match word.split_once('=').unwrap_or((word, "")) {
            ("-H" | "--host", "") => words.next(),
            ("-H" | "--host", host) => Some(host),
            _ => word.strip_prefix("-H"),
        };
        hosts.extend(host.map(str::to_owned));
    }
    hosts
}

/// `hosts` of a `daemon.json`, which dockerd refuses beside `--host`.
fn configured_hosts(text: &str) -> Vec<String> {
    let text = text.trim_start_matches('\u{feff}');
    let config: Value = serde_json::from_str(text).unwrap_or_default();
    let hosts = config.get("hosts").and_then(Value::as_array);
    let hosts = hosts.into_iter().flatten().filter_map(Value::as_str);
    hosts.map(str::to_owned).collect()
}

/// The socket by a path of ours. `/proc/PID/root` leads into the process' root, but links are
/// followed from ours: `/var/run` often is `/run`, which would be the host's. So they are followed
/// below that root first, and what was found must be what the path without links leads to.
fn socket(pid: u32, root: &Root, path: &str) -> Option<(String, Identity)> {
    let found = root.open(path, OFlag::O_PATH).ok()?;
    let within = fs::read_link(format!("/proc/self/fd/{}", found.as_raw_fd())).ok()?;
    let within = within.to_str()?.strip_prefix('/')?;
    let path = format!("/proc/{pid}/root/{within}");
    let identity = identity(&found)?;
    let same = Endpoint::Unix(path.clone());
    (is_socket(&path) && configured_socket(&same)? == identity).then_some((path, identity))
}

fn is_socket(path: &str) -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    let kind = Path::new(path).symlink_metadata();
    kind.is_ok_and(|file| file.file_type().is_socket())
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn hosts_are_read_from_the_command_line() {
        for (command_line, expected) in [
            ("dockerd\0-D\0", &[][..]),
            ("dockerd\0-H\0unix:///a\0", &["unix:///a"]),
            ("dockerd\0-Hunix:///a\0-H=fd://\0", &["unix:///a", "fd://"]),
            (
                "d\0--host=unix:///a b\0--host\0tcp://[::]:1\0",
                &["unix:///a b", "tcp://[::]:1"],
            ),
            ("-Hnot an argument\0-H\0", &[]),
            ("", &[]),
        ] {
            assert_eq!(hosts(command_line.as_bytes()), expected, "{command_line:?}");
        }
    }

    #[test]
    fn helpers_are_no_daemons() {
        assert!(is_daemon(b"/usr/bin/dockerd\0-D\0") && is_daemon(b"dockerd"));
        assert!(!is_daemon(b"docker-untar\0/\0") && !is_daemon(b""));
    }

    #[test]
    fn hosts_are_read_from_the_configuration() {
        let text = "\u{feff}{\"hosts\":[\"unix:///a\",1]}";
        assert_eq!(configured_hosts(text), ["unix:///a"]);
        assert!(configured_hosts("[]").is_empty() && configured_hosts("{").is_empty());
    }

    #[test]
    fn a_socket_is_found_behind_links_and_by_its_identity() {
        let folder = std::env::temp_dir().join(format!("bridgetrace-inner-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("folder");
        let folder = folder.canonicalize().expect("folder");
        let _listener = UnixListener::bind(folder.join("docker.sock")).expect("listen");
        std::os::unix::fs::symlink("docker.sock", folder.join("link")).expect("link");
        let pid = std::process::id();
        let root = Root::of_process(pid).expect("root");
        let named = |name: &str| folder.join(name).to_str().expect("text").to_owned();
        let (path, identity) = socket(pid, &root, &named("link")).expect("socket");
        assert_eq!(path, format!("/proc/{pid}/root{}", named("docker.sock")));
        let configured = Endpoint::Unix(named("link"));
        assert_eq!(configured_socket(&configured), Some(identity));
        assert!(socket(pid, &root, "/etc/passwd").is_none());
        assert!(socket(pid, &root, &named("absent")).is_none());
        fs::remove_dir_all(&folder).expect("clean up");
    }

    #[test]
    fn a_namespace_without_a_daemon_has_none() {
        assert_eq!(daemon(1, &[]), None);
    }
}

//! Finds the daemon that lives in a network namespace and the socket it listens on.
//!
//! Walks `/proc` and opens other processes' files, so it may block: call it off the runtime.

use std::{fs, os::fd::AsRawFd as _, path::Path};

use nix::fcntl::OFlag;
use serde_json::{Map, Value};

use crate::inventory::{
    docker::{Endpoint, process},
    files::{Root, identity},
    netns,
};

/// Where dockerd listens unless told otherwise; the first is the second where `/var/run` is a link.
const DEFAULTS: [&str; 2] = ["/var/run/docker.sock", "/run/docker.sock"];

/// A socket as the kernel knows it, by whatever path.
type Identity = (u64, u64);

/// The daemon in the namespace with this inode number, unless it is one of `configured`.
pub(super) fn daemon(inum: u32, configured: &[Endpoint]) -> Option<Endpoint> {
    let mut daemons = netns::pids().into_iter().filter(|pid| {
        process::is_dockerd(*pid) && netns::of_process(*pid).is_ok_and(|found| found == inum)
    });
    daemons.find_map(|pid| endpoint(pid, configured))
}

fn endpoint(pid: u32, configured: &[Endpoint]) -> Option<Endpoint> {
    let words = process::command_line(pid)?;
    let root = Root::of_process(pid).ok()?;
    let paths = listens(&words, &root);
    let mut sockets = paths.iter().filter_map(|path| socket(pid, &root, path));
    let (first, identity) = sockets.next()?;
    let taken: Vec<Identity> = configured.iter().filter_map(configured_socket).collect();
    let others = sockets.map(|(_, other)| other);
    let known = std::iter::once(identity)
        .chain(others)
        .any(|it| taken.contains(&it));
    (!known).then_some(Endpoint::Unix(first))
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
fn listens(words: &[String], root: &Root) -> Vec<String> {
    let mut hosts = process::option(words, &["-H", "--host"]);
    // dockerd refuses to be told in both ways.
    let config = process::config_file(words).filter(|_| hosts.is_empty());
    let config = config.and_then(|file| process::daemon_json(root, file).ok()?);
    hosts.extend(config.iter().flat_map(configured_hosts));
    let paths = hosts.iter().filter_map(|host| host.strip_prefix("unix://"));
    // `fd://` is told nothing about: the default is the service manager's, too.
    let default = |host: &&str| *host == "unix://" || host.starts_with("fd:");
    let default = hosts.is_empty() || hosts.iter().any(default);
    let defaults = DEFAULTS.iter().copied().filter(|_| default);
    paths
        .filter(|path| !path.is_empty())
        .chain(defaults)
        .map(str::to_owned)
        .collect()
}

/// `hosts` of a `daemon.json`.
fn configured_hosts(config: &Map<String, Value>) -> impl Iterator<Item = &str> {
    let hosts = config.get("hosts").and_then(Value::as_array);
    hosts.into_iter().flatten().filter_map(Value::as_str)
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
    fn a_daemon_listens_where_it_was_told() {
        let folder = std::env::temp_dir().join(format!("bridgetrace-hosts-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("folder");
        fs::write(
            folder.join("d.json"),
            r#"{"hosts":["unix:///a",1,"tcp://b"]}"#,
        )
        .expect("file");
        fs::write(folder.join("torn.json"), "{").expect("file");
        let root = Root::at(&folder).expect("root");
        let pools = "--default-address-pool=base=10.0.0.0/8,size=24";
        for (words, expected) in [
            (&["dockerd"][..], &DEFAULTS[..]),
            (&["dockerd", "-Hunix:///c"], &["/c"]),
            (&["dockerd", "--config-file=/d.json"], &["/a"]),
            // Where its pools are set has nothing to do with it.
            (&["dockerd", "--config-file=/d.json", pools], &["/a"]),
            (&["dockerd", "--config-file=/torn.json"], &DEFAULTS),
            (&["dockerd", "-Htcp://b"], &[]),
        ] {
            let words: Vec<String> = words.iter().map(ToString::to_string).collect();
            assert_eq!(listens(&words, &root), expected, "{words:?}");
        }
        fs::remove_dir_all(&folder).expect("clean up");
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

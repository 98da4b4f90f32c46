//! Addresses that files of this host, or a process' own, say are outside: nameservers and the names
//! in `/etc/hosts`.
//!
//! Reads files, so it may block: call everything but [`watch`] off the runtime.

mod parse;
mod watch;

use std::{fs, net::IpAddr, path::Path};

use tracer_core::input::{Landmark, LandmarkRole};

use super::files::Root;

pub(super) use self::parse::may_be_outside;
pub(crate) use self::watch::watch;

const RESOLV_CONF: &str = "/etc/resolv.conf";
const HOSTS: &str = "/etc/hosts";
/// Where a resolver on this host is told whom to ask, while `resolv.conf` names the resolver:
/// systemd-resolved's file and NetworkManager's.
const UPSTREAM: [&str; 2] = [
    "/run/systemd/resolve/resolv.conf",
    "/run/NetworkManager/no-stub-resolv.conf",
];

/// How much of a file of the host's own is read: some ten thousand names.
const HOSTS_OWN: Bounds = Bounds {
    bytes: 1 << 20,
    landmarks: 16_384,
};
/// The same for a process that may be anybody's; there may be many of them.
const PROCESS: Bounds = Bounds {
    bytes: 64 << 10,
    landmarks: 256,
};

#[derive(Clone, Copy)]
struct Bounds {
    bytes: u64,
    landmarks: usize,
}

/// Whether a process sees other files than bridgetrace by the same names: it is in a mount
/// namespace of its own, or has another root. Quick, and touches no file system but `/proc`.
pub(super) fn has_own_files(pid: u32) -> bool {
    let differs = |what: &str| {
        let other = fs::read_link(format!("/proc/{pid}/{what}"));
        let own = fs::read_link(Path::new("/proc/self").join(what));
        matches!((other, own), (Ok(other), Ok(own)) if other != own)
    };
    differs("ns/mnt") || differs("root")
}

/// What the files of a process say.
pub(super) fn of_process(pid: u32) -> Vec<Landmark> {
    Root::of_process(pid).map_or_else(|_| Vec::new(), |root| read(&root, PROCESS))
}

/// The nameservers that the files of a process say; `None` if it has none to be read.
pub(super) fn nameservers_of(pid: u32) -> Option<Vec<IpAddr>> {
    let root = Root::of_process(pid).ok()?;
    let servers = nameservers(&root, PROCESS).into_iter();
    Some(servers.map(|it| it.address).collect())
}

/// The addresses the `hosts` of a process has for a name; none for an address itself.
pub(super) fn resolve(pid: u32, name: &str) -> Vec<IpAddr> {
    let text = Root::of_process(pid)
        .ok()
        .and_then(|root| root.read(HOSTS, HOSTS_OWN.bytes).ok());
    let named = |names: &[&str]| names.iter().any(|known| known.eq_ignore_ascii_case(name));
    parse::hosts(&text.unwrap_or_default())
        .filter(|(address, names)| may_be_outside(*address) && named(names))
        .map(|(address, _)| address)
        .collect()
}

/// Nameservers first: whoever looks an address up takes the first.
fn read(root: &Root, bounds: Bounds) -> Vec<Landmark> {
    let mut all = nameservers(root, bounds);
    let text = root.read(HOSTS, bounds.bytes).unwrap_or_default();
    let named = parse::hosts(&text).filter(|(address, _)| may_be_outside(*address));
    all.extend(named.map(|(address, names)| Landmark {
        address,
        role: LandmarkRole::Host(names[0].to_owned()),
        source: HOSTS.to_owned(),
    }));
    all.truncate(bounds.landmarks);
    all
}

/// The nameservers that are asked in the end.
fn nameservers(root: &Root, bounds: Bounds) -> Vec<Landmark> {
    let listed = |path: &str| -> Vec<Landmark> {
        let text = root.read(path, bounds.bytes).unwrap_or_default();
        let servers = parse::nameservers(&text).filter(|address| may_be_outside(*address));
        let landmark = |address| Landmark {
            address,
            role: LandmarkRole::Nameserver,
            source: path.to_owned(),
        };
        servers.map(landmark).collect()
    };
    let direct = listed(RESOLV_CONF);
    if direct.is_empty() {
        return UPSTREAM.into_iter().flat_map(listed).collect();
    }
    direct
}

#[cfg(test)]
mod tests;

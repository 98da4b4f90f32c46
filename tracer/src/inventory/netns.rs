//! Network namespaces: which ones there are, whose they are, and how to act inside one.
//!
//! Everything here reads `/proc` or files, so it may block: call it off the runtime.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    os::fd::{AsFd, OwnedFd},
    path::{Path, PathBuf},
};

use nix::{
    sched::{CloneFlags, setns},
    sys::{
        stat::fstat,
        statfs::{FsType, fstatfs},
    },
};
use tracer_core::input::{Netns, NetnsOwner, Process};

use super::{container, processes};

/// `NSFS_MAGIC`: what a namespace file is on.
/// <https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/magic.h#L95>
const NSFS: FsType = FsType(0x6e73_6673);

/// Where `ip netns add NAME` keeps its namespaces; the second is the older name of the first.
const NAMED: [&str; 2] = ["/run/netns", "/var/run/netns"];

/// Processes of one namespace that are asked for their job.
const ASKED: usize = 64;

/// A namespace could not be opened or entered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The file of the namespace did not open.
    #[error("cannot open network namespace {path}: {cause}")]
    Open {
        /// Its path.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// The file is something else.
    #[error("{path} is not a network namespace")]
    NotANamespace {
        /// Its path.
        path: PathBuf,
    },
    /// `setns` refused.
    #[error("cannot enter network namespace {inum}: {cause} (needs CAP_SYS_ADMIN)")]
    Enter {
        /// Inode number.
        inum: u32,
        /// Why.
        cause: nix::Error,
    },
}

/// The namespace bridgetrace runs in, and a descriptor that pins it.
pub(crate) fn own() -> Result<(Netns, OwnedFd), Error> {
    let (inum, fd) = open(Path::new("/proc/self/ns/net"))?;
    Ok((known(inum, NetnsOwner::Host), fd))
}

/// The namespace with this inode number, and a descriptor that pins it: as long as it is open
/// the number cannot come to mean another namespace.
///
/// Walks `/proc`: a few milliseconds on a busy host.
pub(crate) fn find(inum: u32) -> Option<(Netns, OwnedFd)> {
    find_own(inum)
        .or_else(|| find_named(inum))
        .or_else(|| find_process(inum))
}

/// What the environment of the first process in the namespace that is part of a CI job says of the job.
pub(crate) fn job_variables(inum: u32) -> Option<BTreeMap<String, String>> {
    let here = |pid: &u32| of_process(*pid).is_ok_and(|found| found == inum);
    let inside = pids().into_iter().filter(here).take(ASKED);
    let mut variables = inside.map(processes::variables_of);
    variables.find(|found| found.contains_key("CI_JOB_ID"))
}

/// Moves the calling thread into the namespace. Without effect, and without needing a
/// privilege, when it is there already.
pub(super) fn enter(netns: &OwnedFd) -> Result<(), Error> {
    let inum = inode(netns).unwrap_or(0);
    if open(Path::new("/proc/thread-self/ns/net")).is_ok_and(|(here, _)| here == inum) {
        return Ok(());
    }
    setns(netns, CloneFlags::CLONE_NEWNET).map_err(|cause| Error::Enter { inum, cause })
}

/// A descriptor of every namespace that a process is in, or why there is none; one each.
pub(crate) fn every() -> Vec<Result<OwnedFd, Error>> {
    let mut seen = std::collections::BTreeSet::new();
    let all = pids().into_iter().map(|pid| open(&ns_path(pid)));
    all.filter_map(|opened| match opened {
        Ok((inum, fd)) => seen.insert(inum).then_some(Ok(fd)),
        // The process has ended.
        Err(Error::Open { cause, .. }) if cause.kind() == io::ErrorKind::NotFound => None,
        Err(error) => Some(Err(error)),
    })
    .collect()
}

/// Whether a thread may enter the namespace.
pub(crate) fn try_enter(netns: Result<OwnedFd, Error>) -> Result<(), Error> {
    let netns = netns?;
    std::thread::spawn(move || enter(&netns))
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Inode number of the namespace a process is in.
pub(super) fn of_process(pid: u32) -> Result<u32, Error> {
    open(&ns_path(pid)).map(|(inum, _)| inum)
}

/// Inode numbers of the namespaces its threads are in: each may be in one of its own, and a leader that
/// has ended is in none.
pub(super) fn of_threads(pid: u32) -> Vec<u32> {
    let threads = fs::read_dir(format!("/proc/{pid}/task"))
        .into_iter()
        .flatten();
    let links = threads.filter_map(|thread| fs::read_link(thread.ok()?.path().join("ns/net")).ok());
    let inum = |link: PathBuf| {
        let text = link.to_str()?.strip_prefix("net:[")?.strip_suffix(']')?;
        text.parse().ok()
    };
    links.filter_map(inum).collect()
}

fn known(inum: u32, owner: NetnsOwner) -> Netns {
    Netns {
        inum,
        owner,
        unreadable: None,
        variables: BTreeMap::new(),
    }
}

fn ns_path(pid: u32) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}/ns/net"))
}

/// Opens a namespace file; asked of the descriptor, the inode number cannot race.
fn open(path: &Path) -> Result<(u32, OwnedFd), Error> {
    let file = File::open(path).map_err(|cause| Error::Open {
        path: path.into(),
        cause,
    })?;
    let fd = OwnedFd::from(file);
    let inum = inode(&fd).ok_or_else(|| Error::NotANamespace { path: path.into() })?;
    Ok((inum, fd))
}

/// Inode number, if the descriptor is that of a namespace: what `ip netns` leaves behind when
/// its mount is gone is a plain file with a number of its own.
fn inode(fd: impl AsFd) -> Option<u32> {
    let on = fstatfs(&fd).ok()?.filesystem_type();
    (on == NSFS).then_some(())?;
    u32::try_from(fstat(&fd).ok()?.st_ino).ok()
}

fn find_own(inum: u32) -> Option<(Netns, OwnedFd)> {
    own().ok().filter(|(netns, _)| netns.inum == inum)
}

fn find_named(inum: u32) -> Option<(Netns, OwnedFd)> {
    NAMED
        .iter()
        .filter_map(|folder| fs::read_dir(folder).ok())
        .flatten()
        .flatten()
        .find_map(|entry| {
            let (_, fd) = open(&entry.path())
                .ok()
                .filter(|(found, _)| *found == inum)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            Some((known(inum, NetnsOwner::Named(name)), fd))
        })
}

/// The process with the lowest pid in the namespace: for a container, its first one.
fn find_process(inum: u32) -> Option<(Netns, OwnedFd)> {
    pids().into_iter().find_map(|pid| {
        let (_, fd) = open(&ns_path(pid))
            .ok()
            .filter(|(found, _)| *found == inum)?;
        Some((known(inum, container::owner(pid)), fd))
    })
}

/// Every process `/proc` shows, lowest pid first.
pub(super) fn pids() -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut pids: Vec<u32> = entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    pids.sort_unstable();
    pids
}

/// A process by its pid, if it lives.
pub(super) fn process(pid: u32) -> Option<Process> {
    let comm = fs::read(format!("/proc/{pid}/comm")).ok()?;
    let name = String::from_utf8_lossy(comm.strip_suffix(b"\n").unwrap_or(&comm)).into_owned();
    Some(Process { pid, name })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_namespace_is_found_by_its_number() {
        let (netns, _pin) = own().expect("own namespace");
        assert_eq!(netns.owner, NetnsOwner::Host);
        let (found, _pin) = find(netns.inum).expect("found");
        assert_eq!(found, netns);
    }

    #[test]
    fn a_number_nobody_has_is_not_found() {
        assert!(find(1).is_none());
    }

    #[test]
    fn a_plain_file_is_no_namespace() {
        assert!(matches!(
            open(Path::new("/proc/self/stat")),
            Err(Error::NotANamespace { .. })
        ));
    }

    #[test]
    fn a_closure_runs_in_the_namespace_it_is_told() {
        let (netns, fd) = own().expect("own namespace");
        let inside = std::thread::scope(|scope| {
            let inside = || enter(&fd).and_then(|()| own()).map(|(netns, _)| netns.inum);
            scope.spawn(inside).join().expect("no panic")
        });
        assert_eq!(inside.expect("own"), netns.inum);
    }
}

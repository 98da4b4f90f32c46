//! What the lab makes is gone when it is dropped: namespaces, processes, mounts,
//! directories and control groups.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, ensure};
use bridgetrace_lab::docker::BUSYBOX;
use bridgetrace_lab::peers::Sshd;
use bridgetrace_lab::{Dockerd, Topology, netns, preflight, wait_for};

#[test]
fn nothing_is_left_behind() -> Result<()> {
    preflight::require()?;
    let lab = Topology::new()?;
    let daemon = Dockerd::start(&lab.srv)?;
    let sshd = Sshd::start(&lab.srv)?;
    daemon.import_busybox()?;
    daemon.docker(&[
        "run",
        "--detach",
        "--init",
        "--name=sleeper",
        BUSYBOX,
        "sleep",
        "600",
    ])?;
    let session = sshd.ssh(&lab.pc, bridgetrace_lab::topology::SRV, "cat")?;
    let directory = daemon.directory().to_owned();
    let group = Path::new("/sys/fs/cgroup")
        .join("*")
        .join(file_name(&directory));
    ensure!(
        !cgroups(&directory).is_empty(),
        "no {} to look at later",
        group.display()
    );
    ensure!(
        mounts(&directory)?.is_empty(),
        "the daemon's mounts are visible outside"
    );
    let tree = descendants(daemon.pid()?);
    ensure!(
        tree.len() >= 4,
        "dockerd, containerd, shim, container: {tree:?}"
    );
    let names = lab.namespaces().map(|netns| netns.path());
    let inums = lab.namespaces().map(|netns| netns.inum());
    drop((session, sshd, daemon, lab));
    for path in names.iter().chain([&directory]) {
        ensure!(!path.exists(), "{} is left", path.display());
        ensure!(
            mounts(path)?.is_empty(),
            "a mount under {} is left",
            path.display()
        );
    }
    ensure!(cgroups(&directory).is_empty(), "{:?}", cgroups(&directory));
    for pid in tree {
        ensure!(
            !Path::new(&format!("/proc/{pid}/exe")).exists(),
            "process {pid} is left"
        );
    }
    for inum in inums {
        // The last packets' threads leave on their own time.
        wait_for("an empty namespace", Duration::from_secs(5), || {
            netns::pids_in(inum).is_empty().then_some(())
        })?;
    }
    Ok(())
}

fn file_name(path: &Path) -> &Path {
    path.file_name().map_or(path, Path::new)
}

/// This machine's mounts at or under a path.
fn mounts(path: &Path) -> Result<Vec<String>> {
    let path = path.display().to_string();
    let table = fs::read_to_string("/proc/self/mountinfo")?;
    Ok(table
        .lines()
        .filter(|line| line.contains(&path))
        .map(str::to_owned)
        .collect())
}

/// The control groups named after the daemon's directory, in every hierarchy.
fn cgroups(directory: &Path) -> Vec<PathBuf> {
    let root = PathBuf::from("/sys/fs/cgroup");
    let hierarchies = fs::read_dir(&root)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path());
    hierarchies
        .chain([root.clone()])
        .map(|hierarchy| hierarchy.join(file_name(directory)))
        .filter(|group| group.exists())
        .collect()
}

/// A process and everything below it.
fn descendants(pid: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task"))
        .into_iter()
        .flatten()
        .flatten();
    let children = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    let pids: Vec<u32> = children
        .flat_map(|text| {
            text.split_whitespace()
                .flat_map(str::parse)
                .collect::<Vec<_>>()
        })
        .collect();
    std::iter::once(pid)
        .chain(pids.into_iter().flat_map(descendants))
        .collect()
}

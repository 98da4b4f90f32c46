//! Who runs at this moment and may have to do with the end of a daemon: package managers, and what
//! drives them.
//!
//! Who asked systemd to stop a unit is lost behind D-Bus; who was at work just then is not. Walks
//! `/proc`: call it off the runtime.

use std::fs;

use tracer_core::{
    input::{Bystander, Process, package_manager},
    world::processes::concealed,
};

use super::{
    netns,
    proc::{self, Memory},
};

/// Bystanders told of.
const MOST: usize = 16;
/// Ancestors told of.
const DEPTH: usize = 8;
/// Bytes of a command line that are read.
const COMMAND_LINE: u64 = 4096;
/// Characters of a command line.
const COMMAND: usize = 256;

/// Package managers that run now, the oldest first.
pub(super) fn now() -> Vec<Bystander> {
    let pids = netns::pids().into_iter();
    pids.filter_map(bystander).take(MOST).collect()
}

fn bystander(pid: u32) -> Option<Bystander> {
    let words = proc::memory(pid, Memory::CommandLine, COMMAND_LINE)?;
    let words = proc::words(&words);
    let name = manager(words.iter().map(String::as_str))?.to_owned();
    // It is there all the time, and does something only now and then.
    if name == "snapd" && !is_changing_snaps(pid) {
        return None;
    }
    let command = concealed(&words).join(" ");
    Some(Bystander {
        pid,
        name,
        command: command.chars().take(COMMAND).collect(),
        unit: unit(pid),
        parents: parents(pid),
    })
}

/// The package manager that a command line runs: `dpkg`, or `/usr/bin/python3
/// /usr/bin/unattended-upgrade`.
fn manager<'a>(words: impl Iterator<Item = &'a str>) -> Option<&'static str> {
    let names = words
        .take(2)
        .map(|word| word.rsplit('/').next().unwrap_or(word));
    let mut names = names.map(|name| name.trim_end_matches(':'));
    names.find_map(package_manager)
}

/// Whether snapd has a helper at work.
fn is_changing_snaps(pid: u32) -> bool {
    let tasks = fs::read_dir(format!("/proc/{pid}/task"))
        .into_iter()
        .flatten();
    tasks.flatten().any(|task| {
        let children = fs::read_to_string(task.path().join("children"));
        children.is_ok_and(|children| !children.trim().is_empty())
    })
}

fn parents(pid: u32) -> Vec<Process> {
    let line = std::iter::successors(parent(pid), |pid| parent(*pid));
    line.take(DEPTH).filter_map(netns::process).collect()
}

/// The parent of a process; none for the first, and for the kernel's own.
pub(super) fn parent(pid: u32) -> Option<u32> {
    let parent = proc::stat(pid)?.parent;
    (parent != 0).then_some(parent)
}

/// The systemd unit a process belongs to: the last part of its control group that is the name of
/// one.
pub(super) fn unit(pid: u32) -> Option<String> {
    let groups = fs::read(format!("/proc/{pid}/cgroup")).ok()?;
    unit_of(&String::from_utf8_lossy(&groups)).map(str::to_owned)
}

/// The unit by the text of `/proc/PID/cgroup`, lines of `id:controllers:path`.
fn unit_of(groups: &str) -> Option<&str> {
    let paths = groups.lines().filter_map(|line| line.splitn(3, ':').nth(2));
    let mut parts = paths.flat_map(|path| path.rsplit('/'));
    parts.find(|part| part.ends_with(".service") || part.ends_with(".scope"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn package_managers_are_known_by_their_command_lines() {
        let run = |words: &[&'static str]| manager(words.iter().copied());
        assert_eq!(run(&["/usr/bin/dpkg", "--configure"]), Some("dpkg"));
        assert_eq!(
            run(&["/usr/bin/python3", "/usr/bin/unattended-upgrade", "-v"]),
            Some("unattended-upgrade")
        );
        assert_eq!(
            run(&["/bin/sh", "/usr/lib/apt/apt.systemd.daily", "install"]),
            Some("apt.systemd.daily")
        );
        assert_eq!(run(&["vi", "/tmp/x", "/usr/bin/dpkg"]), None);
        assert_eq!(run(&["dpkg-query"]), None);
        assert_eq!(run(&[]), None);
    }

    #[test]
    fn a_unit_is_the_last_part_of_a_group_that_is_one() {
        for (groups, unit) in [
            ("0::/system.slice/docker.service\n", Some("docker.service")),
            (
                "4:cpu:/\n1:name=systemd:/system.slice/apt-daily-upgrade.service/x\n",
                Some("apt-daily-upgrade.service"),
            ),
            (
                "0::/user.slice/user-0.slice/session-2.scope",
                Some("session-2.scope"),
            ),
            ("0::/\n", None),
            ("nonsense", None),
        ] {
            assert_eq!(unit_of(groups), unit);
        }
    }

    #[test]
    fn a_process_has_ancestors() {
        let own = std::process::id();
        assert_eq!(parents(own).first().map(|it| it.pid), parent(own));
        assert_eq!(parent(u32::MAX), None);
        assert_eq!(parent(1), None);
    }

    proptest::proptest! {
        #[test]
        fn no_text_breaks_the_parser(text in ".*") {
            let _ = unit_of(&text);
        }
    }
}

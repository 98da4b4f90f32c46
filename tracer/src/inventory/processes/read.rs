//! One process, read from `/proc`. May block: call it off the runtime.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Read as _,
    os::unix::fs::MetadataExt as _,
};

use tracer_common::{INTERPRETER, PROGRAMS, SCRIPT, words};
use tracer_core::{
    decode::Who,
    input::{ProcessInfo, VARIABLES},
    time::SECOND,
};

use super::group;
use crate::inventory::{clock, container};

/// Bytes of a command line that are kept.
const COMMAND_LINE: u64 = 2048;
/// Bytes of an environment that are looked through: CI systems fill it with files.
const ENVIRONMENT: u64 = 1 << 20;
/// A clock tick of `/proc`, in nanoseconds: `USER_HZ` is 100 wherever eBPF is.
const TICK: u64 = SECOND / 100;
/// Bytes of a value that are kept.
const VALUE: usize = 512;

/// Whether the kernel half would tell of it.
pub(super) fn is_of_interest(pid: u32) -> bool {
    let Some((name, _)) = stat(pid) else {
        return false;
    };
    let mut comm = [0; 16];
    for (to, from) in comm.iter_mut().zip(name.bytes().take(15)) {
        *to = from;
    }
    let comm = words(&comm);
    let runs_script = || {
        let line = bytes(pid, "cmdline", COMMAND_LINE);
        line.windows(SCRIPT.len()).any(|part| part == SCRIPT)
    };
    PROGRAMS.iter().any(|program| program.is(comm)) || INTERPRETER.is(comm) && runs_script()
}

/// What `/proc` says of a process; `None` if it is gone.
pub(super) fn process(pid: u32) -> Option<ProcessInfo> {
    let (name, rest) = stat(pid)?;
    let link = |name: &str| {
        let path = fs::read_link(format!("/proc/{pid}/{name}")).ok()?;
        let path = path.to_string_lossy();
        Some(path.trim_end_matches(" (deleted)").to_owned())
    };
    let groups = fs::read(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    let groups = String::from_utf8_lossy(&groups);
    let info = ProcessInfo {
        pid,
        name,
        parent: field(&rest, PARENT).and_then(|text| text.parse().ok())?,
        started: field(&rest, STARTED).and_then(|text| text.parse().ok())?,
        executable: link("exe"),
        arguments: arguments(&bytes(pid, "cmdline", COMMAND_LINE)),
        cgroup: container::group(&groups).map(str::to_owned),
        container: container::innermost(&groups).map(str::to_owned),
        directory: link("cwd"),
        variables: variables_of(pid),
        began: None,
        user: user(pid),
    };
    let info = ProcessInfo {
        began: Some(clock::from_boot(info.started.saturating_mul(TICK))),
        ..info
    };
    // The number may have passed to another process while this was read.
    (started(pid) == Some(info.started)).then_some(info)
}

/// What the environment of a process says of its job.
pub(in crate::inventory) fn variables_of(pid: u32) -> BTreeMap<String, String> {
    variables(&bytes(pid, "environ", ENVIRONMENT))
}

/// Whose a process is. Asked of the file alone: a directory service may be what cannot be reached.
fn user(pid: u32) -> Option<String> {
    let uid = fs::metadata(format!("/proc/{pid}")).ok()?.uid().to_string();
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    Some(user_name(&users, &uid).unwrap_or(&uid).to_owned())
}

fn user_name<'a>(users: &'a str, uid: &str) -> Option<&'a str> {
    let mut users = users.lines().map(|line| line.split(':'));
    users.find_map(|mut fields| {
        let name = fields.next().filter(|name| !name.is_empty())?;
        (fields.nth(1) == Some(uid)).then_some(name)
    })
}

/// The line of descent's part that `/proc` tells fastest: name and parent of a process.
pub(super) fn descent(pid: u32) -> Option<(String, u32)> {
    let (name, rest) = stat(pid)?;
    Some((name, field(&rest, PARENT)?.parse().ok()?))
}

/// What is left to tell of a process that is gone: where it was, by the inode number of its control
/// group in the unified hierarchy.
pub(super) fn departed(who: &Who, cgroup: u64) -> Option<ProcessInfo> {
    let cgroup = group::path(cgroup)?;
    Some(ProcessInfo {
        pid: who.pid,
        name: who.name.clone(),
        container: container::innermost(&format!("0::{cgroup}")).map(str::to_owned),
        cgroup: Some(cgroup),
        ..ProcessInfo::default()
    })
}

/// When a process was started, in clock ticks since the machine was.
pub(super) fn started(pid: u32) -> Option<u64> {
    field(&stat(pid)?.1, STARTED)?.parse().ok()
}

/// Fields of `/proc/PID/stat` after the name, from 0 (proc(5) counts from 1, the name is 2).
const PARENT: usize = 1;
const STARTED: usize = 19;

/// The name in `/proc/PID/stat`, which may hold anything, and the fields after it.
fn stat(pid: u32) -> Option<(String, String)> {
    let text = fs::read(format!("/proc/{pid}/stat")).ok()?;
    let text = String::from_utf8_lossy(&text);
    let (before, rest) = text.rsplit_once(')')?;
    let (_, name) = before.split_once('(')?;
    Some((name.to_owned(), rest.trim_start().to_owned()))
}

fn field(fields: &str, number: usize) -> Option<&str> {
    fields.split(' ').nth(number)
}

fn bytes(pid: u32, file: &str, most: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Ok(file) = File::open(format!("/proc/{pid}/{file}")) {
        // What was read before an error is as good as any beginning.
        let _ = file.take(most).read_to_end(&mut bytes);
    }
    bytes
}

fn arguments(text: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(text);
    text.split_terminator('\0').map(str::to_owned).collect()
}

/// The [`VARIABLES`] in an environment, and nothing else of it.
fn variables(text: &[u8]) -> BTreeMap<String, String> {
    let pairs = text.split(|byte| *byte == 0).filter_map(|pair| {
        let at = pair.iter().position(|byte| *byte == b'=')?;
        let name = VARIABLES
            .into_iter()
            .find(|name| name.as_bytes() == &pair[..at])?;
        let value = pair.get(at + 1..)?;
        let value = String::from_utf8_lossy(value.get(..VALUE).unwrap_or(value));
        Some((name.to_owned(), value.into_owned()))
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_knows_itself() {
        let own = process(std::process::id()).unwrap();
        let executable = std::env::current_exe().unwrap();
        assert_eq!(own.executable.as_deref(), executable.to_str());
        assert_eq!(own.arguments, std::env::args().collect::<Vec<_>>());
        assert_eq!(own.parent, std::os::unix::process::parent_id());
        assert_eq!(
            own.directory.as_deref(),
            std::env::current_dir().unwrap().to_str()
        );
        assert!(own.started > 0 && own.cgroup.is_some());
        assert!(process(u32::MAX).is_none() && !is_of_interest(std::process::id()));
    }

    #[test]
    fn a_process_began_when_it_did_and_is_somebodys() {
        let before = clock::now();
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let info = process(child.id()).unwrap();
        child.kill().and_then(|()| child.wait()).unwrap();
        // Ticks are counted down, and the clocks are read one after the other.
        let began = info.began.unwrap();
        assert!(began.plus(2 * TICK) >= before && began <= clock::now());
        let users = "root:x:0:0:root:/root:/bin/sh\n:x:7::\nrunner:x:999:1::/:/bin/sh\ntorn";
        assert_eq!(user_name(users, "999"), Some("runner"));
        assert_eq!((user_name(users, "7"), user_name(users, "8")), (None, None));
        assert!(info.user.is_some());
    }

    #[test]
    fn of_an_environment_only_what_tells_of_jobs_is_kept() {
        let text = b"PASSWORD=x\0CI_JOB_ID=98123\0CI_JOB_TOKEN=secret\0CI_JOB_URL=\0torn";
        let found = variables(text);
        assert_eq!(found.len(), 2);
        assert_eq!(
            (found["CI_JOB_ID"].as_str(), found["CI_JOB_URL"].as_str()),
            ("98123", "")
        );
    }
}

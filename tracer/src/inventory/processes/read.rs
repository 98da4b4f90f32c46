//! One process, read from `/proc`. May block: call it off the runtime.

use std::{collections::BTreeMap, fs, os::unix::fs::MetadataExt as _};

use tracer_common::{INTERPRETER, PROGRAMS, SCRIPT, words};
use tracer_core::{
    decode::Who,
    input::{ProcessInfo, VARIABLES},
    time::SECOND,
    world::processes::{concealed, concealed_beginning},
};

use super::group;
use crate::inventory::{
    clock, container,
    proc::{self, Memory},
};

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
    let Some(stat) = proc::stat(pid) else {
        return false;
    };
    let mut comm = [0; 16];
    for (to, from) in comm.iter_mut().zip(stat.name.bytes().take(15)) {
        *to = from;
    }
    let comm = words(&comm);
    let runs_script = || {
        let line = proc::memory(pid, Memory::CommandLine, COMMAND_LINE).unwrap_or_default();
        line.windows(SCRIPT.len()).any(|part| part == SCRIPT)
    };
    PROGRAMS.iter().any(|program| program.is(comm)) || INTERPRETER.is(comm) && runs_script()
}

/// What `/proc` says of a process; `None` if it is gone.
pub(super) fn process(pid: u32) -> Option<ProcessInfo> {
    let stat = proc::stat(pid)?;
    let link = |name: &str| Some(proc::link(pid, name)?.to_string_lossy().into_owned());
    let memory = |what, most| proc::memory(pid, what, most).unwrap_or_default();
    let groups = fs::read(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    let groups = String::from_utf8_lossy(&groups);
    let info = ProcessInfo {
        pid,
        name: stat.name,
        parent: stat.parent,
        started: stat.started,
        executable: link("exe"),
        arguments: arguments(&memory(Memory::CommandLine, COMMAND_LINE)),
        cgroup: container::group(&groups).map(str::to_owned),
        container: container::innermost(&groups).map(str::to_owned),
        directory: link("cwd"),
        variables: variables_of(pid),
        began: Some(clock::from_boot(stat.started.saturating_mul(TICK))),
        user: user(pid),
    };
    // The number may have passed to another process while this was read.
    (proc::stat(pid)?.started == info.started).then_some(info)
}

/// The words without the secrets among them: what goes into the core goes into recordings, too.
fn arguments(text: &[u8]) -> Vec<String> {
    let words = proc::words(text);
    if text.len() as u64 >= COMMAND_LINE {
        concealed_beginning(&words)
    } else {
        concealed(&words)
    }
}

/// What the environment of a process says of its job.
pub(in crate::inventory) fn variables_of(pid: u32) -> BTreeMap<String, String> {
    variables(&proc::memory(pid, Memory::Environment, ENVIRONMENT).unwrap_or_default())
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
    let stat = proc::stat(pid)?;
    Some((stat.name, stat.parent))
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
    fn a_command_line_comes_without_its_secrets() {
        let login = b"docker\0login\0-p\0hunter2\0host\0";
        assert_eq!(arguments(login), ["docker", "login", "-p", "***", "host"]);
        let mut cut = b"docker\0".to_vec();
        cut.resize(2034, b'x');
        cut.extend(b"\0https://ci:pw");
        assert!(
            arguments(&cut)
                .last()
                .is_some_and(|word| word == "https://***")
        );
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

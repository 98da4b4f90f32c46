//! A dockerd as a process: which one it is, what it was told on its command line, and its
//! `daemon.json`.
//!
//! Reads `/proc` and another process' files, so it may block: call it off the runtime.

use std::{
    collections::BTreeMap,
    io::{self, ErrorKind},
    sync::{Mutex, MutexGuard, PoisonError},
};

use nix::fcntl::OFlag;
use serde_json::{Map, Value};

use crate::inventory::{
    files::Root,
    netns,
    proc::{self, Memory, Stat},
};

/// What dockerd reads unless told otherwise.
const DEFAULT_CONFIG: &str = "/etc/docker/daemon.json";
/// Longer than the command line of any daemon (`ARG_MAX` is more, and nobody's).
const MAX_COMMAND_LINE: u64 = 1 << 17;
/// Longer than any sane configuration.
const MAX_CONFIG: u64 = 1 << 20;

/// Whether a process runs dockerd, whatever it calls itself, and is none of the helpers that
/// dockerd starts from its own program under other names.
pub(super) fn is_dockerd(pid: u32) -> bool {
    proc::runs(pid, "dockerd") && command_line(pid).is_some_and(|words| is_daemon(&words))
}

/// Other daemons in the network namespace of the daemon `pid`.
pub(super) fn neighbours(pid: u32, netns: u32) -> Vec<u32> {
    let others = netns::pids().into_iter().filter(|other| *other != pid);
    let daemons = others.filter(|other| is_dockerd(*other));
    let here = |other: &u32| netns::of_process(*other).is_ok_and(|inum| inum == netns);
    daemons.filter(here).collect()
}

fn is_daemon(words: &[String]) -> bool {
    words.first().is_some_and(|word| word.ends_with("dockerd"))
}

/// What was read already, by process: daemons are looked at every few seconds, and do not change their command lines.
static READ: Mutex<BTreeMap<u32, (Stat, Vec<String>)>> = Mutex::new(BTreeMap::new());
/// Processes of which it is kept,
const KEPT: usize = 256;
/// and so many bytes of each: whoever has a longer one is read each time.
const KEPT_BYTES: usize = 4096;

/// The words of a process' command line, its name first.
pub(super) fn command_line(pid: u32) -> Option<Vec<String>> {
    let stat = proc::stat(pid)?;
    if let Some((read_of, words)) = read().get(&pid)
        && *read_of == stat
    {
        return Some(words.clone());
    }
    let text = proc::memory(pid, Memory::CommandLine, MAX_COMMAND_LINE)?;
    let words = proc::words(&text);
    // Who is just becoming another program has none for a moment.
    if stat.arguments != 0 && (1..=KEPT_BYTES).contains(&text.len()) {
        keep(pid, stat, &words);
    }
    Some(words)
}

fn keep(pid: u32, stat: Stat, words: &[String]) {
    let mut known = read();
    if known.len() >= KEPT {
        known.clear();
    }
    known.insert(pid, (stat, words.to_vec()));
}

fn read() -> MutexGuard<'static, BTreeMap<u32, (Stat, Vec<String>)>> {
    READ.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Every value of an option, in the ways it can be written: `--name value`, `--name=value` and, for
/// the short `-n`, `-nvalue`.
pub(super) fn option<'a>(words: &'a [String], names: &[&str]) -> Vec<&'a str> {
    let mut words = words.iter().skip(1);
    let mut values = Vec::new();
    while let Some(word) = words.next() {
        let glued = |name: &&str| word.strip_prefix(*name).filter(|_| !name.starts_with("--"));
        match word.split_once('=').unwrap_or((word, "")) {
            (name, "") if names.contains(&name) => values.extend(words.next().map(String::as_str)),
            (name, value) if names.contains(&name) => values.push(value),
            _ => values.extend(names.iter().find_map(glued)),
        }
    }
    values
}

/// Where the daemon's `daemon.json` is, by its command line: the last `--config-file`. A relative
/// path means nothing to whoever is elsewhere.
pub(super) fn config_file(words: &[String]) -> Option<&str> {
    let given = option(words, &["--config-file"]);
    // The option without a value is no path either.
    let dangling = words.last().is_some_and(|word| word == "--config-file");
    let file = given.last().copied().unwrap_or(DEFAULT_CONFIG);
    (file.starts_with('/') && !dangling).then_some(file)
}

/// What a `daemon.json` says; `None` if there is none. What is there and cannot be read, or holds
/// anything but what dockerd takes (an object, or nothing), is an error.
pub(super) fn daemon_json(root: &Root, file: &str) -> io::Result<Option<Map<String, Value>>> {
    let text = match root.read(file, MAX_CONFIG) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return absent(root, file),
        Err(error) => return Err(error),
    };
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.is_empty() {
        return Ok(Some(Map::new()));
    }
    Ok(Some(serde_json::from_str(text)?))
}

/// A link that leads nowhere is there all the same.
fn absent<T>(root: &Root, file: &str) -> io::Result<Option<T>> {
    match root.open(file, OFlag::O_PATH | OFlag::O_NOFOLLOW) {
        Ok(_) => Err(ErrorKind::NotFound.into()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        process::{Command, Stdio},
        thread,
        time::{Duration, Instant},
    };

    use super::*;
    use proc::words;

    #[test]
    fn who_becomes_another_program_has_another_command_line() {
        let mut child = Command::new("sh")
            .args(["-c", "read word; exec sh -c 'sleep 60; :' other", "one"])
            .stdin(Stdio::piped())
            .spawn()
            .expect("sh");
        let pid = child.id();
        let becomes = |last: &str| {
            let deadline = Instant::now() + Duration::from_secs(10);
            let is_it =
                || command_line(pid).is_some_and(|words| words.last().is_some_and(|it| it == last));
            while !is_it() {
                assert!(Instant::now() < deadline, "{:?}", command_line(pid));
                thread::yield_now();
            }
        };
        becomes("one");
        drop(child.stdin.take());
        becomes("other");
        child.kill().expect("end it");
        child.wait().expect("its end");
    }

    #[test]
    fn options_are_read_in_every_way_they_can_be_written() {
        for (command_line, expected) in [
            ("dockerd\0-D\0", &[][..]),
            ("dockerd\0-H\0unix:///a\0", &["unix:///a"]),
            ("dockerd\0-Hunix:///a\0-H=fd://\0", &["unix:///a", "fd://"]),
            (
                "d\0--host=unix:///a b\0--host\0tcp://[::]:1\0",
                &["unix:///a b", "tcp://[::]:1"],
            ),
            ("d\0--hostile=x\0--hosts\0", &[]),
            ("-Hnot an argument\0-H\0", &[]),
            ("", &[]),
        ] {
            let words = words(command_line.as_bytes());
            assert_eq!(
                option(&words, &["-H", "--host"]),
                expected,
                "{command_line:?}"
            );
        }
    }

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
                "dockerd\0--config-file=/a\0--default-address-pool=base=10.0.0.0/8,size=24\0",
                Some("/a"),
            ),
        ] {
            assert_eq!(config_file(&words(command_line.as_bytes())), file);
        }
    }

    #[test]
    fn helpers_and_strangers_are_no_daemons() {
        assert!(is_daemon(&words(b"/usr/bin/dockerd\0-D\0")) && is_daemon(&words(b"dockerd")));
        assert!(!is_daemon(&words(b"docker-untar\0/\0")) && !is_daemon(&[]));
        assert!(!is_dockerd(std::process::id()) && !is_dockerd(u32::MAX));
    }

    #[test]
    fn a_file_that_is_absent_is_told_from_one_that_cannot_be_read() {
        let folder = std::env::temp_dir().join(format!("bridgetrace-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let root = Root::at(&folder).unwrap();
        let found = |name: &str, text: Option<&str>| {
            if let Some(text) = text {
                fs::write(folder.join(name), text).unwrap();
            }
            daemon_json(&root, &format!("/{name}")).map(|found| found.map(|map| map.len()))
        };
        assert_eq!(found("absent", None).unwrap(), None);
        assert_eq!(found("blank", Some(" \n")).unwrap(), Some(0));
        assert_eq!(found("object", Some("\u{feff}{\"a\":1}")).unwrap(), Some(1));
        assert!(found("list", Some("[1]")).is_err());
        assert!(found("torn", Some("{")).is_err());
        assert!(found("", None).is_err());
        assert!(found("object/inside", None).is_err());
        // As the daemon sees it, not as this process does.
        std::os::unix::fs::symlink("/object", folder.join("inside")).unwrap();
        assert_eq!(found("inside", None).unwrap(), Some(1));
        std::os::unix::fs::symlink("nowhere", folder.join("link")).unwrap();
        assert!(found("link", None).is_err());
        fs::remove_dir_all(&folder).unwrap();
    }
}

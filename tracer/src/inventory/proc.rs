//! What `/proc` says of one process. May block: call it off the runtime.
//!
//! Command lines and environments are the process' own memory, and its files are served by whoever it likes:
//! a page or a file may come from a file system in user space that never answers. Whatever is read of them is
//! read [`patiently`], and no more than is asked for.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Read as _,
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError, mpsc},
    thread,
    time::Duration,
};

/// How long a process is waited for.
const PATIENCE: Duration = Duration::from_secs(1);
/// Processes that are waited for at once: beyond that none is, until one of them has ended.
const STUCK: usize = 64;

/// Processes that were waited for in vain, and a thread each that still waits: pid and time of start. A
/// reader that comes back after all takes its process out.
static WAITED_FOR: Mutex<BTreeMap<u32, u64>> = Mutex::new(BTreeMap::new());

/// What a process has in its memory and `/proc` shows.
#[derive(Clone, Copy, Debug)]
pub(super) enum Memory {
    /// The words it was started with, each ended by NUL.
    CommandLine,
    /// Its environment as it was started, the same way.
    Environment,
}

/// The beginning of it, `most` bytes at most; nothing of a process that is gone or does not answer.
pub(super) fn memory(pid: u32, what: Memory, most: u64) -> Option<Vec<u8>> {
    let file = match what {
        Memory::CommandLine => "cmdline",
        Memory::Environment => "environ",
    };
    patiently(pid, move || {
        let file = File::open(format!("/proc/{pid}/{file}")).ok()?;
        let mut bytes = Vec::new();
        // What was read before an error is as good as any beginning.
        let _ = file.take(most).read_to_end(&mut bytes);
        Some(bytes)
    })
    .flatten()
}

/// Words ended by NUL.
pub(super) fn words(text: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(text);
    text.split_terminator('\0').map(str::to_owned).collect()
}

/// What `read` says of the process, if it does within a second. One that was waited for in vain is not
/// waited for again.
pub(super) fn patiently<T: Send + 'static>(
    pid: u32,
    read: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let started = stat(pid)?.started;
    if is_waited_for(pid, started) {
        return None;
    }
    let (done, answer) = mpsc::sync_channel(1);
    let reader = thread::Builder::new().name("proc".to_owned());
    let reader = reader.spawn(move || {
        let said = read();
        let mut waited_for = waited_for();
        waited_for.remove(&pid);
        // Nobody may be there to hear it.
        drop(done.send(said));
    });
    reader.ok()?;
    if let Ok(said) = answer.recv_timeout(PATIENCE) {
        return Some(said);
    }
    let mut waited_for = waited_for();
    // It may have come while the lock was waited for.
    if let Ok(said) = answer.try_recv() {
        return Some(said);
    }
    log::debug!("process {pid} does not let itself be read");
    waited_for.insert(pid, started);
    if waited_for.len() == STUCK {
        log::warn!(
            "{STUCK} processes do not let themselves be read: others are not read until one does"
        );
    }
    None
}

fn is_waited_for(pid: u32, started: u64) -> bool {
    let mut waited_for = waited_for();
    if waited_for.len() >= STUCK {
        waited_for.retain(|pid, started| stat(*pid).is_some_and(|it| it.started == *started));
    }
    waited_for.len() >= STUCK || waited_for.get(&pid) == Some(&started)
}

fn waited_for() -> MutexGuard<'static, BTreeMap<u32, u64>> {
    WAITED_FOR.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Some of `/proc/PID/stat`: it takes no lock of the process, so reading it waits for nobody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stat {
    /// `comm`, which may hold anything.
    pub(super) name: String,
    /// Pid of the parent; 0 for none.
    pub(super) parent: u32,
    /// When it was started, in clock ticks since the machine was.
    pub(super) started: u64,
    /// Where its command line is, address: another program has it elsewhere, where addresses are drawn by lot. 0 if that is
    /// not for us to know.
    pub(super) arguments: u64,
}

/// Fields after the name, from 0 (proc(5) counts from 1, the name is 2).
const PARENT: usize = 1;
const STARTED: usize = 19;
const ARGUMENTS: usize = 45;

/// `None` if the process is gone.
pub(super) fn stat(pid: u32) -> Option<Stat> {
    let text = fs::read(format!("/proc/{pid}/stat")).ok()?;
    parse(&String::from_utf8_lossy(&text))
}

fn parse(text: &str) -> Option<Stat> {
    let (before, rest) = text.rsplit_once(')')?;
    let (_, name) = before.split_once('(')?;
    let fields: Vec<&str> = rest.trim_start().split(' ').collect();
    Some(Stat {
        name: name.to_owned(),
        parent: fields.get(PARENT)?.parse().ok()?,
        started: fields.get(STARTED)?.parse().ok()?,
        arguments: fields
            .get(ARGUMENTS)
            .and_then(|it| it.parse().ok())
            .unwrap_or(0),
    })
}

/// Where one of its links leads (`exe`, `cwd`), without the mark of what was removed: an update replaces the
/// file under a running daemon.
pub(super) fn link(pid: u32, name: &str) -> Option<PathBuf> {
    let path = fs::read_link(format!("/proc/{pid}/{name}")).ok()?;
    let path = path.to_string_lossy();
    Some(path.trim_end_matches(" (deleted)").into())
}

/// Whether it runs a program of this file name.
pub(super) fn runs(pid: u32, program: &str) -> bool {
    let path = link(pid, "exe");
    path.is_some_and(|path| path.file_name().is_some_and(|name| name == program))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_anything() {
        let fields = "S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20";
        let stat = parse(&format!("7 (a) b (c) {fields}")).expect("a process");
        assert_eq!(
            (stat.name.as_str(), stat.parent, stat.started),
            ("a) b (c", 1, 4711)
        );
        let places: Vec<String> = (1..50).map(|at| at.to_string()).collect();
        let stat = parse(&format!("7 (a) S {}", places.join(" "))).expect("a process");
        assert_eq!(stat.arguments, 45);
        for torn in ["", "7 (a", "7 (a) S", "7 (a) S x", ")("] {
            assert_eq!(parse(torn), None, "{torn}");
        }
    }

    #[test]
    fn memory_is_read_up_to_a_bound() {
        let own = std::process::id();
        let whole = memory(own, Memory::CommandLine, 1 << 20).expect("a command line");
        assert_eq!(words(&whole), std::env::args().collect::<Vec<_>>());
        let beginning = memory(own, Memory::CommandLine, 3).expect("a beginning");
        assert_eq!(beginning, whole[..3]);
        assert!(memory(u32::MAX, Memory::Environment, 3).is_none());
    }

    /// The process stands for one whose memory is served by nobody: its reader never comes back.
    #[test]
    fn who_does_not_answer_is_waited_for_once_and_others_are_read() {
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .expect("sleep");
        let (release, held) = mpsc::channel::<()>();
        let began = std::time::Instant::now();
        assert_eq!(patiently(child.id(), move || held.recv().is_ok()), None);
        assert!(began.elapsed() >= PATIENCE);
        let asked = mpsc::channel();
        let again = patiently(child.id(), move || asked.0.send(()));
        assert!(
            again.is_none() && asked.1.try_recv().is_err(),
            "it was asked again"
        );
        assert_eq!(patiently(std::process::id(), || 7), Some(7));
        drop(release);
        // It answered after all: it is read again, as soon as its reader is through.
        let read = || patiently(child.id(), || 7);
        let deadline = std::time::Instant::now() + 20 * PATIENCE;
        while read().is_none() {
            assert!(std::time::Instant::now() < deadline, "it is not read again");
            thread::yield_now();
        }
        child.kill().and_then(|()| child.wait()).expect("end sleep");
    }

    proptest::proptest! {
        #[test]
        fn no_text_breaks_the_parser(text in ".*") {
            let _ = parse(&text);
        }
    }
}

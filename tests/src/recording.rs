//! What a tracer of the lab told, told once more from its recording: the same, byte for byte.
//!
//! Whatever a test looks at, every tracer it starts records beside its output, and when it has ended the
//! recording is replayed and compared. So each scenario of the suites is one of recording and replay.

use std::env;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use anyhow::{Context, Result, ensure};

use crate::{names, tracer};

/// A filesystem in memory: a busy disk would hold up the end of a tracer.
const MEMORY: &str = "/dev/shm";
/// What the recorder says when inputs are missing: then a replay tells of the gap instead.
const MISSING: &str = "inputs are missing";

/// The recording of one tracer, removed on drop.
#[derive(Debug)]
pub(crate) struct Recording {
    folder: PathBuf,
    /// What the tracer prints findings as.
    format: String,
}

/// How a tracer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It said everything, and wrote everything.
    Well,
    /// It was killed, or gave up: what it said and what it wrote last may be cut off.
    Badly,
}

impl Recording {
    /// One for a tracer that is started by these words, if it is one that tells what it records. Not
    /// recorded is what traces nothing (`check`, `doctor`), what tells nothing (`record`), what
    /// records by itself, and other programs than the one under test.
    pub(crate) fn of(program: &Path, arguments: &[&str]) -> Result<Option<Self>> {
        let words = own_words(program, arguments);
        let Some(format) = words.and_then(format_of) else {
            return Ok(None);
        };
        let folder = scratch().join(names::unique("recorded"));
        fs::create_dir(&folder).with_context(|| folder.display().to_string())?;
        // A tracer may be another user's.
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o777))?;
        Ok(Some(Self {
            folder,
            format: format.to_owned(),
        }))
    }

    /// The arguments to record by.
    pub(crate) fn arguments(&self) -> [String; 2] {
        ["--record".to_owned(), self.file().display().to_string()]
    }

    /// Variables that keep the recorder from being found by others on this machine.
    pub(crate) fn variables(&self) -> [(&'static str, PathBuf); 1] {
        [("RUNTIME_DIRECTORY", self.folder.join("run"))]
    }

    /// Replays, and fails where that tells something else than the tracer did: `said` on standard output,
    /// `log` on standard error.
    pub(crate) fn compare(&self, ended: Ended, said: &str, log: &str) -> Result<()> {
        let nothing = fs::metadata(self.file()).map_or(true, |file| file.len() == 0);
        if nothing && said.is_empty() {
            return Ok(());
        }
        if log.contains(MISSING) {
            return not_compared(log);
        }
        let replay = self.replay()?;
        ensure!(
            replay.status.success() || ended == Ended::Badly,
            "{replay:?}"
        );
        let told = String::from_utf8(replay.stdout)?;
        ensure!(
            is_same(ended, findings(&self.format, said), &told),
            "a replay tells something else ({ended:?})\n── live\n{said}\n── replayed\n{told}\n── its log\n{}",
            String::from_utf8_lossy(&replay.stderr)
        );
        Ok(())
    }

    /// Keeps the recording in `folder` under this name.
    pub(crate) fn keep(&self, folder: &Path, name: &str) -> Result<()> {
        let kept = folder.join(name);
        fs::copy(self.file(), &kept).with_context(|| kept.display().to_string())?;
        Ok(())
    }

    fn replay(&self) -> Result<Output> {
        let mut replay = Command::new(tracer::binary()?);
        replay.arg("replay").arg(self.file());
        replay.args(["--format", &self.format]).stdin(Stdio::null());
        replay.output().context("replay")
    }

    fn file(&self) -> PathBuf {
        self.folder.join("trace.btr")
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        // What stays behind is swept by the next run.
        fs::remove_dir_all(&self.folder).ok();
    }
}

/// Says that a recording was not compared, on standard error itself: what a test prints shows only when it
/// fails. A replay of inputs that are missing tells of them and of what is left, and which they are is up to
/// the machine: what it should tell is not known.
fn not_compared(log: &str) -> Result<()> {
    static COUNT: AtomicU32 = AtomicU32::new(1);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let why = log.lines().find(|line| line.contains(MISSING));
    let thread = thread::current();
    writeln!(
        io::stderr(),
        "not compared with its replay, number {number} of this run: the tracer of {}: {}",
        thread.name().unwrap_or("a test"),
        why.unwrap_or_default()
    )?;
    Ok(())
}

/// Where recordings are written to.
pub(crate) fn scratch() -> PathBuf {
    let memory = PathBuf::from(MEMORY);
    if memory.is_dir() {
        memory
    } else {
        env::temp_dir()
    }
}

/// The arguments of the program under test, which may stand behind a wrapper that runs it.
fn own_words<'a>(program: &Path, arguments: &'a [&'a str]) -> Option<&'a [&'a str]> {
    let binary = tracer::binary().ok()?;
    if program == binary {
        return Some(arguments);
    }
    let binary = binary.to_str()?;
    let at = arguments.iter().position(|word| *word == binary)?;
    arguments.get(at + 1..)
}

/// What a tracer that is started by these words prints, if it traces and does not record by itself.
fn format_of<'a>(words: &[&'a str]) -> Option<&'a str> {
    let traces = words
        .first()
        .is_none_or(|first| first.starts_with('-') || *first == "trace");
    if !traces || words.contains(&"--record") {
        return None;
    }
    let mut format = words.iter().skip_while(|word| **word != "--format");
    Some(format.nth(1).unwrap_or(&"human"))
}

/// What was said without what is said once at the start, to people: what is watched. A replay watches
/// nothing.
fn findings<'a>(format: &str, said: &'a str) -> &'a str {
    match said.split_once("\n\n") {
        Some((_, findings)) if format == "human" => findings,
        _ => said,
    }
}

fn is_same(ended: Ended, live: &str, replayed: &str) -> bool {
    match ended {
        Ended::Well => live == replayed,
        // Either may lack the end of the other: lines wait for the pipe, inputs for their block.
        Ended::Badly => live.starts_with(replayed) || replayed.starts_with(live),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_traces_and_tells_is_recorded() {
        assert_eq!(format_of(&[]), Some("human"));
        assert_eq!(format_of(&["-vv", "--format", "jsonl"]), Some("jsonl"));
        assert_eq!(format_of(&["trace", "--duration", "1s"]), Some("human"));
        for not in [&["check"][..], &["record", "x"], &["--record", "x"]] {
            assert_eq!(format_of(not), None, "{not:?}");
        }
    }

    #[test]
    fn a_kill_may_cut_off_either_and_an_end_neither() {
        assert!(is_same(Ended::Well, "a\nb\n", "a\nb\n"));
        assert!(!is_same(Ended::Well, "a\nb\n", "a\n"));
        assert!(is_same(Ended::Badly, "a\nb\n", "a\n"));
        assert!(is_same(Ended::Badly, "a\nb", "a\nb\n"));
        assert!(!is_same(Ended::Badly, "a\nb\n", "a\nc\n"));
    }

    #[test]
    fn people_are_told_once_what_is_watched() {
        assert_eq!(
            findings("human", "watching\n\nlost\n\nmore\n"),
            "lost\n\nmore\n"
        );
        assert_eq!(findings("jsonl", "{}\n\n{}\n"), "{}\n\n{}\n");
    }
}

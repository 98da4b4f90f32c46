//! What `/proc` tells of a process: CPU time, memory, how often it went to sleep.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};

/// Ticks a second in `/proc` (`USER_HZ`), on every architecture that matters here.
const TICK: Duration = Duration::from_millis(10);

/// Resident memory, bytes.
pub(super) fn resident(pid: u32) -> Result<u64> {
    let text = read(pid, "status")?;
    let kibibytes = number(&text, "VmRSS").context("no VmRSS")?;
    Ok(kibibytes * 1024)
}

/// CPU time of all its threads, in the kernel and out of it.
pub(super) fn cpu(pid: u32) -> Result<Duration> {
    let text = read(pid, "stat")?;
    ticks(&text)
        .map(|ticks| TICK * ticks)
        .context("no CPU time")
}

fn ticks(stat: &str) -> Option<u32> {
    // The name may hold anything, brackets included.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut times = fields.split_whitespace().skip(11);
    let (user, system): (u32, u32) = (times.next()?.parse().ok()?, times.next()?.parse().ok()?);
    Some(user + system)
}

/// How often the threads of a process go to sleep by themselves: each time something woke them again. Threads come
/// and go, and take their counts with them: it has to be looked at often.
pub(super) struct Sleeps {
    pid: u32,
    /// By thread: at the first look, and at the last that saw it.
    threads: BTreeMap<u32, (u64, u64)>,
}

impl Sleeps {
    pub(super) fn of(pid: u32) -> Result<Self> {
        let threads = counts(pid)?.map(|(thread, count)| (thread, (count, count)));
        let threads = threads.collect();
        Ok(Self { pid, threads })
    }

    pub(super) fn look(&mut self) -> Result<()> {
        for (thread, count) in counts(self.pid)? {
            // One that is new has slept since it began.
            self.threads.entry(thread).or_default().1 = count;
        }
        Ok(())
    }

    /// Since the first look.
    pub(super) fn total(&self) -> u64 {
        self.threads
            .values()
            .map(|(first, last)| last - first)
            .sum()
    }
}

/// Of each thread there is.
fn counts(pid: u32) -> Result<impl Iterator<Item = (u32, u64)>> {
    let folder = format!("/proc/{pid}/task");
    let threads = fs::read_dir(&folder).with_context(|| format!("list {folder}"))?;
    Ok(threads.filter_map(|task| {
        let task = task.ok()?;
        let text = fs::read_to_string(task.path().join("status")).ok()?;
        let thread = task.file_name().to_str()?.parse().ok()?;
        Some((thread, number(&text, "voluntary_ctxt_switches")?))
    }))
}

fn read(pid: u32, file: &str) -> Result<String> {
    let path = format!("/proc/{pid}/{file}");
    fs::read_to_string(&path).with_context(|| format!("read {path}"))
}

/// The number of the line `NAME: NUMBER`, as `status` and `fdinfo` have it.
pub(super) fn number(text: &str, name: &str) -> Option<u64> {
    let rest = |line: &'_ str| Some(line.strip_prefix(name)?.strip_prefix(':')?.to_owned());
    let value = text.lines().find_map(rest)?;
    value.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_hides_no_time() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 100 0 0 0 12 30 0 0 20 0 4 0 99 0 0";
        assert_eq!(ticks(stat), Some(42));
    }

    #[test]
    fn involuntary_switches_are_others() {
        let status =
            "VmRSS:\t  2048 kB\nvoluntary_ctxt_switches:\t5\nnonvoluntary_ctxt_switches:\t9\n";
        assert_eq!(number(status, "voluntary_ctxt_switches"), Some(5));
        assert_eq!(number(status, "VmRSS"), Some(2048));
    }
}

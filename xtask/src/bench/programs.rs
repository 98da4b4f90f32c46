//! BPF programs and the run-time statistics that the kernel keeps of them: how often each ran and for how
//! long, as `/proc/PID/fdinfo` of whoever holds them shows.
//!
//! The time is taken around each run by the kernel's own clock, whose reading is part of it: what a
//! program costs is the difference to one that does nothing.

use std::fs;
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow};
use aya::programs::{BtfTracePoint, loaded_programs};
use aya::{Btf, Ebpf};

use super::process::number;

/// Runs so far.
#[derive(Clone, Copy, Debug)]
pub(super) struct Runs {
    pub(super) count: u64,
    pub(super) nanoseconds: u64,
}

impl Runs {
    /// Mean nanoseconds a run since `before`; `None` if there was none.
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    pub(super) fn mean_since(self, before: Self) -> Option<f64> {
        let count = self.count - before.count;
        let time = self.nanoseconds - before.nanoseconds;
        (count > 0).then(|| time as f64 / count as f64)
    }
}

/// A loaded program that somebody holds.
#[derive(Clone, Debug)]
pub(super) struct Program {
    fdinfo: PathBuf,
}

impl Program {
    /// What it ran so far, on all CPUs.
    pub(super) fn runs(&self) -> Result<Runs> {
        let text = fs::read_to_string(&self.fdinfo)
            .with_context(|| format!("read {}", self.fdinfo.display()))?;
        let count = |name| number(&text, name).context("no run-time statistics of BPF programs");
        Ok(Runs {
            count: count("run_cnt")?,
            nanoseconds: count("run_time_ns")?,
        })
    }
}

/// A program of the tracer.
#[derive(Clone, Debug)]
pub(super) struct Loaded {
    /// Name, as far as the kernel keeps it: 15 bytes.
    pub(super) name: String,
    pub(super) id: u64,
    /// Bytes the kernel runs: machine code.
    pub(super) jited: u32,
    /// Instructions after the verifier's rewriting.
    pub(super) instructions: u32,
    pub(super) program: Program,
}

/// The programs that a process holds.
pub(super) fn held_by(pid: u32) -> Result<Vec<Loaded>> {
    let folder = Path::new("/proc").join(pid.to_string()).join("fdinfo");
    let files = fs::read_dir(&folder).with_context(|| format!("list {}", folder.display()))?;
    let held: Vec<(u64, PathBuf)> = files
        .filter_map(|file| {
            let path = file.ok()?.path();
            let text = fs::read_to_string(&path).ok()?;
            number(&text, "run_cnt")?;
            Some((number(&text, "prog_id")?, path))
        })
        .collect();
    // Other processes' programs come and go meanwhile.
    let loaded = loaded_programs().filter_map(Result::ok);
    let known = loaded.filter_map(|info| {
        let (_, fdinfo) = held.iter().find(|(id, _)| *id == u64::from(info.id()))?;
        Some(Loaded {
            name: info.name_as_str()?.to_owned(),
            id: info.id().into(),
            jited: info.size_jitted(),
            instructions: info.size_translated()? / 8,
            program: Program {
                fdinfo: fdinfo.clone(),
            },
        })
    });
    Ok(known.collect())
}

/// A program that the tracer's is measured against, attached to a tracepoint; detached on drop.
pub(super) struct Yardstick {
    pub(super) program: Program,
    _object: Ebpf,
}

impl Yardstick {
    /// A program that does nothing.
    pub(super) fn empty(object: &Path, tracepoint: &str, btf: &Btf) -> Result<Self> {
        Self::attach(object, "empty", tracepoint, btf)
    }

    /// Loads the program `name` of `object` and attaches it to `tracepoint`.
    pub(super) fn attach(object: &Path, name: &str, tracepoint: &str, btf: &Btf) -> Result<Self> {
        let doing = || format!("attach the program `{name}` to {tracepoint}");
        let mut object = Ebpf::load_file(object).with_context(doing)?;
        let program = object.program_mut(name).with_context(doing)?;
        let program: &mut BtfTracePoint = program
            .try_into()
            .map_err(|error| anyhow!("the program `{name}` is of another type: {error}"))?;
        program.load(tracepoint, btf).with_context(doing)?;
        program.attach().with_context(doing)?;
        let fd = program.fd().with_context(doing)?.as_fd().as_raw_fd();
        Ok(Self {
            program: Program {
                fdinfo: format!("/proc/self/fdinfo/{fd}").into(),
            },
            _object: object,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_are_read_from_fdinfo() {
        let text = "prog_id:\t7\nrun_time_ns:\t840\nrun_cnt:\t42\n";
        assert_eq!(number(text, "run_cnt"), Some(42));
        assert_eq!(number(text, "run"), None);
    }

    #[test]
    fn a_mean_needs_a_run() {
        let runs = |count, nanoseconds| Runs { count, nanoseconds };
        assert_eq!(runs(5, 100).mean_since(runs(1, 20)), Some(20.0));
        assert_eq!(runs(5, 100).mean_since(runs(5, 100)), None);
    }
}

//! What every row-maker is given, and what the figures were measured on.

use std::fs;
use std::path::PathBuf;

/// What there is to measure.
pub(super) struct Context {
    /// The release build of bridgetrace.
    pub(super) binary: PathBuf,
    /// The BPF object that hooks are measured against.
    pub(super) yardsticks: PathBuf,
    /// Where criterion left its figures of the core.
    pub(super) criterion: PathBuf,
    /// Fewer and shorter measurements.
    pub(super) quick: bool,
}

impl Context {
    /// How often: `few` when it must be quick, `many` otherwise.
    pub(super) fn times(&self, few: usize, many: usize) -> usize {
        if self.quick { few } else { many }
    }
}

/// Processor, kernel and how busy the machine was, in a line.
pub(super) fn machine() -> String {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let models = || {
        cpus.lines()
            .filter_map(|line| line.strip_prefix("model name"))
    };
    let model = models().next().map_or("unknown CPU", |line| {
        line.trim_start_matches([' ', '\t', ':']).trim()
    });
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default();
    format!(
        "{} × {model}, Linux {}, load {load}",
        models().count(),
        kernel.trim()
    )
}

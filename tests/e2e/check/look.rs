//! One run of `bridgetrace check` and what it said.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bridgetrace_lab::{Netns, Tracer, tracer};
use serde_json::Value;

/// A look takes a fraction of a second; on a busy machine the test waits longer before it gives up.
pub(super) const SOON: Duration = Duration::from_secs(20);

/// What a look said.
#[derive(Debug)]
pub(crate) struct Look {
    pub(crate) status: Option<i32>,
    pub(crate) findings: Vec<Value>,
    /// `bridgetrace.check` of the last line.
    pub(crate) summary: Value,
}

impl Look {
    /// Runs `bridgetrace check --format jsonl` with these arguments in `netns`.
    pub(crate) fn at(netns: &Netns, arguments: &[&str]) -> Result<Self> {
        let mut all = vec!["check", "--format", "jsonl"];
        all.extend(arguments);
        Self::by(netns, &tracer::binary()?, &all)
    }

    /// Runs this program, which runs the check.
    pub(super) fn by(netns: &Netns, program: &Path, words: &[&str]) -> Result<Self> {
        let mut check = Tracer::start_program(netns, program, words, &[])?;
        let status = check.wait_exit(SOON)?;
        let mut lines = check.values()?;
        let last = lines.pop().context("not even a summary")?;
        ensure!(
            last["event"]["action"] == "check-summary",
            "the last line is no summary: {last}"
        );
        Ok(Self {
            status: status.code(),
            findings: lines,
            summary: last["bridgetrace"]["check"].clone(),
        })
    }

    /// Fails unless the look ended like that.
    pub(crate) fn ended(&self, status: i32) -> Result<()> {
        ensure!(self.status == Some(status), "{self:#?}");
        Ok(())
    }
}

//! What concerns recordings.

use std::{
    io::{self, IsTerminal as _},
    path::Path,
};

use anyhow::{Result, anyhow, ensure};

use crate::{
    cli::{Dump, Keep, Replay, Report, Written},
    dump, record,
    replay::{self, when::When},
    report,
};

use super::Output;

/// Resolves what was typed to replay a recording.
pub(crate) fn replay_plan(replay: &Replay) -> Result<replay::Plan> {
    Ok(replay::Plan {
        file: replay.file.clone(),
        output: Output::of(replay.format),
        from: when("--from", &replay.from)?,
        to: when("--to", &replay.to)?,
        speed: replay.speed,
    })
}

/// Resolves what was typed to report a recording.
pub(crate) fn report_plan(report: &Report) -> Result<report::Plan> {
    let output = report.output.as_deref().filter(|it| *it != Path::new("-"));
    let format = match report.format {
        Some(Written::Html) => report::Format::Html,
        Some(Written::Markdown) => report::Format::Markdown,
        None if output
            .and_then(Path::extension)
            .is_some_and(|it| it == "md") =>
        {
            report::Format::Markdown
        }
        None => report::Format::Html,
    };
    let on_terminal = report.output.is_none() && io::stdout().is_terminal();
    ensure!(
        format == report::Format::Markdown || !on_terminal,
        "a page does not show on a terminal: add -o FILE, or --format markdown"
    );
    Ok(report::Plan {
        file: report.file.clone(),
        output: output.map(Path::to_owned),
        format,
        from: when("--from", &report.from)?,
        to: when("--to", &report.to)?,
    })
}

fn when(option: &str, text: &Option<String>) -> Result<Option<When>> {
    let parsed = text.as_deref().map(When::parse).transpose();
    parsed.map_err(|hint| anyhow!("{option}: {hint}"))
}

/// Resolves what was typed to copy from a recording.
pub(crate) fn dump_plan(dump: &Dump) -> dump::Plan {
    dump::Plan {
        file: dump.file.clone(),
        last: dump.last,
        recorder: dump.recorder.clone(),
    }
}

/// Resolves what is kept of a recording.
pub(super) fn keep(file: &Path, keep: &Keep) -> record::Plan {
    record::Plan {
        file: file.to_owned(),
        size: keep.max_size.as_u64(),
        age: keep.max_age,
    }
}

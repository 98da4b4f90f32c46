//! What concerns recordings.

use std::path::Path;

use anyhow::{Result, anyhow};

use crate::{
    cli::{Dump, Keep, Replay},
    dump, record,
    replay::{self, when::When},
};

use super::Output;

/// Resolves what was typed to replay a recording.
pub(crate) fn replay_plan(replay: &Replay) -> Result<replay::Plan> {
    let when = |option: &str, text: &Option<String>| {
        let parsed = text.as_deref().map(When::parse).transpose();
        parsed.map_err(|hint| anyhow!("{option}: {hint}"))
    };
    Ok(replay::Plan {
        file: replay.file.clone(),
        output: Output::of(replay.format),
        from: when("--from", &replay.from)?,
        to: when("--to", &replay.to)?,
        speed: replay.speed,
    })
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

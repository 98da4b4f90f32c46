//! The inputs of a recording, in order, as far as they can be read: for replaying them and for
//! whoever else asks what happened.

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use anyhow::Result;
use tracer_core::time::{SECOND, Timestamp};
use tracer_record::play::{Player, Problems, Told};

use crate::record::open::{self, Segment, Span};

use super::{memory, when::When};

/// Sources differ: an input may come so much later than one that happened after it.
const DISORDER: u64 = 60 * SECOND;

/// A recording being read.
pub(crate) struct Reading {
    file: PathBuf,
    names: Vec<PathBuf>,
    player: Player<File>,
    span: Span,
    from: Timestamp,
    to: Timestamp,
    blocks: u64,
    /// A run began with an input that was passed over.
    new_run: bool,
}

impl Reading {
    /// Opens the recording; nothing that happened after `to` is read. What happened before `from` is,
    /// for it decides what follows.
    pub(crate) fn open(file: &Path, from: Option<When>, to: Option<When>) -> Result<Self> {
        let segments = open::open(file)?;
        let span = open::survey(file, &segments)?;
        let names = segments.iter().map(|it| it.path.clone()).collect();
        let files = segments.into_iter().map(|it: Segment| it.file);
        Ok(Self {
            file: file.to_owned(),
            names,
            player: Player::new(files)?,
            span,
            from: from.map_or(Timestamp(0), |from| from.before(span.last)),
            to: to.map_or(Timestamp(u64::MAX), |to| to.before(span.last)),
            blocks: 0,
            new_run: false,
        })
    }

    /// From when to when the whole recording goes.
    pub(crate) const fn span(&self) -> Span {
        self.span
    }

    /// Nothing before is to be told.
    pub(crate) const fn from(&self) -> Timestamp {
        self.from
    }

    /// Nothing after is told.
    pub(crate) const fn to(&self) -> Timestamp {
        self.to
    }

    /// What the core was told next.
    pub(crate) fn next(&mut self) -> Result<Option<Told>> {
        loop {
            let Some(told) = self.player.next() else {
                return Ok(None);
            };
            let told = told.map_err(|error| open::unplayable(&self.file, error))?;
            if self.player.blocks() != self.blocks {
                self.blocks = self.player.blocks();
                memory::check(&self.file)?;
            }
            if told.input.at > self.to.plus(DISORDER) {
                return Ok(None);
            }
            self.new_run |= told.new_run;
            if told.input.at <= self.to {
                let new_run = std::mem::take(&mut self.new_run);
                return Ok(Some(Told { new_run, ..told }));
            }
        }
    }

    /// What was wrong so far.
    #[cfg(test)]
    pub(crate) const fn problems(&self) -> &Problems {
        self.player.problems()
    }

    /// Inputs before the beginning, in whose place a snapshot stands.
    pub(crate) const fn left_out(&self) -> u64 {
        self.player.left_out()
    }

    /// What could not be read so far, a sentence each without its full stop.
    pub(crate) fn unread(&self) -> Vec<String> {
        unread(self.player.problems(), &self.names)
    }
}

/// What could not be read of the segments of these names, a sentence each without its full stop.
pub(crate) fn unread(problems: &Problems, names: &[PathBuf]) -> Vec<String> {
    let mut unread = Vec::new();
    for (file, damage) in &problems.damaged {
        let name = names.get(*file).map_or(Path::new("?"), PathBuf::as_path);
        let (name, bytes, at) = (name.display(), damage.bytes, damage.at);
        unread.push(if damage.cut {
            format!("{name} ends within a block: its {bytes} bytes are left out")
        } else {
            format!("{name}: {bytes} bytes at {at} are damaged and left out")
        });
    }
    let more = problems.damages - problems.damaged.len() as u64;
    if more > 0 {
        unread.push(format!("{more} more places are damaged"));
    }
    if problems.missing > 0 {
        unread.push(format!("{} inputs are missing", problems.missing));
    }
    if problems.unknown > 0 {
        unread.push(format!(
            "{} lines are not understood and left out; a later bridgetrace may have written them",
            problems.unknown
        ));
    }
    unread
}

//! A report for somebody who was not there: what a recording tells, as a page or as text. The same
//! recording gives the same report, to the byte.
//!
//! [`story`] collects while the recording is replayed, [`build`] makes a [`model`] of that, and
//! [`html`] and [`markdown`] only write it down.

mod build;
mod clock;
mod file;
mod html;
mod markdown;
mod model;
mod plot;
mod story;
mod tale;
mod text;
mod timeline;
mod unseen;
mod verdict;
mod window;

#[cfg(test)]
mod tests;

use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Result, ensure};
use tracer_core::Core;

use crate::replay::{Reading, when::When};

use self::{model::Report, story::Story, window::Window};

/// What is reported, how and where.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// The recording.
    pub(crate) file: PathBuf,
    /// Where to; standard output if not given.
    pub(crate) output: Option<PathBuf>,
    /// What it is written in.
    pub(crate) format: Format,
    /// Nothing before is told.
    pub(crate) from: Option<When>,
    /// Nothing after is told.
    pub(crate) to: Option<When>,
}

/// What a report is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// One page, complete in itself.
    Html,
    /// Text for a ticket.
    Markdown,
}

/// Reports a recording.
pub(crate) fn report(plan: &Plan) -> Result<()> {
    if let Some(output) = &plan.output {
        ensure!(
            !is_same(&plan.file, output),
            "{} is the recording itself",
            output.display()
        );
    }
    let mut reading = Reading::open(&plan.file, plan.from, plan.to)?;
    let report = tell(&mut reading)?;
    for unread in reading.unread() {
        log::warn!("{unread}");
    }
    let text = match plan.format {
        Format::Html => html::page(&report),
        Format::Markdown => markdown::text(&report),
    };
    match &plan.output {
        Some(output) => file::write(output, &text),
        None => Ok(io::stdout().write_all(text.as_bytes())?),
    }
}

/// Replays a recording, and says what it comes to.
fn tell(reading: &mut Reading) -> Result<Report> {
    let mut story = Story::new(reading.from());
    let mut core = Core::default();
    while let Some(told) = reading.next()? {
        if told.new_run {
            story.note_unreadable(&core);
            story.begin();
            core = Core::default();
        }
        let findings = core.observe(&told.input);
        story.take(told.new_run, &told.input, &core, findings);
    }
    story.note_unreadable(&core);
    story.unread.extend(reading.unread());
    let window = Window::new(reading.span(), reading.from(), reading.to());
    story.end(window.last);
    Ok(build::report(&story, window))
}

fn is_same(a: &Path, b: &Path) -> bool {
    let identity = |path: &Path| fs::metadata(path).map(|it| (it.dev(), it.ino())).ok();
    identity(a).is_some_and(|it| Some(it) == identity(b))
}

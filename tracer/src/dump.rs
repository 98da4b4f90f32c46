//! Takes the last minutes out of a recording, while the recorder goes on.
//!
//! The copy begins with the state of the host at that time, and with an outage that was under way
//! it begins before it: half an outage would be told wrongly.

use std::{
    fs::File,
    io::Write as _,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use tracer_core::{
    Core,
    input::Input,
    time::{Timestamp, nanos},
};
use tracer_record::{
    compose::{Composer, Unrecorded},
    header::Kind,
    play::{Player, Told},
};

use crate::{
    record::{
        self, bytes,
        open::{self, Segment},
    },
    sink::time,
};

/// What is copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Where to.
    pub(crate) file: PathBuf,
    /// How far back from the end.
    pub(crate) last: Duration,
    /// Which recording, if not that of the recorder that runs.
    pub(crate) recorder: Option<PathBuf>,
}

/// Copies the end of a recording.
pub(crate) fn dump(plan: &Plan) -> Result<()> {
    let source = source(plan.recorder.as_deref())?;
    let span = open::survey(&source, &open::open(&source)?)?;
    let last = nanos(plan.last);
    let from = Timestamp(span.last.0.saturating_sub(last));
    let begin = beginning(&source, from)?;
    let what = || format!("dump to {}", plan.file.display());
    let file = record::create(&plan.file).with_context(what)?;
    let mut copy = Copy::new(file)?;
    copy.take(&source, from, begin).with_context(what)?;
    log::info!(
        "{}: {} inputs, {}, from {} to {}",
        plan.file.display(),
        copy.inputs,
        bytes(copy.bytes),
        time::date_and_clock(copy.first.unwrap_or(from)),
        time::date_and_clock(span.last)
    );
    Ok(())
}

/// The recording to copy from, with everything written that its recorder was told.
fn source(given: Option<&Path>) -> Result<PathBuf> {
    let found = record::recorders();
    if let Some(given) = given {
        return Ok(given.to_owned());
    }
    match found.as_slice() {
        [] => bail!(
            "no recorder runs here; start one with bridgetrace record FILE, or name a recording with \
             --recorder FILE"
        ),
        [one] => Ok(one.file.clone()),
        several => {
            let name = |found: &record::Found| {
                format!("--recorder {} (pid {})", found.file.display(), found.pid)
            };
            let names: Vec<String> = several.iter().map(name).collect();
            bail!(
                "several recorders run here; say which: {}",
                names.join(" or ")
            )
        }
    }
}

/// The recording from the last segment on that begins before `from`.
fn player(source: &Path, from: Timestamp) -> Result<Player<File>> {
    let mut segments = open::open(source)?;
    let early = |segment: &Segment| open::first_time(&segment.file).is_some_and(|at| at <= from);
    let first = segments.iter().rposition(early).unwrap_or(0);
    let files = segments.drain(first..).map(|segment| segment.file);
    Ok(Player::new(files)?)
}

/// How many inputs are left out: up to the last moment before `from` at which nothing was under way.
fn beginning(source: &Path, from: Timestamp) -> Result<u64> {
    let mut core = Core::default();
    let mut calm = 0;
    for (index, told) in (0..).zip(player(source, from)?) {
        let told = told.map_err(|error| open::unplayable(source, error))?;
        if told.new_run {
            core = Core::default();
            calm = index;
        }
        if told.input.at >= from {
            break;
        }
        core.observe(&told.input);
        if core.is_calm() {
            calm = index + 1;
        }
    }
    Ok(calm)
}

/// A recording that is made of another.
struct Copy {
    file: File,
    composer: Composer,
    inputs: u64,
    bytes: u64,
    first: Option<Timestamp>,
}

impl Copy {
    fn new(file: File) -> Result<Self> {
        Ok(Self {
            file,
            composer: composer(Kind::Inputs, record::run_number())?,
            inputs: 0,
            bytes: 0,
            first: None,
        })
    }

    /// Copies all but the first inputs, and puts what these lead to in their place.
    fn take(&mut self, source: &Path, from: Timestamp, left_out: u64) -> Result<()> {
        let mut core = Core::default();
        let mut run = record::run_number();
        self.composer = composer(Kind::Inputs, run)?;
        for (index, told) in (0..).zip(player(source, from)?) {
            let Told { new_run, input } = told.map_err(|error| open::unplayable(source, error))?;
            if new_run && index > 0 {
                self.flush()?;
                run = record::run_number();
                self.composer = composer(Kind::Inputs, run)?;
                core = Core::default();
            }
            if index < left_out {
                core.observe(&input);
                continue;
            }
            if index == left_out && !new_run {
                self.begin(run, left_out, input.at, &core.snapshot(input.at))?;
            }
            self.add(&input)?;
        }
        self.flush()?;
        Ok(self.file.sync_all()?)
    }

    fn begin(&mut self, run: u64, number: u64, now: Timestamp, snapshot: &[Input]) -> Result<()> {
        let inputs = std::mem::replace(&mut self.composer, composer(Kind::Snapshot, run)?);
        self.composer.begin_snapshot(number, now);
        for input in snapshot {
            self.put(input)?;
        }
        self.flush()?;
        self.composer = inputs;
        self.composer.begin(number);
        Ok(())
    }

    fn add(&mut self, input: &Input) -> Result<()> {
        self.inputs += 1;
        self.first.get_or_insert(input.at);
        self.put(input)
    }

    fn put(&mut self, input: &Input) -> Result<()> {
        self.composer.add(input)?;
        if self.composer.is_full() {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        if let Some(block) = self.composer.take()? {
            self.bytes += block.bytes.len() as u64;
            self.file.write_all(&block.bytes)?;
        }
        Ok(())
    }
}

fn composer(kind: Kind, run: u64) -> Result<Composer, Unrecorded> {
    Composer::new(kind, run)
}

//! Makes the inputs of a recording again, run by run, and tells what is missing.

use std::{
    collections::VecDeque,
    io::{self, Read, Seek},
};

use tracer_core::{
    input::{Body, HookLoss, Input},
    time::Timestamp,
};

use crate::{
    header::{Header, Kind},
    line::{Inputs, Line},
    scan::{self, Damage, Found, Scan},
};

/// How the core is told of what is missing, see [`HookLoss`].
const MISSING: &str = "the recording";
/// Damaged places told one by one.
const TOLD: usize = 16;

/// Something the core was told. Where inputs are missing, a [`Body::Loss`] says how many.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// Another run of bridgetrace begins with it: nothing said before counts any more.
    pub new_run: bool,
    /// What the core was told.
    pub input: Input,
}

/// What was wrong with a recording.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems {
    /// Damaged places: number of the file, and where; the first few.
    pub damaged: Vec<(usize, Damage)>,
    /// How many there are.
    pub damages: u64,
    /// Bytes in them.
    pub bytes: u64,
    /// Inputs that are missing.
    pub missing: u64,
    /// Lines that say nothing this version knows.
    pub unknown: u64,
}

/// Why a recording cannot be played at all.
#[derive(Debug, thiserror::Error)]
pub enum Unplayable {
    /// It cannot be read.
    #[error("it cannot be read")]
    Io(#[from] io::Error),
    /// It is of a later version.
    #[error("a later bridgetrace wrote it (format {0}, this one reads up to {max})", max = crate::VERSION)]
    Newer(u16),
}

/// Plays files that belong to one recording, oldest first. A copy goes on from the same place, if copies of
/// the sources do.
#[derive(Clone)]
pub struct Player<R> {
    files: VecDeque<Scan<R>>,
    /// Number of the file that is being played.
    file: usize,
    blocks: u64,
    run: Option<Run>,
    /// The next input is the first of its run.
    new_run: bool,
    /// What is told of a hole, before the lines of the block behind it.
    loss: Option<Input>,
    lines: Lines,
    problems: Problems,
    left_out: u64,
}

/// What is known of the run that is being played.
#[derive(Clone, Copy, Debug)]
struct Run {
    id: u64,
    /// Number of the input that comes next.
    next: u64,
    /// Of the inputs before, some are missing: a snapshot is welcome.
    holes: bool,
    /// Number of the snapshot that is being taken in.
    snapshot: Option<u64>,
    missing: u64,
}

/// Lines of a block that are not told yet.
#[derive(Clone, Debug, Default)]
struct Lines {
    text: Vec<u8>,
    at: usize,
    current: Option<Inputs>,
    /// Inputs the header allows.
    left: u32,
}

impl<R: Read + Seek> Player<R> {
    /// Plays `files`, oldest first.
    ///
    /// # Errors
    /// One cannot tell its length.
    pub fn new(files: impl IntoIterator<Item = R>) -> io::Result<Self> {
        Ok(Self {
            files: files
                .into_iter()
                .map(Scan::new)
                .collect::<io::Result<_>>()?,
            file: 0,
            blocks: 0,
            run: None,
            new_run: false,
            loss: None,
            lines: Lines::default(),
            problems: Problems::default(),
            left_out: 0,
        })
    }

    /// Blocks found so far; none at the end means that it was no recording.
    pub const fn blocks(&self) -> u64 {
        self.blocks
    }

    /// What was wrong so far.
    pub const fn problems(&self) -> &Problems {
        &self.problems
    }

    /// Inputs before the beginning, in whose place a snapshot stands: whole segments that made room for
    /// others, or what was not asked for when this was copied. They are nobody's loss.
    pub const fn left_out(&self) -> u64 {
        self.left_out
    }

    fn find(&mut self) -> Result<Option<Input>, Unplayable> {
        loop {
            if let Some(input) = self.loss.take() {
                return Ok(Some(input));
            }
            if let Some(input) = self.lines.next(&mut self.problems.unknown) {
                return Ok(Some(input));
            }
            let Some(scan) = self.files.front_mut() else {
                return Ok(None);
            };
            match scan.find()? {
                None => {
                    self.files.pop_front();
                    self.file += 1;
                }
                Some(Found::Newer(version)) => return Err(Unplayable::Newer(version)),
                Some(Found::Damaged(damage)) => self.note(damage),
                Some(Found::Block { at, header, frame }) => self.take(at, &header, &frame),
            }
        }
    }

    fn note(&mut self, damage: Damage) {
        self.problems.damages += 1;
        self.problems.bytes += damage.bytes;
        if self.problems.damaged.len() < TOLD {
            self.problems.damaged.push((self.file, damage));
        }
    }

    fn take(&mut self, at: u64, header: &Header, frame: &[u8]) {
        self.blocks += 1;
        if !self.is_wanted(header) {
            return;
        }
        match scan::text(header, frame) {
            Ok(text) => {
                self.follow(header);
                self.lines = Lines::new(text, header.inputs);
            }
            // Its inputs are found missing at the next block.
            Err(_) => self.note(Damage {
                at,
                bytes: frame.len() as u64,
                cut: false,
            }),
        }
    }

    /// Inputs are, unless they were told already. The state of the host is where it is not known
    /// from the inputs.
    fn is_wanted(&self, header: &Header) -> bool {
        let run = self.run.filter(|run| run.id == header.run);
        match (header.kind, run) {
            (Kind::Inputs, run) => run.is_none_or(|run| header.number >= run.next),
            (Kind::Snapshot, None) => true,
            (Kind::Snapshot, Some(run)) => {
                header.number >= run.next
                    && (run.holes
                        || header.number > run.next
                        || run.snapshot == Some(header.number))
            }
            (Kind::Other(_), _) => false,
        }
    }

    /// Keeps count of what comes next.
    fn follow(&mut self, header: &Header) {
        let same = self.run.filter(|run| run.id == header.run);
        let mut run = same.unwrap_or_else(|| {
            let run = Run::begin(header);
            self.new_run = true;
            self.left_out = self.left_out.saturating_add(run.next);
            run
        });
        let missing = header.number.saturating_sub(run.next);
        if missing > 0 {
            run.missing = run.missing.saturating_add(missing);
            self.problems.missing = self.problems.missing.saturating_add(missing);
            self.loss = Some(run.loss(header.first));
            run.holes = true;
        }
        if header.kind == Kind::Snapshot {
            (run.next, run.snapshot, run.holes) = (header.number, Some(header.number), false);
        } else {
            run.next = header.number + u64::from(header.inputs);
            run.snapshot = None;
        }
        self.run = Some(run);
    }
}

impl<R: Read + Seek> Iterator for Player<R> {
    type Item = Result<Told, Unplayable>;

    fn next(&mut self) -> Option<Self::Item> {
        let found = self.find().transpose()?;
        Some(found.map(|input| Told {
            new_run: std::mem::take(&mut self.new_run),
            input,
        }))
    }
}

impl Run {
    /// A run whose first segments were dropped begins with a snapshot, and nothing is missing.
    const fn begin(header: &Header) -> Self {
        let next = match header.kind {
            Kind::Snapshot => header.number,
            _ => 0,
        };
        Self {
            id: header.run,
            next,
            holes: false,
            snapshot: None,
            missing: 0,
        }
    }

    fn loss(&self, at: Timestamp) -> Input {
        let loss = HookLoss {
            hook: MISSING.to_owned(),
            missing: self.missing,
            ..HookLoss::default()
        };
        Input {
            at,
            body: Body::Loss(loss),
        }
    }
}

impl Lines {
    const fn new(text: Vec<u8>, left: u32) -> Self {
        Self {
            text,
            at: 0,
            current: None,
            left,
        }
    }

    /// The next input; lines that are not understood are counted as `unknown`.
    fn next(&mut self, unknown: &mut u64) -> Option<Input> {
        loop {
            if let Some(input) = self.current.as_mut().and_then(Iterator::next) {
                return Some(input);
            }
            let rest = self.text.get(self.at..).filter(|rest| !rest.is_empty())?;
            let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            self.current = Line::read(&rest[..end]);
            self.at += end + 1;
            match &self.current {
                None => *unknown += 1,
                Some(inputs) => match self.left.checked_sub(inputs.count()) {
                    Some(left) => self.left = left,
                    // More than the header says: not what bridgetrace wrote.
                    None => {
                        *unknown += 1;
                        *self = Self::default();
                    }
                },
            }
        }
    }
}

//! Makes blocks of inputs.

use tracer_core::{
    input::{Body, Input},
    time::Timestamp,
};

use crate::{
    MAX_INPUTS, MAX_TEXT,
    block::Packer,
    header::{Header, Kind},
    line::{Line, Run},
};

/// Text that makes a block full, bytes: small enough that little is lost with a block, large enough
/// to be packed well.
const FULL: usize = 256 << 10;

/// A block, ready to be written.
#[derive(Clone, Debug)]
pub struct Block {
    /// What stands in it.
    pub header: Header,
    /// Header and frame.
    pub bytes: Vec<u8>,
}

/// Why an input, or a block, is not recorded.
#[derive(Debug, thiserror::Error)]
pub enum Unrecorded {
    /// It is longer than a block may be.
    #[error("an input of {0} bytes is too long to be recorded")]
    TooLong(usize),
    /// It cannot be written as JSON.
    #[error("an input cannot be written as JSON")]
    Json(#[from] serde_json::Error),
    /// It cannot be packed.
    #[error("a block cannot be packed")]
    Pack(#[from] std::io::Error),
}

/// Collects the inputs of a block.
pub struct Composer {
    packer: Packer,
    kind: Kind,
    run: u64,
    number: u64,
    inputs: u32,
    first: Timestamp,
    last: Timestamp,
    /// The only time there is in a snapshot.
    moment: Option<Timestamp>,
    text: Vec<u8>,
    /// Ticks not written yet.
    ticks: Run,
}

impl Composer {
    /// Blocks of this kind, of the run with this random number.
    ///
    /// # Errors
    /// There is no memory for the compressor.
    pub fn new(kind: Kind, run: u64) -> Result<Self, Unrecorded> {
        Ok(Self {
            packer: Packer::new()?,
            kind,
            run,
            number: 0,
            inputs: 0,
            first: Timestamp(u64::MAX),
            last: Timestamp(0),
            moment: None,
            text: Vec::new(),
            ticks: NO_TICKS,
        })
    }

    /// Number the next input must have to belong into the same block. A snapshot's lines all have
    /// the number of the input that follows.
    #[must_use]
    pub fn next_number(&self) -> u64 {
        match self.kind {
            Kind::Snapshot => self.number,
            _ => self.number + u64::from(self.inputs),
        }
    }

    /// Whether nothing waits.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.inputs == 0
    }

    /// Whether it is time to [`take`](Self::take) the block.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.text.len() >= FULL || self.inputs >= MAX_INPUTS
    }

    /// Begins the block at this number; what has been collected must have been taken.
    pub const fn begin(&mut self, number: u64) {
        self.number = number;
    }

    /// Begins a snapshot of this moment: when what it tells of happened is long ago.
    pub const fn begin_snapshot(&mut self, number: u64, moment: Timestamp) {
        self.number = number;
        self.moment = Some(moment);
    }

    /// Adds the input with the number [`next_number`](Self::next_number).
    ///
    /// # Errors
    /// It cannot be recorded: it is missing then, and the next one begins a new block.
    pub fn add(&mut self, input: &Input) -> Result<(), Unrecorded> {
        if matches!(input.body, Body::Tick) && self.kind == Kind::Inputs {
            self.tick(input.at)?;
        } else {
            self.flush_ticks()?;
            self.write(input)?;
        }
        self.inputs += 1;
        self.first = self.first.min(input.at);
        self.last = self.last.max(input.at);
        Ok(())
    }

    /// The block, if there is anything in it; the next one begins where it ends.
    ///
    /// # Errors
    /// It cannot be packed; its inputs are missing.
    pub fn take(&mut self) -> Result<Option<Block>, Unrecorded> {
        if self.is_empty() {
            return Ok(None);
        }
        let flushed = self.flush_ticks();
        let header = Header {
            kind: self.kind,
            run: self.run,
            number: self.number,
            first: self.moment.unwrap_or(self.first),
            last: self.moment.unwrap_or(self.last),
            inputs: self.inputs,
            text: 0,
            frame: 0,
            frame_crc: 0,
        };
        self.number = self.next_number();
        self.inputs = 0;
        (self.first, self.last) = (Timestamp(u64::MAX), Timestamp(0));
        let text = std::mem::take(&mut self.text);
        flushed?;
        self.pack(header, &text).map(Some)
    }

    fn pack(&mut self, header: Header, text: &[u8]) -> Result<Block, Unrecorded> {
        let frame = self.packer.pack(text)?;
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).map_err(|_| too_long(bytes));
        let header = Header {
            text: length(text)?,
            frame: length(&frame)?,
            frame_crc: crc32fast::hash(&frame),
            ..header
        };
        let mut bytes = header.to_bytes().to_vec();
        bytes.extend(frame);
        Ok(Block { header, bytes })
    }

    fn tick(&mut self, at: Timestamp) -> Result<(), Unrecorded> {
        if !self.ticks.continues(at) {
            self.flush_ticks()?;
        }
        self.ticks.add(at);
        Ok(())
    }

    fn flush_ticks(&mut self) -> Result<(), Unrecorded> {
        if self.ticks.count > 0 {
            let ticks = std::mem::replace(&mut self.ticks, NO_TICKS);
            Line::write_ticks(&mut self.text, ticks)?;
        }
        Ok(())
    }

    fn write(&mut self, input: &Input) -> Result<(), Unrecorded> {
        let before = self.text.len();
        let written = Line::write_input(&mut self.text, input).map_err(Unrecorded::from);
        let written = written.and_then(|()| {
            if self.text.len() > MAX_TEXT {
                Err(too_long(&self.text[before..]))
            } else {
                Ok(())
            }
        });
        if written.is_err() {
            self.text.truncate(before);
        }
        written
    }
}

const NO_TICKS: Run = Run {
    next: Timestamp(0),
    every: 0,
    count: 0,
};

const fn too_long(bytes: &[u8]) -> Unrecorded {
    Unrecorded::TooLong(bytes.len())
}

//! The thread that writes.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use tracer_core::{
    input::{Body, Input},
    time::Timestamp,
};
use tracer_record::{
    compose::{Block, Composer, Unrecorded},
    header::Kind,
};

use super::{bytes, segments::Segments};

/// How long an input may wait in memory, where a crash takes it along.
const LIVELY: Duration = Duration::from_secs(1);
/// The same of what a quiet host brings: the more of it makes a block, the smaller the recording.
const DULL: Duration = Duration::from_secs(300);
/// Blocks of a flood are made safe against a power cut no more often than this.
const SYNC: Duration = Duration::from_secs(1);

/// What the writer is told.
pub(super) enum Message {
    /// An input and its number.
    Input(u64, Arc<Input>),
    /// The state of the host at a moment, before the input with this number.
    Snapshot(u64, Timestamp, Vec<Input>),
    /// Write everything now, and say so.
    Flush(SyncSender<()>),
}

/// How much was recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Inputs the disk took.
    inputs: u64,
    /// Bytes of the recording they became, snapshots included.
    bytes: u64,
}

/// Makes blocks of inputs and writes them.
pub(super) struct Writer {
    segments: Segments,
    inputs: Composer,
    snapshot: Composer,
    /// When what waits must be written at the latest.
    due: Option<Instant>,
    /// Tells the other side that the state of the host is needed.
    wanted: Arc<AtomicBool>,
    /// The disk did not take the last block; since then so many inputs are missing.
    trouble: Option<u64>,
    synced: Instant,
    tally: Tally,
}

impl Writer {
    pub(super) fn new(segments: Segments, run: u64, wanted: Arc<AtomicBool>) -> Result<Self> {
        let composer = |kind| Composer::new(kind, run).context("prepare the compression");
        Ok(Self {
            segments,
            inputs: composer(Kind::Inputs)?,
            snapshot: composer(Kind::Snapshot)?,
            due: None,
            wanted,
            trouble: None,
            synced: Instant::now(),
            tally: Tally::default(),
        })
    }

    /// Writes until the other side is gone.
    pub(super) fn write(mut self, messages: &Receiver<Message>) -> Tally {
        loop {
            let wait = self
                .due
                .map(|due| due.saturating_duration_since(Instant::now()));
            match messages.recv_timeout(wait.unwrap_or(DULL)) {
                Ok(Message::Input(number, input)) => self.add(number, &input),
                Ok(Message::Snapshot(number, now, inputs)) => self.begin(number, now, &inputs),
                Ok(Message::Flush(done)) => {
                    self.flush();
                    // Whoever asked may have gone.
                    let _ = done.send(());
                }
                Err(RecvTimeoutError::Timeout) => self.flush(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.flush();
        self.sync();
        self.tally
    }

    fn add(&mut self, number: u64, input: &Input) {
        if number != self.inputs.next_number() {
            self.flush();
        }
        if self.inputs.is_empty() {
            self.inputs.begin(number);
        }
        if let Err(error) = self.inputs.add(input) {
            log::warn!("{error}");
            return;
        }
        let patience = if is_dull(&input.body) { DULL } else { LIVELY };
        let due = Instant::now() + patience;
        self.due = Some(self.due.map_or(due, |known| known.min(due)));
        if self.inputs.is_full() {
            self.flush();
        }
    }

    /// Writes what waits.
    fn flush(&mut self) {
        self.due = None;
        match self.inputs.take() {
            Ok(Some(block)) => {
                self.put(&block);
                if self.segments.is_full(block.header.last) {
                    self.wanted.store(true, Ordering::Relaxed);
                }
            }
            Ok(None) => {}
            Err(error) => log::warn!("{error}"),
        }
    }

    /// Writes the state of the host, into a new segment if it is time for one.
    fn begin(&mut self, number: u64, now: Timestamp, inputs: &[Input]) {
        self.flush();
        let rotate = self.segments.is_full(now);
        if rotate && let Err(error) = self.segments.rotate(now) {
            self.fail(0, &error);
            return;
        }
        self.snapshot.begin_snapshot(number, now);
        for input in inputs {
            let added = self.snapshot.add(input);
            let result = added.and_then(|()| self.put_snapshot(false));
            if let Err(error) = result {
                log::warn!("the state of the host: {error}");
            }
        }
        if let Err(error) = self.put_snapshot(true) {
            log::warn!("the state of the host: {error}");
        }
        if rotate {
            self.segments.end_of_snapshot();
        }
    }

    fn put_snapshot(&mut self, last: bool) -> Result<(), Unrecorded> {
        if (last || self.snapshot.is_full())
            && let Some(block) = self.snapshot.take()?
        {
            self.put(&block);
        }
        Ok(())
    }

    fn put(&mut self, block: &Block) {
        let inputs = match block.header.kind {
            Kind::Inputs => u64::from(block.header.inputs),
            _ => 0,
        };
        let is_first = self.segments.is_empty();
        if let Err(error) = self.segments.write(block) {
            self.fail(inputs, &error.into());
            return;
        }
        self.tally.inputs += inputs;
        self.tally.bytes += block.bytes.len() as u64;
        if let Some(missing) = self.trouble.take() {
            log::warn!("recording goes on; {missing} inputs are missing");
            self.wanted.store(true, Ordering::Relaxed);
        }
        // A segment without a block that can be read is taken for somebody else's file after a power cut.
        if is_first || self.synced.elapsed() >= SYNC {
            self.sync();
        }
    }

    fn sync(&mut self) {
        self.synced = Instant::now();
        if let Err(error) = self.segments.sync() {
            self.fail(0, &error.into());
        }
    }

    /// Said once, until it works again.
    fn fail(&mut self, inputs: u64, error: &anyhow::Error) {
        if self.trouble.is_none() {
            log::warn!(
                "cannot record: {error:#}; tracing goes on, and so will the recording when the disk \
                 takes it"
            );
        }
        self.trouble = Some(self.trouble.unwrap_or(0) + inputs);
    }
}

impl Tally {
    /// How many of the `told` inputs of this run are not in the recording, wherever they were lost:
    /// before the queue, in it, or on the way to the disk.
    pub(super) const fn missing(self, told: u64) -> u64 {
        told.saturating_sub(self.inputs)
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} inputs, {}", self.inputs, bytes(self.bytes))
    }
}

/// Time passes on every host, and the neighbours of a quiet one come and go.
const fn is_dull(body: &Body) -> bool {
    match body {
        Body::Tick => true,
        Body::Net { change, .. } => change.is_about_neighbours(),
        _ => false,
    }
}

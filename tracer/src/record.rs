//! The recorder: whatever the core is told is kept, in a file that stays bounded.
//!
//! It has a thread of its own behind a bounded queue: a slow or full disk costs inputs in the
//! recording, which are counted, and never the tracing.

mod control;
mod files;
pub(crate) mod open;
mod segments;
mod writer;

use std::{
    hash::{BuildHasher as _, Hasher as _, RandomState},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, RecvTimeoutError, SyncSender},
    },
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result};
use bytesize::ByteSize;
use tracer_core::{Core, input::Input};

use self::{
    control::Control,
    segments::Segments,
    writer::{Message, Tally, Writer},
};

pub(crate) use self::{
    control::{Found, recorders},
    files::create,
};

/// Inputs that may wait for the disk. A flood brings some ten thousand a second.
const QUEUE: usize = 16_384;
/// How long the end waits for the disk, of the second it may take.
const GRACE: Duration = Duration::from_millis(500);

/// What is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Where.
    pub(crate) file: PathBuf,
    /// Bytes at most, over all files.
    pub(crate) size: u64,
    /// What is older is dropped.
    pub(crate) age: Option<Duration>,
}

/// Takes inputs and never waits for the disk.
pub(crate) struct Recorder {
    /// `None` once the end has begun.
    queue: Option<Arc<SyncSender<Message>>>,
    done: Receiver<Tally>,
    file: PathBuf,
    /// Number of the next input.
    number: u64,
    /// The queue was full when it was used last.
    full: bool,
    /// The writer needs the state of the host.
    wanted: Arc<AtomicBool>,
    /// Removed with the recorder.
    control: Option<Control>,
}

impl Recorder {
    /// Opens the recording and starts the thread that writes it.
    pub(crate) fn start(plan: &Plan) -> Result<Self> {
        let segments = Segments::open(plan)?;
        let wanted = Arc::new(AtomicBool::new(false));
        let writer = Writer::new(segments, run_number(), Arc::clone(&wanted))?;
        let (queue, messages) = mpsc::sync_channel(QUEUE);
        let (report, done) = mpsc::sync_channel(1);
        let write = move || {
            // Nobody listens any more only when the process is about to end.
            let _ = report.send(writer.write(&messages));
        };
        let thread = thread::Builder::new().name("recorder".into());
        thread
            .spawn(write)
            .context("start a thread for the recording")?;
        Ok(Self {
            queue: Some(Arc::new(queue)),
            done,
            file: plan.file.clone(),
            number: 0,
            full: false,
            wanted,
            control: None,
        })
    }

    /// Lets `bridgetrace dump` find it.
    pub(crate) fn announce(&mut self) {
        let Some(queue) = &self.queue else { return };
        match control::announce(&self.file, Arc::downgrade(queue)) {
            Ok(control) => self.control = Some(control),
            Err(error) => {
                log::info!("bridgetrace dump needs --recorder to find the recording: {error:#}");
            }
        }
    }

    /// Records an input that `core` is about to be told.
    pub(crate) fn record(&mut self, input: &Arc<Input>, core: &Core) {
        // The state of a large host is not put together in vain.
        if !self.full && self.wanted.swap(false, Ordering::Relaxed) {
            let snapshot = Message::Snapshot(self.number, input.at, core.snapshot(input.at));
            if !self.send(snapshot) {
                self.wanted.store(true, Ordering::Relaxed);
            }
        }
        let was_full = self.full;
        let sent = self.send(Message::Input(self.number, Arc::clone(input)));
        if !sent && !was_full {
            log::warn!(
                "the disk cannot keep up: inputs are missing in the recording {}; tracing goes on",
                self.file.display()
            );
        }
        self.number += 1;
    }

    /// Writes everything, and says how much that was.
    pub(crate) fn finish(mut self) {
        self.end();
    }

    fn send(&mut self, message: Message) -> bool {
        let sent = self.queue.as_ref().map(|queue| queue.try_send(message));
        self.full = !matches!(sent, Some(Ok(())));
        !self.full
    }

    fn end(&mut self) {
        let file = self.file.display().to_string();
        match self.close() {
            None => {}
            Some(Ok(tally)) => match tally.missing(self.number) {
                0 => log::info!("recorded {tally} in {file}"),
                missing => log::warn!("recorded {tally} in {file}; {missing} inputs are missing"),
            },
            Some(Err(_)) => {
                log::warn!("the disk is slow: the last inputs may be missing in {file}");
            }
        }
    }

    /// Lets the writer write what waits, and waits for it; `None` if it was told to before.
    fn close(&mut self) -> Option<Result<Tally, RecvTimeoutError>> {
        self.control = None;
        self.queue.take()?;
        Some(self.done.recv_timeout(GRACE))
    }
}

/// However the run ends, what has been taken is written.
impl Drop for Recorder {
    fn drop(&mut self) {
        self.end();
    }
}

/// One by which nobody who knows the host can tell a block of the recording before it is written.
pub(crate) fn run_number() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// A size for people.
pub(crate) fn bytes(count: u64) -> String {
    ByteSize::b(count).display().iec().to_string()
}

/// The name of a segment that is written no more: FILE.NUMBER.
fn numbered(file: &Path, number: u64) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}

#[cfg(test)]
mod tests;

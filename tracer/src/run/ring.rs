//! The kernel half's ring buffer, read a batch at a time: a flood must not keep signals and inventory waiting.

use anyhow::{Context as _, Result};
use aya::maps::{MapData, RingBuf};
use tokio::io::{Interest, unix::AsyncFd};

use crate::{fd, kernel::Tracer};

/// Records read at once.
const BATCH: usize = 128;
/// More than the buffer holds.
const ALL: usize = 1 << 14;

/// The ring buffer.
pub(super) struct Ring {
    records: AsyncFd<RingBuf<MapData>>,
    /// The last batch was full: there may be more.
    backlog: bool,
}

impl Ring {
    pub(super) fn watch(tracer: &mut Tracer) -> Result<Self> {
        let records =
            fd::watch(tracer.events()?, Interest::READABLE).context("watch the ring buffer")?;
        Ok(Self {
            records,
            backlog: false,
        })
    }

    /// Resolves when there is something, at once while there is a backlog. The readiness is taken back first, so that what
    /// comes in while the buffer is read is told again.
    pub(super) async fn readable(&self) {
        if !self.backlog
            && let Ok(mut ready) = self.records.readable().await
        {
            ready.clear_ready();
        }
    }

    /// The next records, up to [`BATCH`].
    pub(super) fn batch(&mut self) -> Vec<Vec<u8>> {
        let mut batch = Vec::new();
        while batch.len() < BATCH
            && let Some(record) = self.records.get_mut().next()
        {
            batch.push(record.to_vec());
        }
        self.backlog = batch.len() == BATCH;
        batch
    }

    /// Whether the last batch may not have been all.
    pub(super) const fn has_backlog(&self) -> bool {
        self.backlog
    }

    /// Throws away what is left, however much comes in meanwhile; how many records that were.
    pub(super) fn discard(&mut self) -> usize {
        let records = self.records.get_mut();
        let left = std::iter::from_fn(|| records.next().map(drop));
        left.take(ALL).count()
    }
}

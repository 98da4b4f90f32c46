//! The kernel's log, from now on: `/dev/kmsg`
//! (<https://docs.kernel.org/admin-guide/abi-testing.html#abi-dev-kmsg>).
//!
//! One read gives one record. Only lines about bridges, their ports and processes that met a bad end
//! go on; what is overwritten before it is read is counted.

mod record;

use std::{fs::File, io, os::fd::OwnedFd};

use nix::{
    errno::Errno,
    fcntl::OFlag,
    unistd::{Whence, lseek, read},
};
use tokio::{io::Interest, io::unix::AsyncFd, sync::mpsc::Sender};
use tracer_core::{
    input::{Body, Input},
    world::kernel_log::Note,
};

use self::record::Record;
use super::{Closed, clock, send};
use crate::fd;

/// Bytes of the largest record (`PRINTK_MESSAGE_MAX`).
const RECORD: usize = 8192;
const SOURCE: &str = "/dev/kmsg";

/// Sends the lines that matter until nobody listens, or the log cannot be read: then that is all, and
/// said in the log of bridgetrace.
pub(crate) async fn watch(inputs: Sender<Input>) {
    let log = match open() {
        Ok(log) => log,
        Err(error) => {
            log::warn!("the kernel's log is not read, so its lines prove nothing: {error}");
            return;
        }
    };
    tokio::select! {
        () = inputs.closed() => {}
        _ = follow(&log, &inputs) => {}
    }
}

fn open() -> io::Result<AsyncFd<OwnedFd>> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let flags = (OFlag::O_NONBLOCK | OFlag::O_CLOEXEC).bits();
    let file = File::options()
        .read(true)
        .custom_flags(flags)
        .open(SOURCE)?;
    // What was written before bridgetrace began belongs to nothing it saw.
    lseek(&file, 0, Whence::SeekEnd)?;
    fd::watch(file.into(), Interest::READABLE)
}

async fn follow(log: &AsyncFd<OwnedFd>, inputs: &Sender<Input>) -> Result<(), Closed> {
    let mut buffer = vec![0; RECORD];
    let mut reader = Reader::default();
    loop {
        let Ok(mut ready) = log.readable().await else {
            return Ok(());
        };
        match read(log.get_ref(), &mut buffer) {
            Ok(length) => {
                if let Some(input) = reader.take(buffer.get(..length).unwrap_or_default()) {
                    inputs.send(input).await.map_err(|_| Closed)?;
                }
            }
            Err(Errno::EAGAIN) => ready.clear_ready(),
            // Overwritten: the next read goes on with the oldest that is left, whose number tells how
            // many are missing.
            Err(Errno::EPIPE | Errno::EINTR) => {}
            Err(error) => {
                log::warn!("the kernel's log ends here for bridgetrace: {error}");
                return Ok(());
            }
        }
        if let Some(loss) = reader.loss() {
            send(inputs, Body::KernelLogLost(loss)).await?;
        }
    }
}

/// Keeps count of the records.
#[derive(Default)]
struct Reader {
    next: Option<u64>,
    lost: u64,
    told: u64,
}

impl Reader {
    fn take(&mut self, bytes: &[u8]) -> Option<Input> {
        let record = Record::parse(bytes)?;
        if let Some(next) = self.next {
            self.lost += record.sequence.saturating_sub(next);
        }
        self.next = Some(record.sequence + 1);
        Note::of(&record.text)?;
        let at = clock::from_monotonic(record.micros.saturating_mul(1000));
        Some(Input {
            // The log's clock is not exactly the monotonic one; nothing is from the future.
            at: at.min(clock::now()),
            body: Body::KernelLog {
                text: record.text,
                by_kernel: record.by_kernel,
            },
        })
    }

    /// Lines that were lost, if more were since the last time.
    fn loss(&mut self) -> Option<u64> {
        (self.lost > self.told).then(|| {
            self.told = self.lost;
            self.lost
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_that_were_overwritten_are_counted() {
        let mut reader = Reader::default();
        let line = |number: u64| format!("6,{number},1000,-;veth1: entered promiscuous mode\n");
        assert!(reader.take(line(7).as_bytes()).is_some());
        assert!(reader.take(line(8).as_bytes()).is_some() && reader.loss().is_none());
        assert!(reader.take(line(12).as_bytes()).is_some());
        assert_eq!(reader.loss(), Some(3));
        assert!(reader.loss().is_none());
        assert!(reader.take(b"6,13,1,-;of no interest\n").is_none());
    }
}

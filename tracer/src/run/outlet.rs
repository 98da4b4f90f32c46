//! A file behind a thread of its own: a reader that stalls holds up neither the tracing nor its
//! end.

use std::{
    fs::File,
    io::{self, Write},
    sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    thread,
    time::Duration,
};

use tokio::{sync::oneshot, time::timeout};

/// Findings that may wait for a slow reader, a few kilobytes each. Beyond that it has stalled.
const WAITING: usize = 1024;
/// How long the end waits for the reader, of the second it may take.
const GRACE: Duration = Duration::from_millis(500);

/// Takes what is to be written and never blocks.
pub(super) struct Outlet(SyncSender<Vec<u8>>);

/// Tells how the writing ended: with the first error, or with the last [`Outlet`].
pub(super) struct Writing(oneshot::Receiver<io::Result<()>>);

/// Starts the thread that writes to `file`.
pub(super) fn start(file: File) -> io::Result<(Outlet, Writing)> {
    let (queue, pieces) = sync_channel(WAITING);
    let (done, writing) = oneshot::channel();
    let write = move || {
        // Nobody listens any more only when the process is about to end.
        let _ = done.send(write_all(file, &pieces));
    };
    thread::Builder::new().name("output".into()).spawn(write)?;
    Ok((Outlet(queue), Writing(writing)))
}

fn write_all(mut file: File, pieces: &Receiver<Vec<u8>>) -> io::Result<()> {
    pieces.iter().try_for_each(|piece| file.write_all(&piece))
}

impl Write for Outlet {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        match self.0.try_send(piece.to_vec()) {
            // After a failure there is nothing to say: [`Writing`] tells it.
            Ok(()) | Err(TrySendError::Disconnected(_)) => Ok(piece.len()),
            Err(TrySendError::Full(_)) => Err(stalled()),
        }
    }

    /// Everything is on its way already.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Writing {
    /// Waits for the first error.
    pub(super) async fn ended(&mut self) -> io::Result<()> {
        (&mut self.0).await.unwrap_or(Ok(()))
    }

    /// Waits a moment for everything to be written, once the last [`Outlet`] is gone.
    pub(super) async fn finish(mut self) -> io::Result<()> {
        timeout(GRACE, self.ended())
            .await
            .unwrap_or_else(|_| Err(stalled()))
    }
}

fn stalled() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "its reader has stalled")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_time().build().unwrap().block_on(future)
    }

    fn pipe() -> (io::PipeReader, File) {
        let (reader, writer) = io::pipe().unwrap();
        (reader, std::os::fd::OwnedFd::from(writer).into())
    }

    #[test]
    fn everything_is_written_before_the_end() {
        let (reader, file) = pipe();
        let (mut outlet, writing) = start(file).unwrap();
        outlet.write_all(b"one\n").unwrap();
        outlet.write_all(b"two\n").unwrap();
        drop(outlet);
        block_on(writing.finish()).unwrap();
        assert_eq!(io::read_to_string(reader).unwrap(), "one\ntwo\n");
    }

    #[test]
    fn a_reader_that_is_gone_is_told() {
        let (reader, file) = pipe();
        drop(reader);
        let (mut outlet, mut writing) = start(file).unwrap();
        outlet.write_all(b"one\n").unwrap();
        let error = block_on(writing.ended()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }

    #[test]
    fn a_reader_that_stalls_is_told_and_not_waited_for() {
        let (_reader, file) = pipe();
        let (mut outlet, writing) = start(file).unwrap();
        let page = [b'x'; 1 << 16];
        // One fills the pipe, one is being written, the others wait.
        let error = (0..WAITING + 3).find_map(|_| outlet.write_all(&page).err());
        assert_eq!(error.unwrap().to_string(), "its reader has stalled");
        drop(outlet);
        assert!(block_on(writing.finish()).is_err());
    }
}

//! A screen from its beginning to its end: the threads behind it, and the signals that concern it.

use std::{
    sync::mpsc::{SyncSender, sync_channel},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, anyhow};
use nix::libc;
use ratatui::crossterm::event;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::oneshot,
    time::timeout,
};

use crate::sink::human::Look;

use super::{
    app::{App, Feed, News},
    held,
    state::State,
    terminal,
};

/// Keys that may wait for a terminal that takes its time.
const WAITING: usize = 64;
/// How long the end waits for the last drawing, of the second it may take.
const GRACE: Duration = Duration::from_millis(500);

/// A screen that is held.
pub(super) struct Screen {
    queue: SyncSender<News>,
    /// How the drawing ended; nothing once that was told.
    over: Option<oneshot::Receiver<Result<()>>>,
    hangup: Signal,
    stop: Signal,
    go_on: Signal,
    _guard: Guard,
}

/// Gives the terminal back, whatever went wrong.
struct Guard;

impl Drop for Guard {
    fn drop(&mut self) {
        terminal::restore();
        held::release();
    }
}

impl Screen {
    /// Takes the terminal and shows what `feed` brings.
    pub(super) fn start(feed: impl Feed, look: Look) -> Result<Self> {
        let listen = |kind| signal(kind).context("listen for signals");
        // Before the terminal is taken: none may end the process with it.
        let hangup = listen(SignalKind::hangup())?;
        let stop = listen(SignalKind::from_raw(libc::SIGTSTP))?;
        let go_on = listen(SignalKind::from_raw(libc::SIGCONT))?;
        terminal::enter().context("take the terminal")?;
        let guard = Guard;
        let (queue, news) = sync_channel(WAITING);
        let (done, over) = oneshot::channel();
        let app = App::new(feed, State::new(look), news)?;
        let draw = move || {
            let ended = app.run();
            terminal::restore();
            // Nobody listens any more only when the process is about to end.
            let _ = done.send(ended);
        };
        let named = |name: &str| thread::Builder::new().name(name.to_owned());
        named("screen")
            .spawn(draw)
            .context("start a thread to draw")?;
        let keys = queue.clone();
        named("keys")
            .spawn(move || listen_to_keys(&keys))
            .context("start a thread for keys")?;
        Ok(Self {
            queue,
            over: Some(over),
            hangup,
            stop,
            go_on,
            _guard: guard,
        })
    }

    /// Something was told. One that is under way is enough.
    pub(super) fn changed(&self) {
        let _ = self.queue.try_send(News::Changed);
    }

    /// Resolves when somebody wants the end, or nothing can be drawn any more.
    pub(super) async fn dismissed(&mut self) -> Result<()> {
        loop {
            let news = tokio::select! {
                ended = ended(&mut self.over) => return ended,
                // The terminal is gone.
                _ = self.hangup.recv() => return Ok(()),
                _ = self.stop.recv() => News::Suspend,
                _ = self.go_on.recv() => News::Refresh,
            };
            // With so many waiting before it, it is too late for it.
            let _ = self.queue.try_send(news);
        }
    }

    /// Gives the terminal back.
    pub(super) async fn finish(mut self) -> Result<()> {
        let _ = self.queue.try_send(News::End);
        if self.over.is_none() {
            return Ok(());
        }
        // One that takes nothing any more is not waited for.
        timeout(GRACE, ended(&mut self.over))
            .await
            .unwrap_or(Ok(()))
    }
}

/// How the drawing ended.
async fn ended(over: &mut Option<oneshot::Receiver<Result<()>>>) -> Result<()> {
    let Some(receiver) = over else {
        return Ok(());
    };
    let ended = receiver.await;
    *over = None;
    ended.unwrap_or_else(|_| Err(anyhow!("the screen crashed")))
}

fn listen_to_keys(queue: &SyncSender<News>) {
    while let Ok(event) = event::read() {
        if queue.send(News::Input(event)).is_err() {
            return;
        }
    }
    // Without keys nobody could quit.
    let _ = queue.send(News::End);
}

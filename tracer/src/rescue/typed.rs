//! What the operator types.

use std::{
    io::{IsTerminal as _, stdin},
    thread,
};

use tokio::sync::mpsc::{Receiver, channel};

/// Lines from the terminal, read by a thread: a terminal cannot be waited for with the rest.
pub(super) struct Typed(Option<Receiver<String>>);

impl Typed {
    /// Nothing, where there is no terminal.
    pub(super) fn listen() -> Self {
        if !stdin().is_terminal() {
            return Self(None);
        }
        let (sender, lines) = channel(1);
        thread::spawn(move || {
            let lines = stdin().lines().map_while(Result::ok);
            for line in lines {
                if sender.blocking_send(line).is_err() {
                    return;
                }
            }
        });
        Self(Some(lines))
    }

    /// The next line; `None` once there are none, however long one waits.
    pub(super) async fn line(&mut self) -> Option<String> {
        let line = match &mut self.0 {
            Some(lines) => lines.recv().await,
            None => None,
        };
        if line.is_none() {
            self.0 = None;
        }
        line.map(|line| line.trim().to_lowercase())
    }

    /// Whether more can come.
    pub(super) const fn is_open(&self) -> bool {
        self.0.is_some()
    }
}

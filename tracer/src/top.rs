//! Looking at a host on a screen: live, or at a recording with a cursor in time.
//!
//! What happens is told to a [`state::State`], keys act on it, and [`view`] draws it. One thread draws and
//! another waits for keys, so that a terminal that stalls holds up neither the tracing nor its end.

mod app;
pub(crate) mod held;
mod incidents;
mod keys;
mod live;
mod recorded;
mod screen;
mod state;
mod tape;
pub(crate) mod terminal;
mod view;

#[cfg(test)]
mod tests;

use std::path::Path;

use anyhow::Result;

use crate::{
    run::{Stop, event_loop},
    sink::human::Look,
};

pub(crate) use self::live::Live;

use self::{recorded::Recorded, screen::Screen};

/// Shows a recording until a key or a signal ends it.
pub(crate) fn show(file: &Path, look: Look) -> Result<()> {
    let feed = Recorded::open(file)?;
    let runtime = event_loop()?;
    runtime.block_on(async {
        let mut stop = Stop::listen()?;
        let mut screen = Screen::start(feed, look)?;
        tokio::select! {
            () = stop.wanted() => {}
            ended = screen.dismissed() => return ended,
        }
        screen.finish().await
    })
}

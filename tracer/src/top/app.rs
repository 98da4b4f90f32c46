//! The thread that draws: it takes in what is new, draws when something has changed, and once a second.

use std::{
    io::{BufWriter, Write as _},
    sync::mpsc::{Receiver, RecvTimeoutError},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::{Signal, raise};
use ratatui::{
    Terminal, TerminalOptions, Viewport, backend::CrosstermBackend, crossterm::event::Event,
    layout::Rect,
};

use super::{
    held,
    keys::{self, Step},
    state::{State, Wish},
    terminal::{self, Tty},
    view,
};

/// Between two drawings that no key asked for: a serial line is slow.
const REST: Duration = Duration::from_millis(250);

/// Something for the screen to do.
#[derive(Debug)]
pub(super) enum News {
    /// A key, or another size.
    Input(Event),
    /// Something was told.
    Changed,
    /// The terminal back to the shell, for a while.
    Suspend,
    /// Somebody else may have written to the screen, or set its modes.
    Refresh,
    /// The end.
    End,
}

/// Where what is shown comes from.
pub(super) trait Feed: Send + 'static {
    /// Brings the state up to date. What takes long is continued at the next call.
    fn bring(&mut self, state: &mut State) -> Result<()>;

    /// Goes to another moment.
    fn step(&mut self, step: Step);

    /// How long the state is up to date.
    fn pace(&self) -> Duration;
}

/// Draws, and does what keys ask for.
pub(super) struct App<F> {
    feed: F,
    state: State,
    news: Receiver<News>,
    canvas: Canvas,
    drawn: Instant,
}

type Canvas = Terminal<CrosstermBackend<BufWriter<Tty>>>;

impl<F: Feed> App<F> {
    /// The terminal must have been taken.
    pub(super) fn new(feed: F, state: State, news: Receiver<News>) -> Result<Self> {
        Ok(Self {
            feed,
            state,
            news,
            canvas: canvas()?,
            drawn: Instant::now(),
        })
    }

    /// Runs until somebody wants the end.
    pub(super) fn run(mut self) -> Result<()> {
        loop {
            self.feed.bring(&mut self.state)?;
            self.state.note = held::last();
            self.draw()?;
            if self.wait()? {
                return Ok(());
            }
        }
    }

    fn draw(&mut self) -> Result<()> {
        if !terminal::is_held() {
            bail!("a part of bridgetrace crashed, and the screen was left");
        }
        let state = &mut self.state;
        self.canvas
            .draw(|frame| view::draw(frame, state))
            .context("draw on the terminal")?;
        self.drawn = Instant::now();
        Ok(())
    }

    /// Waits for something to draw; whether it is the end.
    fn wait(&mut self) -> Result<bool> {
        let mut due = Instant::now() + self.feed.pace();
        loop {
            let patience = due.saturating_duration_since(Instant::now());
            let over = match self.news.recv_timeout(patience) {
                Err(RecvTimeoutError::Timeout) => return Ok(false),
                Err(RecvTimeoutError::Disconnected) | Ok(News::End) => return Ok(true),
                // Others may follow at once.
                Ok(News::Changed) => {
                    due = due.min(self.drawn + REST);
                    false
                }
                Ok(news) => {
                    // What is typed shows at once, after all keys that came meanwhile.
                    due = Instant::now();
                    self.take(news)?
                }
            };
            if over {
                return Ok(true);
            }
        }
    }

    /// Whether it is the end.
    fn take(&mut self, news: News) -> Result<bool> {
        match news {
            News::Input(Event::Key(key)) => {
                let action = keys::action(key, self.state.cursor.is_some());
                let wish = action.and_then(|action| self.state.act(action));
                return self.grant(wish);
            }
            News::Input(Event::Resize(..)) => self.canvas = canvas()?,
            News::Suspend => self.suspend()?,
            News::Refresh => self.refresh()?,
            News::End => return Ok(true),
            News::Input(_) | News::Changed => {}
        }
        Ok(false)
    }

    fn grant(&mut self, wish: Option<Wish>) -> Result<bool> {
        match wish {
            Some(Wish::Quit) => return Ok(true),
            Some(Wish::Redraw) => self.canvas = canvas()?,
            Some(Wish::Suspend) => self.suspend()?,
            Some(Wish::Step(step)) => self.feed.step(step),
            None => {}
        }
        Ok(false)
    }

    /// Gives the terminal back, stops, and takes it again when it goes on.
    fn suspend(&mut self) -> Result<()> {
        terminal::restore();
        held::release();
        // Not SIGTSTP, which is listened to, and would come back here.
        raise(Signal::SIGSTOP).context("stop until fg")?;
        self.take_terminal()
    }

    fn refresh(&mut self) -> Result<()> {
        terminal::restore();
        self.take_terminal()
    }

    fn take_terminal(&mut self) -> Result<()> {
        terminal::enter().context("take the terminal again")?;
        self.canvas = canvas()?;
        Ok(())
    }
}

/// An empty screen of the size the terminal has now.
fn canvas() -> Result<Canvas> {
    Tty.write_all(b"\x1b[0m\x1b[2J")
        .context("clear the terminal")?;
    let size = terminal::size();
    // Its size is not left to the library, which fails where a console does not tell it.
    let options = TerminalOptions {
        viewport: Viewport::Fixed(Rect::new(0, 0, size.width, size.height)),
    };
    let backend = CrosstermBackend::new(Tty::buffered());
    Terminal::with_options(backend, options).context("use the terminal")
}

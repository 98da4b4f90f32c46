//! Taking the terminal, and giving it back whole however the end comes.
//!
//! There is one way back, [`restore`]: it takes no lock and allocates nothing, so that a panic and the
//! handler of a deadly signal take it as well. Only SIGKILL leaves no chance.

mod fatal;

use std::{
    env,
    io::{self, BufWriter, Write},
    panic, ptr,
    sync::{
        Once,
        atomic::{AtomicBool, AtomicPtr, Ordering},
    },
};

use anyhow::{Result, ensure};
use ratatui::layout::Size;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    stdio::{stdin, stdout},
    termios::{OptionalActions, Termios, isatty, tcgetattr, tcgetwinsize, tcsetattr},
};

/// The alternate screen, empty, without a cursor.
const ENTER: &[u8] = b"\x1b[?1049h\x1b[0m\x1b[2J\x1b[H\x1b[?25l";
/// Consoles without an alternate screen are left empty.
const LEAVE: &[u8] = b"\x1b[0m\x1b[2J\x1b[H\x1b[?25h\x1b[?1049l";
/// What a terminal that does not tell its size has: a serial console's.
const USUAL: Size = Size {
    width: 80,
    height: 24,
};
/// How long the way back waits for a terminal that takes nothing.
const PATIENCE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 200_000_000,
};

/// Whether the terminal is taken.
static HELD: AtomicBool = AtomicBool::new(false);
/// Its modes before that. What was here is never freed: a signal handler may be reading it.
static BEFORE: AtomicPtr<Termios> = AtomicPtr::new(ptr::null_mut());
static PREPARE: Once = Once::new();

/// Fails unless there is a terminal whose cursor can be moved.
pub(crate) fn require() -> Result<()> {
    ensure!(
        isatty(stdin()) && isatty(stdout()),
        "top needs a terminal on standard input and output; \
         without one use bridgetrace, or bridgetrace replay FILE"
    );
    let term = env::var("TERM").unwrap_or_default();
    ensure!(
        !matches!(term.as_str(), "" | "dumb" | "unknown"),
        "top needs a terminal that can move its cursor, and TERM={term} cannot; \
         if yours can, type TERM=vt100 bridgetrace top"
    );
    Ok(())
}

/// Whether it may have colours: the old ones, and serial consoles that call themselves so, take the sequences
/// for blinking.
pub(crate) fn has_colours() -> bool {
    !env::var("TERM").unwrap_or_default().starts_with("vt")
}

/// Takes the terminal.
pub(super) fn enter() -> io::Result<()> {
    PREPARE.call_once(|| {
        fatal::listen();
        restore_on_panic();
    });
    let before = tcgetattr(stdin())?;
    let mut raw = before.clone();
    raw.make_raw();
    BEFORE.store(Box::into_raw(Box::new(before)), Ordering::SeqCst);
    // From here on a signal gives it back; that it was not taken yet does no harm.
    HELD.store(true, Ordering::SeqCst);
    let entered = tcsetattr(stdin(), OptionalActions::Now, &raw)
        .map_err(io::Error::from)
        .and_then(|()| Tty.write_all(ENTER));
    if entered.is_err() {
        restore();
    }
    entered
}

/// Gives the terminal back; whether it was held.
pub(crate) fn restore() -> bool {
    if !HELD.swap(false, Ordering::SeqCst) {
        return false;
    }
    let before = BEFORE.load(Ordering::SeqCst);
    // SAFETY: null, or from `Box::into_raw` and never freed.
    if let Some(before) = unsafe { before.as_ref() } {
        // Nobody is left to be told. The modes come first: writing may block.
        let _ = tcsetattr(stdin(), OptionalActions::Now, before);
    }
    let out = stdout();
    let mut ready = [PollFd::new(&out, PollFlags::OUT)];
    if matches!(poll(&mut ready, Some(&PATIENCE)), Ok(1..)) {
        let _ = rustix::io::write(out, LEAVE);
    }
    true
}

/// Whether the terminal is taken. A panic elsewhere may have given it back.
pub(crate) fn is_held() -> bool {
    HELD.load(Ordering::SeqCst)
}

/// Columns and rows.
pub(super) fn size() -> Size {
    let told = tcgetwinsize(stdout()).ok();
    let told = told.filter(|it| it.ws_col > 0 && it.ws_row > 0);
    told.map_or(USUAL, |it| Size::new(it.ws_col, it.ws_row))
}

/// Standard output, as long as the terminal is held: what is drawn after that would stay.
pub(super) struct Tty;

impl Tty {
    /// With what is drawn at once in one piece.
    pub(super) fn buffered() -> BufWriter<Self> {
        BufWriter::with_capacity(1 << 16, Self)
    }
}

impl Write for Tty {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !is_held() {
            return Ok(bytes.len());
        }
        Ok(rustix::io::write(stdout(), bytes)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The message of a panic belongs on the screen it will be read on.
fn restore_on_panic() {
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |what| {
        restore();
        before(what);
    }));
}

#[cfg(test)]
mod tests;

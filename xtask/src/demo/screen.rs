//! bridgetrace on the viewer's screen: its own output, byte for byte, remembered as it passes.

use std::fs::File;
use std::io::{IsTerminal, Read, Write};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use bridgetrace_lab::Process;
use nix::pty::openpty;
use nix::sys::signal::Signal;
use nix::sys::termios::{OutputFlags, SetArg, tcgetattr, tcsetattr};

use super::printed;

/// Who speaks in between waits for a silence as long as this, not to cut a page in two.
const QUIET: Duration = Duration::from_millis(150);
/// Signals end bridgetrace within a second.
const ENDED: Duration = Duration::from_secs(5);

/// A running bridgetrace whose output goes to this program's.
pub(super) struct Screen {
    tracer: Process,
    seen: Arc<Mutex<Seen>>,
    relay: JoinHandle<()>,
}

/// What has gone by.
struct Seen {
    bytes: Vec<u8>,
    last: Instant,
}

impl Screen {
    /// Starts `command`, on a terminal of its own if this program has one: only then is its
    /// output what a user would see, in colour.
    pub(super) fn start(mut command: Command) -> Result<Self> {
        let is_terminal = std::io::stdout().is_terminal();
        let (source, sink) = if is_terminal { terminal()? } else { pipe()? };
        command.stdin(Stdio::null()).stdout(sink);
        let seen = Arc::new(Mutex::new(Seen {
            bytes: Vec::new(),
            last: Instant::now(),
        }));
        let passing = Arc::clone(&seen);
        Ok(Self {
            tracer: Process::spawn(command)?,
            seen,
            relay: thread::spawn(move || relay(source, &passing)),
        })
    }

    /// Everything printed so far, without colours. An error if bridgetrace is no more.
    pub(super) fn text(&mut self) -> Result<String> {
        if let Some(status) = self.tracer.exited()? {
            bail!("bridgetrace has ended: {status}");
        }
        Ok(printed::plain(&String::from_utf8_lossy(
            &lock(&self.seen).bytes,
        )))
    }

    /// Whether nothing has been printed for a moment.
    pub(super) fn is_quiet(&self) -> bool {
        lock(&self.seen).last.elapsed() >= QUIET
    }

    /// Ends bridgetrace as Ctrl-C does, and shows its last words.
    pub(super) fn end(mut self) -> Result<()> {
        self.tracer.signal(Signal::SIGINT)?;
        let status = self.tracer.wait(ENDED)?;
        self.relay.join().ok();
        ensure!(status.success(), "bridgetrace ended with {status}");
        Ok(())
    }
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

fn pipe() -> Result<(File, Stdio)> {
    let (source, sink) = std::io::pipe().context("make a pipe")?;
    Ok((File::from(std::os::fd::OwnedFd::from(source)), sink.into()))
}

fn terminal() -> Result<(File, Stdio)> {
    let pty = openpty(None, None).context("open a pseudo terminal")?;
    let mut settings = tcgetattr(&pty.slave).context("ask the pseudo terminal")?;
    // The viewer's terminal does what there is to do about line ends.
    settings.output_flags.remove(OutputFlags::OPOST);
    tcsetattr(&pty.slave, SetArg::TCSANOW, &settings).context("set the pseudo terminal")?;
    Ok((File::from(pty.master), pty.slave.into()))
}

/// Until bridgetrace ends, or the viewer has gone.
fn relay(mut source: File, seen: &Mutex<Seen>) {
    let mut chunk = [0; 1 << 16];
    while let Ok(length @ 1..) = source.read(&mut chunk) {
        let mut seen = lock(seen);
        let mut screen = std::io::stdout().lock();
        let shown = screen.write_all(&chunk[..length]);
        if shown.and_then(|()| screen.flush()).is_err() {
            return;
        }
        seen.bytes.extend_from_slice(&chunk[..length]);
        seen.last = Instant::now();
    }
}

//! Ctrl-C ends the work, never the clean-up.
//!
//! A signal only raises a flag, and whoever waits looks at it: the values that own the lab are
//! then dropped in their order. What the lab runs for a moment (`ip netns del`…) must not die of
//! the same Ctrl-C, for the terminal sends it to the whole group: the signals of a terminal are
//! blocked, and children inherit that. One thread, which does nothing else, receives them.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

/// What a terminal sends to everybody in the foreground.
const OF_THE_TERMINAL: [Signal; 3] = [Signal::SIGINT, Signal::SIGQUIT, Signal::SIGHUP];

static RAISED: AtomicBool = AtomicBool::new(false);

/// From now on signals that ask for the end raise a flag. To be called before there are threads.
pub(crate) fn catch() -> Result<()> {
    let action = SigAction::new(
        SigHandler::Handler(raise),
        SaFlags::SA_RESTART,
        SigSet::empty(),
    );
    for signal in OF_THE_TERMINAL.into_iter().chain([Signal::SIGTERM]) {
        // SAFETY: the handler stores to an atomic, which is async-signal-safe, and nothing else.
        unsafe { sigaction(signal, &action) }.with_context(|| format!("catch {signal}"))?;
    }
    let blocked = SigSet::from_iter(OF_THE_TERMINAL);
    blocked.thread_block().context("block signals")?;
    let receiver = thread::Builder::new().name("signals".into());
    receiver
        .spawn(move || receive(&blocked))
        .context("start a thread")?;
    Ok(())
}

extern "C" fn raise(_: nix::libc::c_int) {
    RAISED.store(true, Ordering::Release);
}

fn receive(blocked: &SigSet) {
    if let Err(error) = blocked.thread_unblock() {
        eprintln!("Ctrl-C will be ignored: {error}");
    }
    loop {
        thread::park();
    }
}

/// Somebody has asked for the end.
#[derive(Debug)]
pub(crate) struct Interrupted;

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("interrupted")
    }
}

impl std::error::Error for Interrupted {}

/// An error once somebody has asked for the end.
pub(crate) fn check() -> Result<()> {
    if RAISED.load(Ordering::Acquire) {
        return Err(Interrupted.into());
    }
    Ok(())
}

/// The error to report: what breaks while the end is under way is a consequence of it.
pub(crate) fn cause(error: anyhow::Error) -> anyhow::Error {
    check().err().unwrap_or(error)
}

/// Waits as the lab does, and no longer once somebody has asked for the end.
pub(crate) fn wait_for<T>(
    what: &str,
    timeout: Duration,
    mut poll: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    bridgetrace_lab::wait_for(what, timeout, || check().and_then(|()| poll()).transpose())?
}

/// Waits until so much time has passed since then.
pub(crate) fn wait_until(begin: Instant, time: Duration) -> Result<()> {
    wait_for("the time to be over", time * 2, || {
        Ok((begin.elapsed() >= time).then_some(()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_ends_with_what_was_found_or_says_what_was_missing() {
        let found = wait_for("seven", Duration::ZERO, || Ok(Some(7)));
        assert_eq!(found.unwrap(), 7);
        let error = wait_for::<()>("godot", Duration::ZERO, || Ok(None)).unwrap_err();
        assert_eq!(error.to_string(), "waited 0ns in vain for godot");
    }
}

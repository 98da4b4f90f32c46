//! Waiting for a condition instead of sleeping for a guess.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// How often a condition is looked at: rare enough to leave the CPUs to the thing that
/// is waited for, often enough that a test's timing is not the lab's.
const INTERVAL: Duration = Duration::from_millis(10);

/// Looks at `poll` every few milliseconds until it holds something, for `timeout` at most.
///
/// `what` completes the sentence "waited in vain for …". A condition that can fail for
/// good returns `Some(Err(_))`, so that nobody waits for what cannot come any more.
pub fn wait_for<T>(
    what: &str,
    timeout: Duration,
    mut poll: impl FnMut() -> Option<T>,
) -> Result<T> {
    let deadline = Instant::now() + timeout;
    loop {
        if let Some(found) = poll() {
            return Ok(found);
        }
        if Instant::now() >= deadline {
            bail!("waited {timeout:?} in vain for {what}");
        }
        thread::sleep(INTERVAL);
    }
}

/// Waits until a condition holds; its failure is final.
pub fn wait_until(
    what: &str,
    timeout: Duration,
    mut holds: impl FnMut() -> Result<bool>,
) -> Result<()> {
    wait_for(what, timeout, || {
        holds().map(|holds| holds.then_some(())).transpose()
    })?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn returns_what_was_found() {
        let mut looks = 0;
        let found = wait_for("three looks", Duration::from_secs(5), || {
            looks += 1;
            (looks == 3).then_some("here")
        });
        assert_eq!(found.unwrap(), "here");
    }

    #[test]
    fn an_error_says_what_was_waited_for() {
        let error = wait_for::<()>("godot", Duration::ZERO, || None).unwrap_err();
        assert!(error.to_string().contains("in vain for godot"), "{error}");
    }
}

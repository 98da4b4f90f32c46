//! The pulse: every second of the wall clock, for whoever looks again and again. There is one timer, so that
//! all who have something to do wake together, and the machine once.

use std::{
    io,
    os::fd::{AsFd as _, AsRawFd, RawFd},
    time::Duration,
};

use nix::sys::{
    time::TimeSpec,
    timer::{Expiration, TimerSetTimeFlags},
    timerfd::{ClockId, TimerFd, TimerFlags},
};
use tokio::{
    io::{Interest, unix::AsyncFd},
    sync::watch::{self, Receiver, Sender},
    task,
};
use tracer_core::time::{SECOND, Timestamp};

use super::{Closed, clock};
use crate::fd::{self, StableFd};

/// A second that begins as late or early as this, nanoseconds, is the same: a clock may be slewed, or set back by so little
/// that the second that has begun begins again.
pub(crate) const TOLERANCE: u64 = SECOND / 20;

/// Tells when seconds begin.
pub(crate) struct Pulse(Receiver<()>);

/// Waits for what begins from now on.
impl Clone for Pulse {
    fn clone(&self) -> Self {
        let mut seconds = self.0.clone();
        seconds.mark_unchanged();
        Self(seconds)
    }
}

impl Pulse {
    /// Begins with the next second. Needs a tokio runtime; ends with it.
    pub(crate) fn start() -> io::Result<Self> {
        let (beats, pulse) = watch::channel(());
        let timer = Timer::new()?;
        task::spawn(async move {
            if let Err(error) = beat(timer, beats).await {
                log::error!("nothing is looked at again: the timer has failed: {error}");
            }
        });
        Ok(Self(pulse))
    }

    /// Waits for the next second. Those that began since the last call, and were not waited for, count as one.
    pub(crate) async fn second(&mut self) -> Result<(), Closed> {
        self.0.changed().await.map_err(|_| Closed)
    }

    /// Waits until so many seconds have begun from now on.
    pub(crate) async fn pause(&mut self, seconds: u32) -> Result<(), Closed> {
        self.0.mark_unchanged();
        for _ in 0..seconds {
            self.second().await?;
        }
        Ok(())
    }
}

async fn beat(timer: AsyncFd<Timer>, beats: Sender<()>) -> io::Result<()> {
    loop {
        // Anew each time: the clock may be set, and a stall is followed by one beat.
        timer.get_ref().set(until_the_next_second(clock::now()))?;
        timer.readable().await?.clear_ready();
        if beats.send(()).is_err() {
            return Ok(());
        }
    }
}

fn until_the_next_second(now: Timestamp) -> Duration {
    let rest = SECOND - now.0 % SECOND;
    Duration::from_nanos(if rest < TOLERANCE {
        rest + SECOND
    } else {
        rest
    })
}

/// Not tokio's: its wheel wakes once or twice on the way to a moment a second away, and sleeps on.
struct Timer(TimerFd);

impl Timer {
    fn new() -> io::Result<AsyncFd<Self>> {
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?;
        fd::watch(Self(timer), Interest::READABLE)
    }

    /// Once, so long from now. What was due before is forgotten.
    fn set(&self, wait: Duration) -> io::Result<()> {
        let once = Expiration::OneShot(TimeSpec::from_duration(wait));
        Ok(self.0.set(once, TimerSetTimeFlags::empty())?)
    }
}

impl AsRawFd for Timer {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

// SAFETY: owns the descriptor and never exchanges it.
unsafe impl StableFd for Timer {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_begins_with_the_second() {
        assert_eq!(
            until_the_next_second(Timestamp(7 * SECOND)),
            Duration::from_secs(1)
        );
        let half = Timestamp(7 * SECOND + SECOND / 2);
        assert_eq!(until_the_next_second(half), Duration::from_millis(500));
    }

    #[test]
    fn a_second_that_begins_twice_is_told_once() {
        let early = Timestamp(8 * SECOND - 10_000_000);
        assert_eq!(until_the_next_second(early), Duration::from_millis(1010));
    }

    #[test]
    fn everybody_is_told_of_each_second() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build();
        runtime.expect("runtime").block_on(async {
            let mut pulse = Pulse::start().expect("a timer");
            let mut other = pulse.clone();
            let begin = clock::now();
            assert_eq!(
                tokio::join!(pulse.second(), other.pause(2)),
                (Ok(()), Ok(()))
            );
            // Two that have begun: more than one whole one has passed.
            assert!(clock::now().since(begin) > SECOND);
            assert_eq!(pulse.second().await, Ok(()));
        });
    }
}

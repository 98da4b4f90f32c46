//! The guard: a process of its own that takes the route back in time, whatever becomes of the one that
//! set it.
//!
//! It has its own session, so neither a closed terminal nor Ctrl-C reaches it, and holds no descriptor of
//! anybody else's, so nobody waits for it. It says that it is ready before the route is set. SIGTERM
//! makes it take the route back at once.

use std::{
    env,
    io::{Read as _, Write as _, stdin},
    os::{fd::AsFd as _, unix::net::UnixStream},
    time::Duration,
};

use anyhow::{Context as _, Result};
use nix::{
    libc,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        prctl,
        signal::{SigSet, Signal},
        signalfd::SignalFd,
        time::TimeSpec,
        timer::{Expiration, TimerSetTimeFlags},
        timerfd::{ClockId, TimerFd, TimerFlags},
    },
    unistd::setsid,
};

use crate::cli::RescueGuard;

use super::{clock, journal, kernel::Kernel, route::HostRoute};

/// What is said over the socket, a byte each.
pub(super) const READY: u8 = b'r';
pub(super) const KEEP: u8 = b'k';
/// Nothing was set.
pub(super) const DISMISS: u8 = b'n';
pub(super) const REVERT: u8 = b'x';
pub(super) const REMOVED: u8 = b'd';
pub(super) const GONE: u8 = b'g';

/// Why the watch ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Kept,
    Dismissed,
    Asked,
    Over,
    Ended,
}

/// Waits and takes the route back. Standard input is the socket to the process that set it.
pub(crate) fn guard(order: &RescueGuard) -> Result<()> {
    let mut leash = detach()?;
    let mut kernel = Kernel::open().context("open a route netlink socket")?;
    let watch = Watch::new(Duration::from_nanos(order.until))?;
    leash.write_all(&[READY])?;
    // What cannot be waited for is over now.
    let end = watch.wait(&mut leash).unwrap_or(End::Ended);
    let route = HostRoute::from(order);
    match end {
        End::Dismissed => return Ok(()),
        End::Kept => {
            journal::note(&format!("the route to {} is kept", order.address));
            return Ok(());
        }
        End::Asked | End::Over | End::Ended => {}
    }
    let removed = route.remove(&mut kernel);
    journal::note(&epitaph(order, end, &removed));
    // Nobody may be there to hear it.
    let _ = leash.write_all(&[if removed? { REMOVED } else { GONE }]);
    Ok(())
}

/// Leaves everything behind that it was started with but the socket.
fn detach() -> Result<UnixStream> {
    // SAFETY: closes what others left open in this process. It has opened nothing itself yet: this is
    // the first thing it does.
    unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, 0) };
    setsid().context("begin a session")?;
    env::set_current_dir("/")?;
    // `ps` and the journal show it.
    prctl::set_name(c"bridgetrace").context("name the process")?;
    Ok(UnixStream::from(stdin().as_fd().try_clone_to_owned()?))
}

/// What the guard waits for besides its parent's word.
struct Watch {
    timer: TimerFd,
    signals: SignalFd,
}

impl Watch {
    fn new(until: Duration) -> Result<Self> {
        let mut mask = SigSet::empty();
        for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
            mask.add(signal);
        }
        mask.thread_block()?;
        // Nobody hangs up on it: that one is only kept from ending it.
        mask.remove(Signal::SIGHUP);
        let timer = TimerFd::new(ClockId::CLOCK_BOOTTIME, TimerFlags::TFD_CLOEXEC)?;
        let at = TimeSpec::from_duration(until);
        timer.set(
            Expiration::OneShot(at),
            TimerSetTimeFlags::TFD_TIMER_ABSTIME,
        )?;
        Ok(Self {
            timer,
            signals: SignalFd::new(&mask)?,
        })
    }

    /// Waits for the end. A parent that is gone without a word changes nothing.
    fn wait(&self, leash: &mut UnixStream) -> Result<End> {
        let mut held = true;
        loop {
            let (timer, signals) = (self.timer.as_fd(), self.signals.as_fd());
            let mut fds = vec![
                PollFd::new(timer, PollFlags::POLLIN),
                PollFd::new(signals, PollFlags::POLLIN),
            ];
            let parent = leash.try_clone()?;
            if held {
                fds.push(PollFd::new(parent.as_fd(), PollFlags::POLLIN));
            }
            poll(&mut fds, PollTimeout::NONE)?;
            let mut ready = fds.iter().map(|fd| fd.any().unwrap_or(false));
            if ready.next() == Some(true) {
                return Ok(End::Over);
            }
            if ready.next() == Some(true) {
                return Ok(End::Ended);
            }
            let mut word = [0];
            match leash.read(&mut word) {
                Ok(1) if word == [KEEP] => return Ok(End::Kept),
                Ok(1) if word == [DISMISS] => return Ok(End::Dismissed),
                Ok(1) if word == [REVERT] => return Ok(End::Asked),
                Ok(_) | Err(_) => held = false,
            }
        }
    }
}

impl From<&RescueGuard> for HostRoute {
    fn from(order: &RescueGuard) -> Self {
        Self {
            address: order.address,
            gateway: order.via,
            device: order.dev,
            table: order.table,
        }
    }
}

fn epitaph(order: &RescueGuard, end: End, removed: &std::io::Result<bool>) -> String {
    let why = match end {
        End::Over => "its time is over",
        End::Ended => "the guard was told to end",
        End::Asked | End::Kept | End::Dismissed => "as asked",
    };
    let address = order.address;
    match removed {
        Ok(true) => format!("the route to {address} is taken back: {why}"),
        Ok(false) => format!("the route to {address} was gone already: {why}"),
        Err(error) => format!("the route to {address} could not be taken back: {error}"),
    }
}

/// How long a guard that was started for this order still waits.
pub(super) fn left(order: &RescueGuard) -> Duration {
    let until = Duration::from_nanos(order.until);
    until.saturating_sub(clock::uptime().unwrap_or(until))
}

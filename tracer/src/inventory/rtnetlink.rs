//! Links, addresses, routes, policy rules and neighbours of one network namespace: a full dump,
//! then the change stream.
//!
//! Two sockets: one hears changes, the other asks for dumps. A kernel notification carries the
//! sequence number of whoever caused it, so on one socket it can pass for an answer to a dump.
//! Changes that arrive during a dump wait in the first socket and are applied after it.
//!
//! A thread with a runtime of its own does the work: a dump of a large routing table takes
//! longer than the ring buffer may wait.

mod change;
mod convert;
mod dump;
mod link;
mod routes;
pub(crate) mod socket;
mod sysctls;

use std::{os::fd::OwnedFd, thread, time::Duration};

use tokio::{
    runtime,
    sync::{mpsc::Sender, oneshot},
    time::{Instant, sleep, sleep_until},
};
use tracer_core::input::{Body, Input, NetChange};

use self::{change::Tracker, socket::Socket};

pub(crate) use self::convert::change as change_of;

use super::{Closed, netns, send};

/// Between two full dumps at least this long: a flood must not turn into a flood of dumps.
const RESYNC_PAUSE: Duration = Duration::from_millis(100);
/// Dumps that fail in a row before the namespace is given up.
const ATTEMPTS: u32 = 10;
/// Routes are asked for again this long after a link changed: the kernel tells of the link
/// before it is done with the link's routes.
const SETTLE: Duration = Duration::from_millis(10);

/// The links and routes of a namespace cannot be followed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The namespace cannot be entered.
    #[error(transparent)]
    Netns(#[from] netns::Error),
    /// The runtime or the thread did not start.
    #[error("cannot start following network namespace {inum}: {cause}")]
    Start {
        /// Inode number.
        inum: u32,
        /// Why.
        cause: std::io::Error,
    },
    /// The dump failed again and again.
    #[error("cannot read links and routes of network namespace {inum}: {cause}")]
    Read {
        /// Inode number.
        inum: u32,
        /// Why, the last time.
        cause: socket::Error,
    },
    /// The thread panicked.
    #[error("following network namespace {inum} ended in a panic")]
    Panicked {
        /// Inode number.
        inum: u32,
    },
}

/// Why following came to an end.
enum Ended {
    /// Nobody listens any more.
    Closed,
    /// Something was missed: everything must be read again.
    Missed(socket::Error),
}

impl From<Closed> for Ended {
    fn from(Closed: Closed) -> Self {
        Self::Closed
    }
}

impl From<socket::Error> for Ended {
    fn from(error: socket::Error) -> Self {
        Self::Missed(error)
    }
}

/// Follows a namespace until the receiver of the inputs is gone; ends with an error only if the
/// namespace cannot be read at all. Dropping the future ends it too.
///
/// Sends `Resync`, the dump, `Synced`, then changes. When changes were missed (the socket
/// overran, or failed) all of that again.
pub(crate) async fn watch(inum: u32, netns: OwnedFd, inputs: Sender<Input>) -> Result<(), Error> {
    let (_stop, stopped) = oneshot::channel::<()>();
    let (ended, outcome) = oneshot::channel();
    let follow = move || {
        let result = run(inum, &netns, &inputs, stopped);
        // Nobody waits for the result of a dropped future.
        drop(ended.send(result));
    };
    thread::Builder::new()
        .name(format!("net-{inum}"))
        .spawn(follow)
        .map_err(|cause| Error::Start { inum, cause })?;
    outcome.await.unwrap_or(Err(Error::Panicked { inum }))
}

/// The body of the thread: enters the namespace for good.
fn run(
    inum: u32,
    netns: &OwnedFd,
    inputs: &Sender<Input>,
    stopped: oneshot::Receiver<()>,
) -> Result<(), Error> {
    netns::enter(netns)?;
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|cause| Error::Start { inum, cause })?;
    runtime.block_on(async {
        tokio::select! {
            _ = stopped => Ok(()),
            () = inputs.closed() => Ok(()),
            result = follow(inum, inputs) => result,
        }
    })
}

/// Reads everything, follows the changes, and starts again whenever something was missed.
async fn follow(inum: u32, inputs: &Sender<Input>) -> Result<(), Error> {
    let mut failures = 0;
    loop {
        let mut synced = false;
        let Err(ended) = session(inum, inputs, &mut synced).await;
        let cause = match ended {
            Ended::Closed => return Ok(()),
            Ended::Missed(cause) => cause,
        };
        failures = if synced { 0 } else { failures + 1 };
        if failures >= ATTEMPTS {
            return Err(Error::Read { inum, cause });
        }
        log::info!("network namespace {inum} is read again: {cause}");
        sleep(RESYNC_PAUSE).await;
    }
}

/// From one full dump to the moment something is missed. New sockets each time: what still
/// waits in an overrun socket is older than the dump and must not be applied to it.
async fn session(
    inum: u32,
    inputs: &Sender<Input>,
    synced: &mut bool,
) -> Result<std::convert::Infallible, Ended> {
    let mut changes = Socket::subscribe()?;
    let mut tracker = Tracker::default();
    tell(inum, inputs, NetChange::Resync).await?;
    let sysctls = sysctls::read().map(NetChange::Sysctls);
    tell_all(inum, inputs, sysctls.into_iter().collect()).await?;
    let mut asking = Socket::open()?;
    for request in dump::EVERYTHING {
        for change in dump::read(&mut asking, request).await? {
            tell_all(inum, inputs, tracker.dumped(change)).await?;
        }
    }
    tell(inum, inputs, NetChange::Synced).await?;
    *synced = true;
    stream(inum, inputs, &mut changes, &mut asking, &mut tracker).await
}

/// Passes changes on as they come, and compares the routes whenever they may have changed
/// without a word.
async fn stream(
    inum: u32,
    inputs: &Sender<Input>,
    changes: &mut Socket,
    asking: &mut Socket,
    tracker: &mut Tracker,
) -> Result<std::convert::Infallible, Ended> {
    let mut earliest = Instant::now();
    let mut compare_at = None;
    loop {
        tokio::select! {
            datagram = changes.receive() => {
                for message in socket::messages(&datagram?) {
                    tell_all(inum, inputs, tracker.changed(&message)).await?;
                }
            }
            () = sleep_until(compare_at.unwrap_or(earliest)), if compare_at.is_some() => {
                let begun = Instant::now();
                tell_all(inum, inputs, tracker.compared(dump::routes(asking).await?)).await?;
                compare_at = None;
                // A tenth of the time at most, however large the table and however busy the host.
                earliest = Instant::now() + begun.elapsed() * 9;
            }
        }
        if tracker.take_doubt() && compare_at.is_none() {
            compare_at = Some(earliest.max(Instant::now() + SETTLE));
        }
    }
}

async fn tell_all(
    inum: u32,
    inputs: &Sender<Input>,
    changes: Vec<NetChange>,
) -> Result<(), Closed> {
    for change in changes {
        tell(inum, inputs, change).await?;
    }
    Ok(())
}

async fn tell(netns: u32, inputs: &Sender<Input>, change: NetChange) -> Result<(), Closed> {
    send(inputs, Body::Net { netns, change }).await
}

//! Who is in use from a network namespace: the remote ends of its connections, and where people
//! logged in from.
//!
//! Nothing here runs per packet: the kernel is asked for its established sockets twice a minute, and
//! at once when somebody says that it matters.

mod logins;
mod sockets;

use std::{os::fd::OwnedFd, sync::Arc, thread, time::Duration};

use tokio::{
    sync::{mpsc::Sender, oneshot, watch::Receiver},
    time::sleep,
};
use tracer_core::input::{Body, Input, Peers};

use super::{netns, pulse::Pulse, send};

/// Between two readings that nobody asked for, seconds.
const PERIOD: u32 = 30;
/// Between two readings that somebody asked for: networks may come by the dozen.
const PAUSE: Duration = Duration::from_millis(100);

/// The namespace whose peers are read.
pub(crate) struct Place {
    /// Inode number.
    pub(crate) inum: u32,
    /// Pins it.
    pub(crate) netns: OwnedFd,
    /// Whether it is the host's own, where people log in.
    pub(crate) host: bool,
}

/// Sends the peers of a namespace, and again when they changed, until nobody listens. `asked` tells
/// that somebody wants to know now.
pub(crate) async fn watch(
    place: Place,
    mut asked: Receiver<u64>,
    mut pulse: Pulse,
    inputs: Sender<Input>,
) {
    let place = Arc::new(place);
    let mut told = None;
    loop {
        asked.mark_unchanged();
        let Some(peers) = read(&place).await else {
            return;
        };
        if told.as_ref() != Some(&peers) {
            let news = Body::Peers {
                netns: place.inum,
                peers: peers.clone(),
            };
            if send(&inputs, news).await.is_err() {
                return;
            }
            told = Some(peers);
        }
        sleep(PAUSE).await;
        tokio::select! {
            Ok(()) = pulse.pause(PERIOD) => {}
            // Without anybody who could ask, time alone decides.
            Ok(()) = asked.changed() => {}
            () = inputs.closed() => return,
        }
    }
}

/// On a thread of its own, which enters the namespace for good.
async fn read(place: &Arc<Place>) -> Option<Peers> {
    let (done, answer) = oneshot::channel();
    let place = Arc::clone(place);
    let read = move || {
        // Nobody waits for the result of a dropped future.
        drop(done.send(everybody(&place)));
    };
    thread::Builder::new()
        .name("peers".into())
        .spawn(read)
        .ok()?;
    answer.await.ok()
}

fn everybody(place: &Place) -> Peers {
    let mut peers = Peers::default();
    match netns::enter(&place.netns) {
        Ok(()) => sockets::read(&mut peers),
        Err(error) => peers.unread.push(format!("who is connected: {error}")),
    }
    if place.host {
        logins::read(&mut peers);
    }
    peers
}

//! Datagrams by the piece: what is lost can be counted exactly.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::socket::{setsockopt, sockopt};

use crate::{Netns, wait_for};

/// Buffers beyond the system's limit. Datagrams that wait for an unresolved neighbour
/// count against the sender's buffer: with the default one, 277 of them block it.
const BUFFER: usize = 1 << 29;

/// Sends exactly `count` datagrams with this source address and port.
///
/// The socket is returned: the replies arrive there, see [`count_replies`].
pub fn udp_send_exactly(
    netns: &Netns,
    from: SocketAddr,
    to: SocketAddr,
    count: u32,
) -> Result<UdpSocket> {
    netns.enter(|| {
        let socket = bind(from)?;
        for number in 0..count {
            let sent = socket.send_to(&number.to_be_bytes(), to);
            sent.with_context(|| format!("datagram {number} of {count} to {to}"))?;
        }
        Ok(socket)
    })?
}

/// Counts the datagrams that arrive until none has come for `quiet`.
pub fn count_replies(socket: &UdpSocket, quiet: Duration) -> Result<u32> {
    socket.set_read_timeout(Some(quiet))?;
    let mut count = 0;
    while socket.recv(&mut [0; 64]).is_ok() {
        count += 1;
    }
    Ok(count)
}

fn bind(address: SocketAddr) -> Result<UdpSocket> {
    let socket = UdpSocket::bind(address).with_context(|| format!("bind {address}"))?;
    setsockopt(&socket, sockopt::SndBufForce, &BUFFER).context("SO_SNDBUFFORCE")?;
    setsockopt(&socket, sockopt::RcvBufForce, &BUFFER).context("SO_RCVBUFFORCE")?;
    Ok(socket)
}

/// A server that answers every datagram with the same one: its replies are what a bridge
/// swallows.
pub struct UdpResponder {
    state: Arc<State>,
    thread: Option<JoinHandle<Result<Result<()>>>>,
}

#[derive(Default)]
struct State {
    received: AtomicU32,
    replied: AtomicU32,
    stop: AtomicBool,
}

impl UdpResponder {
    /// Answers on `address` in `netns`.
    ///
    /// The address should be a specific one: the replies of a socket bound to 0.0.0.0
    /// take their source from the route, and that is the bridge's in a collision.
    pub fn start(netns: &Netns, address: SocketAddr) -> Result<Self> {
        let socket = netns.enter(|| bind(address))??;
        socket.set_read_timeout(Some(Duration::from_millis(20)))?;
        let state = Arc::new(State::default());
        let answering = Arc::clone(&state);
        let thread = netns.spawn(move || answer(&socket, &answering));
        Ok(Self {
            state,
            thread: Some(thread),
        })
    }

    /// Datagrams that have arrived.
    pub fn received(&self) -> u32 {
        self.state.received.load(Ordering::Acquire)
    }

    /// Replies that the kernel has taken.
    pub fn replied(&self) -> u32 {
        self.state.replied.load(Ordering::Acquire)
    }

    /// Waits until `count` replies have been sent.
    pub fn wait_replied(&self, count: u32, timeout: Duration) -> Result<()> {
        let what = format!("{count} replies");
        wait_for(&what, timeout, || (self.replied() >= count).then_some(()))
            .with_context(|| format!("{} received, {} answered", self.received(), self.replied()))
    }
}

fn answer(socket: &UdpSocket, state: &State) -> Result<()> {
    let mut buffer = [0; 2048];
    while !state.stop.load(Ordering::Acquire) {
        // Timeouts are there to look at `stop`.
        let Ok((length, from)) = socket.recv_from(&mut buffer) else {
            continue;
        };
        state.received.fetch_add(1, Ordering::AcqRel);
        let sent = socket.send_to(&buffer[..length], from);
        sent.with_context(|| format!("reply to {from}"))?;
        state.replied.fetch_add(1, Ordering::AcqRel);
    }
    Ok(())
}

impl Drop for UdpResponder {
    fn drop(&mut self) {
        self.state.stop.store(true, Ordering::Release);
        if let Some(Ok(Ok(Err(error)))) = self.thread.take().map(JoinHandle::join) {
            eprintln!("lab: the UDP responder had stopped: {error:#}");
        }
    }
}

//! Traffic of the smallest kind: datagrams from one thread, a slice at a time.

use std::net::{SocketAddr, UdpSocket};

use anyhow::{Context as _, Result};
use bridgetrace_lab::Netns;
use nix::sys::socket::{setsockopt, sockopt};

/// What a datagram carries: nothing to speak of.
const PAYLOAD: &[u8] = b"bench";
/// Holds a few datagrams: whoever does not read them loses the rest.
const LITTLE: usize = 4096;

/// A socket in a namespace that nobody reads: what comes is dropped without an answer.
pub(super) fn sink(netns: &Netns, address: SocketAddr) -> Result<UdpSocket> {
    let socket = netns.enter(|| UdpSocket::bind(address))??;
    setsockopt(&socket, sockopt::RcvBuf, &LITTLE).context("SO_RCVBUF")?;
    Ok(socket)
}

/// Sends datagrams.
pub(super) struct Sender {
    socket: UdpSocket,
    to: Option<SocketAddr>,
}

impl Sender {
    /// Asks for the route of each datagram anew, as a server that answers many clients does.
    pub(super) fn new(netns: &Netns, to: SocketAddr) -> Result<Self> {
        Self::from(netns, SocketAddr::new(unspecified(to), 0), to)
    }

    /// As [`Sender::new`], with this source.
    pub(super) fn from(netns: &Netns, from: SocketAddr, to: SocketAddr) -> Result<Self> {
        let socket = netns.enter(|| UdpSocket::bind(from))??;
        Ok(Self {
            socket,
            to: Some(to),
        })
    }

    /// Connected: the route is asked for once, and lookups are those of the machines on the way.
    pub(super) fn connected(netns: &Netns, to: SocketAddr) -> Result<Self> {
        let mut this = Self::new(netns, to)?;
        netns.enter(|| this.socket.connect(to))??;
        this.to = None;
        Ok(this)
    }

    /// Sends `count` datagrams. One the kernel refuses was looked up all the same.
    pub(super) fn send(&self, count: u32) {
        for _ in 0..count {
            let sent = match self.to {
                Some(to) => self.socket.send_to(PAYLOAD, to),
                None => self.socket.send(PAYLOAD),
            };
            drop(sent);
        }
    }
}

fn unspecified(like: SocketAddr) -> std::net::IpAddr {
    match like {
        SocketAddr::V4(_) => std::net::Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
    }
}

//! A route netlink socket: subscription, requests, and datagrams cut into messages.

use std::io;

use netlink_packet_core::{NLM_F_DUMP, NLM_F_REQUEST, NetlinkBuffer, NetlinkMessage};
use netlink_packet_route::RouteNetlinkMessage;
use nix::{
    errno::Errno,
    sys::socket::{setsockopt, sockopt},
};
use rtnetlink::{
    MulticastGroup,
    sys::{AsyncSocket, AsyncSocketExt, SocketAddr, TokioSocket, protocols::NETLINK_ROUTE},
};

/// What is subscribed to. Nexthop objects are only a hint to look at the routes again.
const GROUPS: [MulticastGroup; 9] = [
    MulticastGroup::Link,
    MulticastGroup::Ipv4Ifaddr,
    MulticastGroup::Ipv6Ifaddr,
    MulticastGroup::Ipv4Route,
    MulticastGroup::Ipv6Route,
    MulticastGroup::Ipv4Rule,
    MulticastGroup::Ipv6Rule,
    MulticastGroup::Neigh,
    MulticastGroup::Nexthop,
];

/// Receive buffer asked for: some ten thousand changes.
const RECEIVE_BUFFER: usize = 8 << 20;

/// The kernel could not be asked or heard.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// No socket.
    #[error("cannot open a route netlink socket: {0}")]
    Open(io::Error),
    /// No subscription.
    #[error("cannot subscribe to route netlink changes: {0}")]
    Subscribe(io::Error),
    /// More changes came than the socket holds.
    #[error("more changes came at once than the netlink socket holds")]
    Overrun,
    /// Nothing could be read.
    #[error("cannot read from the route netlink socket: {0}")]
    Receive(io::Error),
    /// A request was not taken.
    #[error("cannot ask for a dump of {what}: {cause}")]
    Request {
        /// Of what.
        what: &'static str,
        /// Why.
        cause: io::Error,
    },
    /// A request was answered with an error.
    #[error("the kernel refused to dump {what}: {cause}")]
    Refused {
        /// Of what.
        what: &'static str,
        /// Why.
        cause: io::Error,
    },
}

/// A route netlink socket in the namespace of the thread that opened it.
pub(super) struct Socket {
    inner: TokioSocket,
    sequence: u32,
}

/// One netlink message within a datagram.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message<'a> {
    /// `RTM_*` or `NLMSG_*`.
    pub(crate) kind: u16,
    /// `NLM_F_*`.
    pub(super) flags: u16,
    /// Sequence number of the request it answers.
    pub(crate) sequence: u32,
    /// What follows the header.
    pub(crate) payload: &'a [u8],
}

impl Socket {
    /// A socket to ask with.
    pub(super) fn open() -> Result<Self, Error> {
        let mut inner = TokioSocket::new(NETLINK_ROUTE).map_err(Error::Open)?;
        inner.socket_mut().bind_auto().map_err(Error::Open)?;
        Ok(Self { inner, sequence: 0 })
    }

    /// A socket that hears every change from now on.
    pub(super) fn subscribe() -> Result<Self, Error> {
        let mut socket = Self::open()?;
        socket.enlarge();
        for group in GROUPS {
            let joined = socket.inner.socket_mut().add_membership(group as u32);
            joined.map_err(Error::Subscribe)?;
        }
        Ok(socket)
    }

    /// Beyond `net.core.rmem_max` only `CAP_NET_ADMIN` may go; less is still correct, only
    /// overruns come sooner.
    fn enlarge(&self) {
        let socket = self.inner.socket_ref();
        if setsockopt(socket, sockopt::RcvBufForce, &RECEIVE_BUFFER).is_err() {
            let _ = setsockopt(socket, sockopt::RcvBuf, &RECEIVE_BUFFER);
        }
    }

    /// Asks for a dump; answers carry the sequence number returned.
    pub(super) async fn ask(
        &mut self,
        what: &'static str,
        request: RouteNetlinkMessage,
    ) -> Result<u32, Error> {
        self.sequence = self.sequence.wrapping_add(1);
        let mut message = NetlinkMessage::from(request);
        message.header.flags = NLM_F_REQUEST | NLM_F_DUMP;
        message.header.sequence_number = self.sequence;
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        let sent = self.inner.send_to(&bytes, &SocketAddr::new(0, 0)).await;
        sent.map_err(|cause| Error::Request { what, cause })?;
        Ok(self.sequence)
    }

    /// The next datagram from the kernel; those of other processes are ignored.
    pub(super) async fn receive(&mut self) -> Result<Vec<u8>, Error> {
        loop {
            match self.inner.recv_from_full().await {
                Ok((datagram, from)) if from.port_number() == 0 => return Ok(datagram),
                Ok(_) => {}
                Err(error) if error.raw_os_error() == Some(Errno::ENOBUFS as i32) => {
                    return Err(Error::Overrun);
                }
                Err(error) => return Err(Error::Receive(error)),
            }
        }
    }
}

/// Cuts a datagram into messages; what is malformed ends it.
pub(crate) fn messages(datagram: &[u8]) -> impl Iterator<Item = Message<'_>> {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        let buffer = NetlinkBuffer::new_checked(rest).ok()?;
        let message = Message {
            kind: buffer.message_type(),
            flags: buffer.flags(),
            sequence: buffer.sequence_number(),
            payload: buffer.payload(),
        };
        let length = usize::try_from(buffer.length()).ok()?.next_multiple_of(4);
        rest = rest.get(length..).unwrap_or_default();
        Some(message)
    })
}

#[cfg(test)]
mod tests {
    use netlink_packet_core::{NLMSG_DONE, NLMSG_NOOP};

    use super::*;

    fn header(length: u32, kind: u16) -> Vec<u8> {
        let mut bytes = length.to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend([0; 10]);
        bytes
    }

    #[test]
    fn messages_follow_each_other_on_four_byte_bounds() {
        let mut datagram = header(17, NLMSG_NOOP);
        datagram.extend([7, 0, 0, 0]);
        datagram.extend(header(16, NLMSG_DONE));
        let kinds: Vec<_> = messages(&datagram).map(|message| message.kind).collect();
        assert_eq!(kinds, [NLMSG_NOOP, NLMSG_DONE]);
    }

    #[test]
    fn lengths_that_lie_end_the_datagram() {
        assert_eq!(messages(&header(0, NLMSG_DONE)).count(), 0);
        assert_eq!(messages(&header(400, NLMSG_DONE)).count(), 0);
        assert_eq!(messages(&[1, 2, 3]).count(), 0);
    }
}

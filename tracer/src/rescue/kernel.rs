//! Questions and orders to the kernel over route netlink, one at a time.
//!
//! A socket of its own that blocks: the kernel answers these at once, and the guard has nothing else to
//! do.

use std::{io, net::IpAddr};

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_REQUEST, NLMSG_ERROR, NetlinkMessage, ParseableParametrized as _,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use rtnetlink::sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};

use crate::inventory::rtnetlink::socket::messages;

/// A route netlink socket in the namespace of the thread that opened it.
pub(super) struct Kernel {
    socket: Socket,
    sequence: u32,
}

impl Kernel {
    pub(super) fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        Ok(Self {
            socket,
            sequence: 0,
        })
    }

    /// Has something done; the kernel's refusal is the error.
    pub(super) fn order(&mut self, request: RouteNetlinkMessage, flags: u16) -> io::Result<()> {
        self.exchange(request, flags | NLM_F_ACK).map(drop)
    }

    /// Asks for one thing.
    pub(super) fn ask(&mut self, request: RouteNetlinkMessage) -> io::Result<RouteNetlinkMessage> {
        let answer = self.exchange(request, 0)?;
        answer.ok_or_else(|| io::Error::other("the kernel's answer cannot be read"))
    }

    fn exchange(
        &mut self,
        request: RouteNetlinkMessage,
        flags: u16,
    ) -> io::Result<Option<RouteNetlinkMessage>> {
        self.sequence = self.sequence.wrapping_add(1);
        let mut message = NetlinkMessage::from(request);
        message.header.flags = NLM_F_REQUEST | flags;
        message.header.sequence_number = self.sequence;
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        self.socket.send(&bytes, 0)?;
        loop {
            let (datagram, _) = self.socket.recv_from_full()?;
            let mut ours = messages(&datagram).filter(|it| it.sequence == self.sequence);
            if let Some(answer) = ours.next() {
                return match answer.kind {
                    NLMSG_ERROR => acknowledged(answer.payload).map(|()| None),
                    kind => Ok(RouteNetlinkMessage::parse_with_param(answer.payload, kind).ok()),
                };
            }
        }
    }
}

/// An acknowledgement is an error of number 0.
fn acknowledged(payload: &[u8]) -> io::Result<()> {
    let code = payload.first_chunk().map(|code| i32::from_ne_bytes(*code));
    match code {
        Some(0) => Ok(()),
        Some(code) => Err(io::Error::from_raw_os_error(code.saturating_neg())),
        None => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// The family of an address.
pub(super) const fn family(address: IpAddr) -> AddressFamily {
    match address {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    }
}

//! Established sockets of the namespace the thread is in, from the kernel's `sock_diag`
//! (<https://man7.org/linux/man-pages/man7/sock_diag.7.html>).

use std::{
    collections::{BTreeMap, btree_map::Entry},
    io,
    net::{IpAddr, SocketAddr},
};

use netlink_packet_core::{
    NLM_F_DUMP, NLM_F_REQUEST, NLMSG_DONE, NLMSG_ERROR, NetlinkMessage, Parseable as _,
};
use netlink_packet_sock_diag::{
    AF_INET, AF_INET6, SockDiagMessage,
    inet::{ExtensionFlags, InetRequest, InetResponseHeader, SocketId, StateFlags},
};
use nix::libc::{IPPROTO_TCP, IPPROTO_UDP};
use rtnetlink::sys::{Socket, SocketAddr as Kernel, protocols::NETLINK_SOCK_DIAG};
use tracer_core::input::{Connection, Peers};

use crate::inventory::rtnetlink::socket::messages;

/// Remote addresses kept; beyond that they are only counted. A host may have a hundred thousand
/// sockets, but nobody reads as many names.
const KEPT: usize = 8192;

/// Adds a connection for each remote address, and says what could not be read.
pub(super) fn read(peers: &mut Peers) {
    let mut seen = Seen::default();
    for (what, protocol) in [("TCP", IPPROTO_TCP), ("UDP", IPPROTO_UDP)] {
        for family in [AF_INET, AF_INET6] {
            if let Err(error) = dump(family, protocol, &mut seen) {
                peers.unread.push(format!(
                    "who is connected by {what}{}: the kernel does not list sockets: {error}",
                    if family == AF_INET6 { " over IPv6" } else { "" }
                ));
            }
        }
    }
    peers.more = seen.more;
    peers.connections = seen.connections.into_values().collect();
}

#[derive(Default)]
struct Seen {
    connections: BTreeMap<IpAddr, Connection>,
    /// Sockets whose remote address found no room.
    more: u64,
}

impl Seen {
    /// One connection stands for all with the same address: the one that is easiest to recognise, by
    /// the lowest port at either end.
    fn add(&mut self, connection: Connection) {
        let room = self.connections.len() < KEPT;
        match self.connections.entry(connection.remote.ip()) {
            Entry::Occupied(mut known) => {
                let order =
                    |it: &Connection| (it.service_port(), it.proto, it.local, it.remote, it.inode);
                if order(&connection) < order(known.get()) {
                    known.insert(connection);
                }
            }
            Entry::Vacant(entry) if room => drop(entry.insert(connection)),
            Entry::Vacant(_) => self.more += 1,
        }
    }
}

fn dump(family: u8, protocol: i32, seen: &mut Seen) -> io::Result<()> {
    let mut socket = Socket::new(NETLINK_SOCK_DIAG)?;
    socket.bind_auto()?;
    socket.connect(&Kernel::new(0, 0))?;
    socket.send(&request(family, protocol), 0)?;
    loop {
        let (datagram, _) = socket.recv_from_full()?;
        for message in messages(&datagram) {
            match message.kind {
                NLMSG_DONE => return Ok(()),
                NLMSG_ERROR => return Err(refusal(message.payload)),
                _ => {
                    // What cannot be read is no connection to anybody.
                    let header = InetResponseHeader::parse(message.payload).ok();
                    header
                        .and_then(|header| connection(protocol, &header))
                        .into_iter()
                        .for_each(|connection| seen.add(connection));
                }
            }
        }
    }
}

/// The kernel hands out established sockets only: nothing else is in use.
fn request(family: u8, protocol: i32) -> Vec<u8> {
    let id = if family == AF_INET {
        SocketId::new_v4()
    } else {
        SocketId::new_v6()
    };
    let mut message = NetlinkMessage::from(SockDiagMessage::InetRequest(InetRequest {
        family,
        protocol: u8::try_from(protocol).unwrap_or_default(),
        extensions: ExtensionFlags::empty(),
        states: StateFlags::ESTABLISHED,
        socket_id: id,
    }));
    message.header.flags = NLM_F_REQUEST | NLM_F_DUMP;
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    bytes
}

/// `struct nlmsgerr` begins with a negative errno.
fn refusal(payload: &[u8]) -> io::Error {
    let number = payload
        .first_chunk()
        .map_or(0, |bytes| i32::from_ne_bytes(*bytes));
    io::Error::from_raw_os_error(number.saturating_neg())
}

/// The connection, unless it stays within the host.
fn connection(protocol: i32, header: &InetResponseHeader) -> Option<Connection> {
    let id = &header.socket_id;
    // A socket that speaks both families shows IPv4 addresses as mapped ones.
    let (local, remote) = (
        id.source_address.to_canonical(),
        id.destination_address.to_canonical(),
    );
    let elsewhere = !remote.is_loopback() && !remote.is_unspecified() && !remote.is_multicast();
    (elsewhere && local != remote).then(|| Connection {
        proto: u8::try_from(protocol).unwrap_or_default(),
        local: SocketAddr::new(local, id.source_port),
        remote: SocketAddr::new(remote, id.destination_port),
        inode: u64::from(header.inode),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection_to(remote: &str, local: &str) -> Connection {
        Connection {
            proto: 6,
            local: local.parse().expect("local"),
            remote: remote.parse().expect("remote"),
            inode: 1,
        }
    }

    #[test]
    fn the_kernel_lists_its_sockets() {
        let mut peers = Peers::default();
        read(&mut peers);
        assert_eq!(peers.unread, [""; 0]);
        assert!(
            peers
                .connections
                .iter()
                .all(|it| !it.remote.ip().is_loopback())
        );
    }

    #[test]
    fn an_address_is_known_by_its_lowest_port() {
        let mut seen = Seen::default();
        for (remote, local) in [
            ("192.0.2.1:40000", "10.0.0.1:5432"),
            ("192.0.2.1:40001", "10.0.0.1:22"),
            ("192.0.2.1:443", "10.0.0.1:50000"),
        ] {
            seen.add(connection_to(remote, local));
        }
        let all: Vec<_> = seen.connections.into_values().collect();
        assert_eq!(all, [connection_to("192.0.2.1:40001", "10.0.0.1:22")]);
    }

    #[test]
    fn what_finds_no_room_is_counted() {
        let mut seen = Seen::default();
        for host in (0_u32..).take(KEPT + 2) {
            let address = std::net::Ipv4Addr::from_bits(0x0a00_0000 + host);
            seen.add(connection_to(&format!("{address}:80"), "192.0.2.1:50000"));
        }
        assert_eq!((seen.connections.len(), seen.more), (KEPT, 2));
    }
}

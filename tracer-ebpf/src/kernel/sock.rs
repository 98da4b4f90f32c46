//! Sockets, full ones and the request sockets of connections not yet accepted.

use tracer_common::{AF_INET6, Flow, v4_mapped};

use super::{
    IPPROTO_TCP, Net, address4, address6, member,
    offsets::{Offset as _, offset},
    pointer, probe_member,
};

/// `TCP_TIME_WAIT` and `TCP_NEW_SYN_RECV` (`include/net/tcp_states.h`): not full sockets.
const TCP_TIME_WAIT: u8 = 6;
const TCP_NEW_SYN_RECV: u8 = 12;

/// `struct sock` or `struct request_sock`: both start with a `struct sock_common`.
#[derive(Clone, Copy)]
pub(crate) struct Sock(pub(crate) *const u8);

impl Sock {
    /// Inode number of the socket's network namespace.
    #[inline(always)]
    pub(crate) fn netns(self) -> Option<u32> {
        Net(pointer(self.0, offset!(sock_net))?).inum()
    }

    /// Whether the socket's addresses are IPv6 ones, v4-mapped ones included.
    #[inline(always)]
    fn is_ipv6(self) -> bool {
        member(self.0, offset!(sock_family)) == Some(u16::from(AF_INET6))
    }

    /// The peer's address, v4-mapped.
    #[inline(always)]
    pub(crate) fn remote(self) -> Option<[u8; 16]> {
        if self.is_ipv6() {
            address6(self.0, offset!(sock_daddr6))
        } else {
            address4(self.0, offset!(sock_daddr)).map(v4_mapped)
        }
    }

    #[inline(always)]
    fn local(self) -> Option<[u8; 16]> {
        if self.is_ipv6() {
            address6(self.0, offset!(sock_rcv_saddr6))
        } else {
            address4(self.0, offset!(sock_rcv_saddr)).map(v4_mapped)
        }
    }

    /// What the socket sends to its peer `remote` over TCP.
    #[inline(always)]
    pub(crate) fn tcp_flow(self, remote: [u8; 16]) -> Option<Flow> {
        let dport: u16 = member(self.0, offset!(sock_dport))?;
        Some(Flow {
            saddr: self.local()?,
            daddr: remote,
            sport: member(self.0, offset!(sock_num))?,
            dport: u16::from_be(dport),
            proto: IPPROTO_TCP,
            ..Flow::default()
        })
    }

    /// The socket's inode; the listener's for a request socket.
    #[inline(always)]
    pub(crate) fn inode(self) -> Option<u64> {
        let mut sk = self.0;
        let mut state: u8 = member(sk, offset!(sock_state))?;
        if state == TCP_NEW_SYN_RECV {
            // A request socket starts with the same `sock_common`, but ends before `sk_socket`.
            sk = probe_member(sk, offset!(request_listener))?;
            state = probe_member(sk, offset!(sock_state))?;
        }
        if state == TCP_TIME_WAIT || state == TCP_NEW_SYN_RECV {
            return None;
        }
        let socket: *const u8 = probe_member(sk, offset!(sock_socket))?;
        if socket.is_null() || offset!(socket_alloc_inode).is_absent() {
            return None;
        }
        // `SOCK_INODE()`: the inode stands behind the socket in one `struct socket_alloc`.
        let inode = socket.wrapping_add(offset!(socket_alloc_inode).value());
        probe_member(inode, offset!(inode_ino))
    }
}

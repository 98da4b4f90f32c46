//! Where the kernel half finds what it reads. Rust emits no CO-RE relocations, so userspace
//! resolves each member from the running kernel's BTF and passes the table as a read-only global.

#[cfg(feature = "user")]
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// An offset this kernel does not have.
pub const ABSENT: u32 = u32::MAX;

macro_rules! offsets {
    ($( $(#[$doc:meta])* $field:ident: $path:literal, )+) => {
        /// Byte offsets of kernel struct members; [`ABSENT`] where the kernel has none.
        #[repr(C)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[cfg_attr(feature = "user", derive(FromBytes, IntoBytes, Immutable, KnownLayout))]
        pub struct KernelOffsets {
            $( $(#[$doc])* pub $field: u32, )+
        }

        impl KernelOffsets {
            /// Every offset [`ABSENT`].
            pub const NONE: Self = Self { $( $field: ABSENT, )+ };

            /// Fills the table by asking `resolve` for each `struct.member` path.
            pub fn resolve(mut resolve: impl FnMut(&'static str) -> Option<u32>) -> Self {
                Self { $( $field: resolve($path).unwrap_or(ABSENT), )+ }
            }
        }
    };
}

offsets! {
    /// Ingress interface of the flow. <https://elixir.bootlin.com/linux/v6.18/source/include/net/flow.h#L29>
    flowi4_iif: "flowi4.__fl_common.flowic_iif",
    /// Interface the sender is bound to.
    flowi4_oif: "flowi4.__fl_common.flowic_oif",
    /// fwmark, which policy rules may select on.
    flowi4_mark: "flowi4.__fl_common.flowic_mark",
    /// Source address looked up.
    flowi4_saddr: "flowi4.saddr",
    /// Destination address looked up.
    flowi4_daddr: "flowi4.daddr",
    /// Device of the nexthop the lookup chose. <https://elixir.bootlin.com/linux/v6.18/source/include/net/ip_fib.h#L82>
    nhc_dev: "fib_nh_common.nhc_dev",
    /// Interface index, unique within a namespace only.
    netdev_ifindex: "net_device.ifindex",
    /// `IFF_EBRIDGE`, `IFF_BRIDGE_PORT`; in an anonymous struct since 6.10.
    netdev_priv_flags: "net_device.priv_flags",
    /// The device's network namespace.
    netdev_net: "net_device.nd_net.net",
    /// Inode number of a network namespace, as in `/proc/PID/ns/net`.
    net_inum: "net.ns.inum",
    /// Device of the neighbour entry. <https://elixir.bootlin.com/linux/v6.18/source/include/net/neighbour.h#L138>
    neigh_dev: "neighbour.dev",
    /// The neighbour's protocol address.
    neigh_primary_key: "neighbour.primary_key",
    /// `NUD_*` state.
    neigh_nud_state: "neighbour.nud_state",
    /// The table, which tells the address family.
    neigh_tbl: "neighbour.tbl",
    /// Packets waiting for the neighbour's answer; the newest is last.
    neigh_arp_queue_prev: "neighbour.arp_queue.prev",
    /// How many packets wait.
    neigh_arp_queue_len: "neighbour.arp_queue.qlen",
    /// Address family of a neighbour table.
    neigh_table_family: "neigh_table.family",
    /// Device the packet is on. <https://elixir.bootlin.com/linux/v6.18/source/include/linux/skbuff.h#L883>
    skb_dev: "sk_buff.dev",
    /// Interface the packet came in by, 0 for one made here.
    skb_iif: "sk_buff.skb_iif",
    /// Socket that sent the packet.
    skb_sk: "sk_buff.sk",
    /// EtherType, network byte order.
    skb_protocol: "sk_buff.protocol",
    /// Start of the buffer the header offsets count from.
    skb_head: "sk_buff.head",
    /// Start of the packet at the layer that handles it.
    skb_data: "sk_buff.data",
    /// Bytes from `skb_data` on.
    skb_len: "sk_buff.len",
    /// Offset of the IP header from `skb_head`.
    skb_network_header: "sk_buff.network_header",
    /// TCP state, which tells request sockets and TIME_WAIT from full sockets.
    sock_state: "sock.__sk_common.skc_state",
    /// The file side of a full socket.
    sock_socket: "sock.sk_socket",
    /// Listener of a request socket (SYN received, not yet accepted).
    request_listener: "request_sock.__req_common.skc_listener",
    /// A socket's inode sits at this distance behind its `struct socket`.
    socket_alloc_inode: "socket_alloc.vfs_inode",
    /// Inode number: what `/proc/PID/fd` shows as `socket:[N]`.
    inode_ino: "inode.i_ino",
}

const _: () = assert!(size_of::<KernelOffsets>() == 30 * 4);

//! The only reads of kernel memory: typed accessors that return `Option`.
//!
//! In a BTF tracepoint the verifier knows the type behind each pointer, so members are loaded
//! directly (a fault reads as zero). Packet bytes, to which BTF gives no type, and the few members
//! the verifier does not accept where they are go through `bpf_probe_read_kernel`.

use aya_ebpf::helpers::bpf_probe_read_kernel;
use tracer_common::{ABSENT, Flow, v4_mapped};

use crate::globals::offset;

/// `IFF_EBRIDGE`: <https://elixir.bootlin.com/linux/v6.18/source/include/linux/netdevice.h#L1740>.
const IFF_EBRIDGE: u32 = 1 << 1;
/// `IFF_BRIDGE_PORT`, same place.
const IFF_BRIDGE_PORT: u32 = 1 << 9;
/// `TCP_TIME_WAIT` and `TCP_NEW_SYN_RECV` (`include/net/tcp_states.h`): not full sockets.
const TCP_TIME_WAIT: u8 = 6;
const TCP_NEW_SYN_RECV: u8 = 12;
/// `ETH_P_IP` as it stands in the skb.
const ETH_P_IP: u16 = 0x0800_u16.to_be();

const IPPROTO_ICMP: u8 = 1;
const IPPROTO_TCP: u8 = 6;
const IPPROTO_UDP: u8 = 17;

/// Loads a member of type `T` at `offset`; `None` if this kernel does not have it.
#[inline(always)]
fn member<T: Copy>(base: *const u8, offset: u32) -> Option<T> {
    if base.is_null() || offset == ABSENT {
        return None;
    }
    // SAFETY: `base` is a pointer the verifier knows the type of, `offset` a member of that type
    // from the running kernel's BTF; the verifier checks the access, a fault yields zero.
    Some(unsafe { core::ptr::read_volatile(base.add(offset as usize).cast::<T>()) })
}

/// As [`member`], for a member that is a pointer: `None` also when it is null.
#[inline(always)]
fn pointer(base: *const u8, offset: u32) -> Option<*const u8> {
    member::<*const u8>(base, offset).filter(|p| !p.is_null())
}

/// Copies a `T` from memory BTF has no type for.
#[inline(always)]
fn probe<T>(address: *const u8) -> Option<T> {
    // SAFETY: the helper checks the address and fails without touching bad memory.
    unsafe { bpf_probe_read_kernel(address.cast::<T>()) }.ok()
}

/// As [`member`], through the helper: for what the verifier does not take for a member of `base`.
#[inline(always)]
fn probe_member<T>(base: *const u8, offset: u32) -> Option<T> {
    if base.is_null() || offset == ABSENT {
        return None;
    }
    probe(base.wrapping_add(offset as usize))
}

/// `struct net_device`.
#[derive(Clone, Copy)]
pub(crate) struct NetDevice(*const u8);

impl NetDevice {
    #[inline(always)]
    fn priv_flags(self) -> u32 {
        member(self.0, offset!(netdev_priv_flags)).unwrap_or(0)
    }

    #[inline(always)]
    pub(crate) fn is_bridge(self) -> bool {
        self.priv_flags() & IFF_EBRIDGE != 0
    }

    #[inline(always)]
    pub(crate) fn is_bridge_port(self) -> bool {
        self.priv_flags() & IFF_BRIDGE_PORT != 0
    }

    #[inline(always)]
    pub(crate) fn ifindex(self) -> Option<u32> {
        member(self.0, offset!(netdev_ifindex))
    }

    /// Inode number of the device's network namespace.
    #[inline(always)]
    pub(crate) fn netns(self) -> Option<u32> {
        let net = pointer(self.0, offset!(netdev_net))?;
        member(net, offset!(net_inum))
    }
}

/// `struct fib_nh_common`, the nexthop a lookup chose.
pub(crate) struct Nexthop(pub(crate) *const u8);

impl Nexthop {
    #[inline(always)]
    pub(crate) fn device(&self) -> Option<NetDevice> {
        pointer(self.0, offset!(nhc_dev)).map(NetDevice)
    }
}

/// `struct flowi4`, what was looked up.
pub(crate) struct Flow4(pub(crate) *const u8);

impl Flow4 {
    #[inline(always)]
    pub(crate) fn iif(&self) -> Option<u32> {
        member(self.0, offset!(flowi4_iif))
    }

    #[inline(always)]
    pub(crate) fn oif(&self) -> Option<u32> {
        member(self.0, offset!(flowi4_oif))
    }

    #[inline(always)]
    pub(crate) fn mark(&self) -> Option<u32> {
        member(self.0, offset!(flowi4_mark))
    }

    /// Network byte order.
    #[inline(always)]
    pub(crate) fn saddr(&self) -> Option<[u8; 4]> {
        member::<u32>(self.0, offset!(flowi4_saddr)).map(u32::to_ne_bytes)
    }

    /// Network byte order.
    #[inline(always)]
    pub(crate) fn daddr(&self) -> Option<[u8; 4]> {
        member::<u32>(self.0, offset!(flowi4_daddr)).map(u32::to_ne_bytes)
    }
}

/// `struct neighbour`.
pub(crate) struct Neighbour(pub(crate) *const u8);

impl Neighbour {
    #[inline(always)]
    pub(crate) fn device(&self) -> Option<NetDevice> {
        pointer(self.0, offset!(neigh_dev)).map(NetDevice)
    }

    #[inline(always)]
    pub(crate) fn nud_state(&self) -> Option<u8> {
        member(self.0, offset!(neigh_nud_state))
    }

    /// Address family of the table the entry lives in.
    #[inline(always)]
    pub(crate) fn family(&self) -> Option<i32> {
        let table = pointer(self.0, offset!(neigh_tbl))?;
        member(table, offset!(neigh_table_family))
    }

    /// The IPv4 address of an `AF_INET` entry, network byte order. It stands in an array of no
    /// declared size at the struct's end, into which older verifiers (6.1 still) permit no load.
    /// <https://elixir.bootlin.com/linux/v6.1/A/ident/btf_struct_walk>
    #[inline(always)]
    pub(crate) fn address4(&self) -> Option<[u8; 4]> {
        probe_member::<u32>(self.0, offset!(neigh_primary_key)).map(u32::to_ne_bytes)
    }

    /// The packet that was queued last while the neighbour did not answer. The end of an empty
    /// queue points to the queue itself.
    #[inline(always)]
    pub(crate) fn last_queued(&self) -> Option<Skb> {
        if member::<u32>(self.0, offset!(neigh_arp_queue_len))? == 0 {
            return None;
        }
        pointer(self.0, offset!(neigh_arp_queue_prev)).map(Skb)
    }
}

/// `struct sk_buff`.
#[derive(Clone, Copy)]
pub(crate) struct Skb(pub(crate) *const u8);

impl Skb {
    #[inline(always)]
    pub(crate) fn device(self) -> Option<NetDevice> {
        pointer(self.0, offset!(skb_dev)).map(NetDevice)
    }

    #[inline(always)]
    pub(crate) fn is_ipv4(self) -> bool {
        member::<u16>(self.0, offset!(skb_protocol)) == Some(ETH_P_IP)
    }

    /// Whether the packet came in by some interface: it is forwarded, and no reply of this host.
    #[inline(always)]
    pub(crate) fn is_forwarded(self) -> bool {
        member::<u32>(self.0, offset!(skb_iif)).is_some_and(|ifindex| ifindex != 0)
    }

    #[inline(always)]
    pub(crate) fn len(self) -> Option<u32> {
        member(self.0, offset!(skb_len))
    }

    /// Headers of an outgoing packet, whose network header is set.
    #[inline(always)]
    pub(crate) fn sent_flow(self) -> Option<Flow> {
        let head = pointer(self.0, offset!(skb_head))?;
        let network: u16 = member(self.0, offset!(skb_network_header))?;
        parse4(head.wrapping_add(network as usize))
    }

    /// Headers of a packet on its way in, before the network header is set.
    #[inline(always)]
    pub(crate) fn received_flow(self) -> Option<Flow> {
        parse4(pointer(self.0, offset!(skb_data))?)
    }

    /// Inode of the socket that sent the packet; of the listener for a SYN-ACK.
    #[inline(always)]
    pub(crate) fn socket_inode(self) -> Option<u64> {
        let mut sk = pointer(self.0, offset!(skb_sk))?;
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
        if socket.is_null() || offset!(socket_alloc_inode) == ABSENT {
            return None;
        }
        // `SOCK_INODE()`: the inode stands behind the socket in one `struct socket_alloc`.
        let inode = socket.wrapping_add(offset!(socket_alloc_inode) as usize);
        probe_member(inode, offset!(inode_ino))
    }
}

/// Parses the IPv4 header at `ip` and what bridgetrace needs of the layer above.
#[inline(always)]
fn parse4(ip: *const u8) -> Option<Flow> {
    let header: [u8; 20] = probe(ip)?;
    if header[0] >> 4 != 4 {
        return None;
    }
    let mut flow = Flow {
        saddr: v4_mapped([header[12], header[13], header[14], header[15]]),
        daddr: v4_mapped([header[16], header[17], header[18], header[19]]),
        proto: header[9],
        ..Flow::default()
    };
    // Only the first fragment carries the next header (RFC 791 §3.2).
    if u16::from_be_bytes([header[6], header[7]]) & 0x1fff == 0 {
        parse_l4(ip.wrapping_add((header[0] & 0x0f) as usize * 4), &mut flow);
    }
    Some(flow)
}

#[inline(always)]
fn parse_l4(l4: *const u8, flow: &mut Flow) {
    match flow.proto {
        IPPROTO_TCP | IPPROTO_UDP => {
            let Some(ports) = probe::<[u8; 4]>(l4) else {
                return;
            };
            flow.sport = u16::from_be_bytes([ports[0], ports[1]]);
            flow.dport = u16::from_be_bytes([ports[2], ports[3]]);
            if flow.proto == IPPROTO_TCP {
                flow.tcp_flags = probe(l4.wrapping_add(13)).unwrap_or(0);
            }
        }
        IPPROTO_ICMP => flow.icmp_type = probe(l4).unwrap_or(0),
        _ => {}
    }
}

//! Where the kernel half finds what it reads. Rust emits no CO-RE relocations, so userspace resolves each member from
//! the running kernel's BTF and puts it into the instructions that stand for it, see [`Placeholder`].

#[cfg(feature = "user")]
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// What instructions of the kernel half have for an operand where a member's offset belongs: which one it is.
///
/// Rust emits no CO-RE relocations; this is one by other means. Userspace finds the operands ([`Placeholder::of_value`],
/// [`Placeholder::of_load`]) and puts in their places what the running kernel's BTF says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placeholder {
    /// Where in [`KernelOffsets`] the offset stands.
    pub at: usize,
    /// Bytes behind it.
    pub after: usize,
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "asserted: the table has less than 2^12 bytes"
)]
impl Placeholder {
    /// Offsets that fit into an instruction, with what may stand behind them.
    pub const FARTHEST: u32 = i16::MAX as u32 - (Self::PART * Self::PARTS) as u32;

    /// No constant of the kernel half has these upper bits.
    const VALUE: i32 = 0x5bf0_0000;
    /// No structure that it reads otherwise is so large.
    const LOAD: i16 = 0x4000;
    /// Bytes of an offset in the table.
    const OFFSET: usize = size_of::<u32>();
    /// Units of `after`: a load's alignment in what is read in parts.
    const PART: usize = 4;
    /// Room for so many of them.
    const PARTS: usize = 8;

    /// The operand of an instruction that sets a register to the offset.
    #[must_use]
    pub const fn value(at: usize) -> i32 {
        assert!(at < size_of::<KernelOffsets>());
        Self::VALUE + at as i32
    }

    /// The operand of an instruction that loads what stands `after` bytes behind the offset.
    #[must_use]
    pub const fn load(at: usize, after: usize) -> i16 {
        assert!(at < size_of::<KernelOffsets>() && after.is_multiple_of(Self::PART));
        assert!(after / Self::PART < Self::PARTS);
        Self::LOAD + (at / Self::OFFSET * Self::PARTS + after / Self::PART) as i16
    }

    /// What stands in the place of an operand of [`Self::value`].
    #[must_use]
    pub const fn of_value(operand: i32) -> Option<Self> {
        let at = operand.wrapping_sub(Self::VALUE).cast_unsigned() as usize;
        Self { at, after: 0 }.if_member()
    }

    /// What stands in the place of an operand of [`Self::load`].
    #[must_use]
    pub const fn of_load(operand: i16) -> Option<Self> {
        let number = operand.wrapping_sub(Self::LOAD).cast_unsigned() as usize;
        let (at, after) = (
            number / Self::PARTS * Self::OFFSET,
            number % Self::PARTS * Self::PART,
        );
        Self { at, after }.if_member()
    }

    const fn if_member(self) -> Option<Self> {
        if self.at < size_of::<KernelOffsets>() {
            Some(self)
        } else {
            None
        }
    }
}

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
    /// IP protocol; 0 in the reversed lookup that `rp_filter` makes.
    flowi4_proto: "flowi4.__fl_common.flowic_proto",
    /// Source address looked up.
    flowi4_saddr: "flowi4.saddr",
    /// Destination address looked up.
    flowi4_daddr: "flowi4.daddr",
    /// Source port, network byte order. <https://elixir.bootlin.com/linux/v6.18/source/include/net/flow.h#L52>
    flowi4_sport: "flowi4.uli.ports.sport",
    /// Destination port, network byte order.
    flowi4_dport: "flowi4.uli.ports.dport",
    /// ICMP type, in the place of the ports.
    flowi4_icmp_type: "flowi4.uli.icmpt.type",
    /// As [`Self::flowi4_iif`]. <https://elixir.bootlin.com/linux/v6.18/A/ident/flowi6>
    flowi6_iif: "flowi6.__fl_common.flowic_iif",
    /// As [`Self::flowi4_oif`].
    flowi6_oif: "flowi6.__fl_common.flowic_oif",
    /// As [`Self::flowi4_mark`].
    flowi6_mark: "flowi6.__fl_common.flowic_mark",
    /// As [`Self::flowi4_proto`].
    flowi6_proto: "flowi6.__fl_common.flowic_proto",
    /// As [`Self::flowi4_saddr`].
    flowi6_saddr: "flowi6.saddr",
    /// As [`Self::flowi4_daddr`].
    flowi6_daddr: "flowi6.daddr",
    /// As [`Self::flowi4_sport`].
    flowi6_sport: "flowi6.uli.ports.sport",
    /// As [`Self::flowi4_dport`].
    flowi6_dport: "flowi6.uli.ports.dport",
    /// ICMPv6 type, in the place of the ports.
    flowi6_icmp_type: "flowi6.uli.icmpt.type",
    /// Nexthop of an IPv6 answer; null without one. <https://elixir.bootlin.com/linux/v6.18/A/ident/fib6_result>
    fib6_result_nh: "fib6_result.nh",
    /// Device of an IPv6 nexthop. <https://elixir.bootlin.com/linux/v6.18/A/ident/fib6_nh>
    fib6_nh_dev: "fib6_nh.nh_common.nhc_dev",
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
    /// Whether the entry was thrown away, as when its device lost the carrier.
    neigh_dead: "neighbour.dead",
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
    /// fwmark, which policy rules may select on.
    skb_mark: "sk_buff.mark",
    /// Socket that sent the packet.
    skb_sk: "sk_buff.sk",
    /// The packet's route, a `dst_entry`; the lowest bit tells whether it holds on to that.
    skb_refdst: "sk_buff._skb_refdst",
    /// Device that a route leads to. <https://elixir.bootlin.com/linux/v6.18/A/ident/dst_entry>
    dst_dev: "dst_entry.dev",
    /// `DST_FAKE_RTABLE`: it is no route, but what `br_netfilter` gives to a bridged frame.
    dst_flags: "dst_entry.flags",
    /// What the layer that has the packet notes about it: IPv4's notes are an `inet_skb_parm`.
    skb_cb: "sk_buff.cb",
    /// `IPSKB_FORWARDED`. <https://elixir.bootlin.com/linux/v6.18/A/ident/inet_skb_parm>
    inet_skb_flags: "inet_skb_parm.flags",
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
    /// Address family. <https://elixir.bootlin.com/linux/v6.18/A/ident/sock_common>
    sock_family: "sock.__sk_common.skc_family",
    /// The socket's network namespace.
    sock_net: "sock.__sk_common.skc_net.net",
    /// The peer's IPv4 address.
    sock_daddr: "sock.__sk_common.skc_daddr",
    /// This side's IPv4 address.
    sock_rcv_saddr: "sock.__sk_common.skc_rcv_saddr",
    /// The peer's IPv6 address.
    sock_daddr6: "sock.__sk_common.skc_v6_daddr",
    /// This side's IPv6 address.
    sock_rcv_saddr6: "sock.__sk_common.skc_v6_rcv_saddr",
    /// The peer's port, network byte order.
    sock_dport: "sock.__sk_common.skc_dport",
    /// This side's port, host order.
    sock_num: "sock.__sk_common.skc_num",
    /// The file side of a full socket.
    sock_socket: "sock.sk_socket",
    /// Listener of a request socket (SYN received, not yet accepted).
    request_listener: "request_sock.__req_common.skc_listener",
    /// A socket's inode sits at this distance behind its `struct socket`.
    socket_alloc_inode: "socket_alloc.vfs_inode",
    /// Inode number: what `/proc/PID/fd` shows as `socket:[N]`.
    inode_ino: "inode.i_ino",
    /// Process id in the initial pid namespace. <https://elixir.bootlin.com/linux/v6.18/A/ident/task_struct>
    task_tgid: "task_struct.tgid",
    /// Name of the thread; of its process, where it is the first.
    task_comm: "task_struct.comm",
    /// First thread of the process.
    task_group_leader: "task_struct.group_leader",
    /// Who started the process, or who took it over when that one ended.
    task_real_parent: "task_struct.real_parent",
    /// `PF_EXITING` tells who is about to end.
    task_flags: "task_struct.flags",
    /// Leads to the network namespace; null for a process that has ended.
    task_nsproxy: "task_struct.nsproxy",
    /// Same place as [`Self::task_nsproxy`]: the network namespace.
    nsproxy_net: "nsproxy.net_ns",
    /// Leads to the control groups.
    task_cgroups: "task_struct.cgroups",
    /// Control group in the unified hierarchy. <https://elixir.bootlin.com/linux/v6.18/A/ident/css_set>
    css_set_cgroup: "css_set.dfl_cgrp",
    /// The group's directory.
    cgroup_node: "cgroup.kn",
    /// Inode number of that directory. <https://elixir.bootlin.com/linux/v6.18/A/ident/kernfs_node>
    node_id: "kernfs_node.id",
    /// Memory of the process. <https://elixir.bootlin.com/linux/v6.18/A/ident/mm_struct>
    task_mm: "task_struct.mm",
    /// Where the command line begins in it.
    mm_arg_start: "mm_struct.arg_start",
    /// Where it ends.
    mm_arg_end: "mm_struct.arg_end",
    /// Who made a signal. <https://elixir.bootlin.com/linux/v6.18/A/ident/kernel_siginfo>
    siginfo_code: "kernel_siginfo.si_code",
}

const _: () = assert!(size_of::<KernelOffsets>() == 75 * 4);

//! Identifiers of the kernel hooks, the drop reasons and the per-hook statistics.

macro_rules! hooks {
    ($( $(#[$doc:meta])* $name:ident = $number:literal: $tracepoint:literal, )+) => {
        /// A kernel tracepoint bridgetrace attaches to.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Hook {
            $( $(#[$doc])* $name = $number, )+
        }

        /// Every hook, in the order of its number.
        pub const HOOKS: [Hook; [$( $number, )+].len()] = [$( Hook::$name, )+];

        impl Hook {
            /// The hook with this number, if there is one.
            #[must_use]
            pub const fn from_u8(value: u8) -> Option<Self> {
                match value {
                    $( $number => Some(Self::$name), )+
                    _ => None,
                }
            }

            /// The tracepoint's name in the kernel (BTF type `btf_trace_<name>`).
            #[must_use]
            pub const fn tracepoint(self) -> &'static str {
                match self {
                    $( Self::$name => $tracepoint, )+
                }
            }
        }
    };
}

hooks! {
    /// `net/ipv4/fib_trie.c`. Remembers; emits only when a reply is routed into a bridge although
    /// its remote came in by another device a moment ago.
    FibLookup = 0: "fib_table_lookup",
    /// `net/core/neighbour.c`: a packet of this host met an unresolved neighbour.
    NeighSend = 1: "neigh_event_send_done",
    /// `net/core/neighbour.c`: resolution was given up.
    NeighTimer = 2: "neigh_timer_handler",
    /// `net/core/skbuff.c`: a packet died.
    SkbDrop = 3: "kfree_skb",
    /// `net/core/dev.c`: a watched remote's packet arrived.
    DevReceive = 4: "netif_receive_skb",
    /// `net/core/dev.c`: a packet to a watched remote left.
    DevQueue = 5: "net_dev_queue",
    /// `net/ipv6/route.c`: as [`Hook::FibLookup`].
    Fib6Lookup = 6: "fib6_table_lookup",
    /// `net/ipv4/tcp_output.c`: a segment to a watched remote was sent again.
    TcpRetransmit = 7: "tcp_retransmit_skb",
    /// `net/ipv4/tcp_output.c`: a SYN-ACK to a watched remote was sent again.
    TcpRetransmitSynack = 8: "tcp_retransmit_synack",
    /// `net/ipv4/tcp_input.c`: somebody with a misrouted remote's address reset a connection.
    TcpReset = 9: "tcp_receive_reset",
    /// `kernel/signal.c`: a signal that ends processes was delivered.
    Signal = 10: "signal_generate",
    /// `fs/exec.c`: a program was started.
    Exec = 11: "sched_process_exec",
}

/// Why a packet died, as far as it matters here. The kernel's own numbers
/// (`enum skb_drop_reason`) change with every release; userspace maps them by name from BTF.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum DropReason {
    /// `NEIGH_FAILED`: the neighbour never answered.
    NeighFailed = 1,
    /// `NEIGH_QUEUEFULL`: the queue of packets waiting for the neighbour overflowed.
    NeighQueueFull = 2,
    /// `NEIGH_CREATEFAIL`: the neighbour table is full.
    NeighCreateFail = 3,
    /// `QDISC_DROP`: the device has no carrier or its queue refused the packet.
    QdiscDrop = 4,
    /// `DEV_READY`: the device is down.
    DevReady = 5,
    /// `IP_RPFILTER`: the way back to the source leads elsewhere, and `rp_filter` is strict.
    IpRpFilter = 6,
    /// `NETFILTER_DROP`: a firewall rule, docker's isolation of its networks for one.
    NetfilterDrop = 7,
    /// `NOT_SPECIFIED`: IPv6 gives no better reason when the neighbour never answered.
    NotSpecified = 8,
    /// `NEIGH_DEAD`: the neighbour's entry was thrown away just after the packet had found it. Since Linux 5.18.
    NeighDead = 9,
}

impl DropReason {
    /// One more than the highest number.
    pub const ENTRIES: usize = Self::ALL.len() + 1;

    /// The reason with this wire number, if there is one.
    #[must_use]
    pub const fn from_u8(value: u8) -> Option<Self> {
        match value {
            1 => Some(Self::NeighFailed),
            2 => Some(Self::NeighQueueFull),
            3 => Some(Self::NeighCreateFail),
            4 => Some(Self::QdiscDrop),
            5 => Some(Self::DevReady),
            6 => Some(Self::IpRpFilter),
            7 => Some(Self::NetfilterDrop),
            8 => Some(Self::NotSpecified),
            9 => Some(Self::NeighDead),
            _ => None,
        }
    }

    /// The kernel's name without its `SKB_DROP_REASON_` prefix.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NeighFailed => "NEIGH_FAILED",
            Self::NeighQueueFull => "NEIGH_QUEUEFULL",
            Self::NeighCreateFail => "NEIGH_CREATEFAIL",
            Self::QdiscDrop => "QDISC_DROP",
            Self::DevReady => "DEV_READY",
            Self::IpRpFilter => "IP_RPFILTER",
            Self::NetfilterDrop => "NETFILTER_DROP",
            Self::NotSpecified => "NOT_SPECIFIED",
            Self::NeighDead => "NEIGH_DEAD",
        }
    }

    /// Every reason, in the order of its number.
    pub const ALL: [Self; 9] = [
        Self::NeighFailed,
        Self::NeighQueueFull,
        Self::NeighCreateFail,
        Self::QdiscDrop,
        Self::DevReady,
        Self::IpRpFilter,
        Self::NetfilterDrop,
        Self::NotSpecified,
        Self::NeighDead,
    ];
}

/// What is counted per hook and CPU in the `STATS` map; index [`Stat::index`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Stat {
    /// Records put into the ring buffer.
    Emitted = 0,
    /// Records the ring buffer had no room for: lost.
    Rejected = 1,
    /// Packets that could not be counted because the counter map is full: lost.
    Uncounted = 2,
}

impl Stat {
    /// Entries of the `STATS` map.
    pub const ENTRIES: u32 = Self::Uncounted.index(HOOKS[HOOKS.len() - 1]) + 1;

    /// Index of this statistic of `hook` in the `STATS` map.
    #[inline(always)]
    #[must_use]
    pub const fn index(self, hook: Hook) -> u32 {
        hook as u32 * 3 + self as u32
    }
}

//! Identifiers of the kernel hooks, the drop reasons and the per-hook statistics.

/// A kernel tracepoint bridgetrace attaches to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Hook {
    /// `fib_table_lookup` (`net/ipv4/fib_trie.c`). Emits nothing, remembers.
    FibLookup = 0,
    /// `neigh_event_send_done` (`net/core/neighbour.c`): a packet met an unresolved neighbour.
    NeighSend = 1,
    /// `neigh_timer_handler` (`net/core/neighbour.c`): resolution was given up.
    NeighTimer = 2,
    /// `kfree_skb` (`net/core/skbuff.c`): a packet died.
    SkbDrop = 3,
    /// `netif_receive_skb` (`net/core/dev.c`): a watched remote's packet arrived.
    DevReceive = 4,
    /// `net_dev_queue` (`net/core/dev.c`): a packet to a watched remote left.
    DevQueue = 5,
}

/// Every hook, in the order of its number.
pub const HOOKS: [Hook; 6] = [
    Hook::FibLookup,
    Hook::NeighSend,
    Hook::NeighTimer,
    Hook::SkbDrop,
    Hook::DevReceive,
    Hook::DevQueue,
];

impl Hook {
    /// The hook with this number, if there is one.
    #[must_use]
    pub const fn from_u8(value: u8) -> Option<Self> {
        match value {
            0 => Some(Self::FibLookup),
            1 => Some(Self::NeighSend),
            2 => Some(Self::NeighTimer),
            3 => Some(Self::SkbDrop),
            4 => Some(Self::DevReceive),
            5 => Some(Self::DevQueue),
            _ => None,
        }
    }

    /// The tracepoint's name in the kernel (BTF type `btf_trace_<name>`).
    #[must_use]
    pub const fn tracepoint(self) -> &'static str {
        match self {
            Self::FibLookup => "fib_table_lookup",
            Self::NeighSend => "neigh_event_send_done",
            Self::NeighTimer => "neigh_timer_handler",
            Self::SkbDrop => "kfree_skb",
            Self::DevReceive => "netif_receive_skb",
            Self::DevQueue => "net_dev_queue",
        }
    }
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
}

impl DropReason {
    /// The reason with this wire number, if there is one.
    #[must_use]
    pub const fn from_u8(value: u8) -> Option<Self> {
        match value {
            1 => Some(Self::NeighFailed),
            2 => Some(Self::NeighQueueFull),
            3 => Some(Self::NeighCreateFail),
            4 => Some(Self::QdiscDrop),
            5 => Some(Self::DevReady),
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
        }
    }

    /// Every reason, in the order of its number.
    pub const ALL: [Self; 5] = [
        Self::NeighFailed,
        Self::NeighQueueFull,
        Self::NeighCreateFail,
        Self::QdiscDrop,
        Self::DevReady,
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
    pub const ENTRIES: u32 = Self::Uncounted.index(Hook::DevQueue) + 1;

    /// Index of this statistic of `hook` in the `STATS` map.
    #[inline(always)]
    #[must_use]
    pub const fn index(self, hook: Hook) -> u32 {
        hook as u32 * 3 + self as u32
    }
}

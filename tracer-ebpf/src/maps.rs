//! Every map, and nothing else. Names stay distinct within the 15 bytes the kernel keeps.

use aya_ebpf::{
    macros::map,
    maps::{Array, HashMap, LruHashMap, PerCpuArray, RingBuf},
};
use tracer_common::{Lookup, LostKey, LostPackets, Stat, WatchKey};

/// Remotes tracked at once. Beyond that, packets are reported as uncounted, never dropped silently.
const REMOTES: u32 = 32_768;

/// Events for userspace.
#[map]
pub(crate) static EVENTS: RingBuf = RingBuf::with_byte_size(1 << 20, 0);

/// The last lookup on this CPU that was answered with a bridge.
#[map]
pub(crate) static FIB_SLOT: PerCpuArray<Routed> = PerCpuArray::with_max_entries(1, 0);

/// The last packet on this CPU that came in with a source inside a bridge's subnet.
#[map]
pub(crate) static INGRESS_SLOT: PerCpuArray<Ingress> = PerCpuArray::with_max_entries(1, 0);

/// A bit for each IPv4 /16 that a bridge's route touches, written by userspace.
#[map]
pub(crate) static PREFIX_BITS: Array<u64> = Array::with_max_entries(65_536 / 64, 0);

/// Exact counts of lost packets, see [`LostPackets`].
#[map]
pub(crate) static LOST: HashMap<LostKey, LostPackets> = HashMap::with_max_entries(REMOTES, 0);

/// When each kind of event was last emitted; keeps one flow from flooding the ring.
#[map]
pub(crate) static SEEN: LruHashMap<SeenKey, u64> = LruHashMap::with_max_entries(REMOTES, 0);

/// Remotes under suspicion → ifindex of the suspected bridge, written by userspace.
#[map]
pub(crate) static WATCH: HashMap<WatchKey, u32> = HashMap::with_max_entries(REMOTES, 0);

/// Per hook: emitted, rejected, uncounted ([`Stat::index`]).
#[map]
pub(crate) static STATS: PerCpuArray<u64> = PerCpuArray::with_max_entries(Stat::ENTRIES, 0);

/// A lookup that was answered with a bridge, remembered until the packet meets the neighbour.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Routed {
    pub(crate) jiffies: u64,
    /// Network byte order.
    pub(crate) daddr: [u8; 4],
    pub(crate) netns: u32,
    pub(crate) ifindex: u32,
    pub(crate) lookup: Lookup,
    pub(crate) reserved: u32,
}

/// A packet's way in, remembered until the reply is routed.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Ingress {
    pub(crate) jiffies: u64,
    /// Network byte order.
    pub(crate) saddr: [u8; 4],
    pub(crate) netns: u32,
    pub(crate) iif: u32,
    pub(crate) reserved: u32,
}

/// What makes two events alike enough to report only one of them a second.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct SeenKey {
    pub(crate) netns: u32,
    pub(crate) ifindex: u32,
    pub(crate) remote: [u8; 16],
    pub(crate) sport: u16,
    pub(crate) dport: u16,
    pub(crate) proto: u8,
    pub(crate) hook: u8,
    pub(crate) reason: u8,
    /// Tells a request from a reply: the SYN bit of TCP, the type of ICMP.
    pub(crate) detail: u8,
}

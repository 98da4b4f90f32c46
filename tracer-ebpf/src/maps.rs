//! Every map, and nothing else. Names stay distinct within the 15 bytes the kernel keeps.

use aya_ebpf::{
    macros::map,
    maps::{Array, HashMap, LruHashMap, PerCpuArray, RingBuf},
};
use tracer_common::{Exec, LostKey, LostPackets, Stat, WatchKey};

use crate::memory::{Astray, Ingress};

/// Remotes tracked at once. Beyond that, packets are reported as uncounted, never dropped silently.
const REMOTES: u32 = 32_768;
/// Connections to remotes that came in elsewhere; whoever is not reset in time makes room.
const ASYMMETRIES: u32 = 4096;
/// Ingresses remembered per family.
pub(crate) const INGRESSES: u32 = 4096;

/// Events for userspace.
#[map]
pub(crate) static EVENTS: RingBuf = RingBuf::with_byte_size(1 << 20, 0);

/// Where the last packets came in that have a source inside a bridge's subnet. All CPUs share it: who
/// replies runs on whichever is free. Of two packets with the same slot the later one stays.
#[map]
pub(crate) static INGRESS_SLOT: Array<Ingress<[u8; 4]>> = Array::with_max_entries(INGRESSES, 0);

/// The same over IPv6.
#[map]
pub(crate) static INGRESS6_SLOT: Array<Ingress<[u8; 16]>> = Array::with_max_entries(INGRESSES, 0);

/// Exact counts of lost packets, see [`LostPackets`].
#[map]
pub(crate) static LOST: HashMap<LostKey, LostPackets> = HashMap::with_max_entries(REMOTES, 0);

/// When each kind of event was last emitted; keeps one flow from flooding the ring.
#[map]
pub(crate) static SEEN: LruHashMap<SeenKey, u64> = LruHashMap::with_max_entries(REMOTES, 0);

/// Remotes under suspicion → ifindex of the suspected bridge, written by userspace.
#[map]
pub(crate) static WATCH: HashMap<WatchKey, u32> = HashMap::with_max_entries(REMOTES, 0);

/// Remotes that came in elsewhere than by the bridge their replies are routed into.
#[map]
pub(crate) static ASYMMETRIC: LruHashMap<WatchKey, Astray> =
    LruHashMap::with_max_entries(ASYMMETRIES, 0);

/// Where a started program is looked at before it is known whether it is worth an event: builds
/// start interpreters by the thousand, and the reader is to hear of none of them.
#[map]
pub(crate) static STARTED: PerCpuArray<Exec> = PerCpuArray::with_max_entries(1, 0);

/// Per hook: emitted, rejected, uncounted ([`Stat::index`]).
#[map]
pub(crate) static STATS: PerCpuArray<u64> = PerCpuArray::with_max_entries(Stat::ENTRIES, 0);

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
    /// Tells what is forwarded, and who is asked for, from what is sent.
    pub(crate) flags: u32,
}

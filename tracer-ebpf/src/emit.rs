//! The one way out: throttled events into the ring buffer, and the counters that tell what
//! did not get through.

use core::{
    intrinsics::{AtomicOrdering, atomic_xadd},
    ptr::read_volatile,
};

use aya_ebpf::helpers::{bpf_get_current_pid_tgid, generated::bpf_ktime_get_ns};
use tracer_common::{
    Event, Flow, Hook, Lookup, LostKey, LostPackets, Stat, WatchKey, Way, event_flags,
};

use crate::{
    kernel::{NetDevice, Skb},
    maps::{EVENTS, LOST, SEEN, STATS, SeenKey, WATCH},
};

/// Alike events closer together than this are not repeated; counters count them all the same.
const REPEAT_NS: u64 = 1_000_000_000;

/// `BPF_NOEXIST` (`include/uapi/linux/bpf.h`).
const NOEXIST: u64 = 1;

/// What a remote that lost nothing yet starts with; here, as it takes a fifth of a BPF stack.
static NOTHING_LOST: LostPackets = LostPackets {
    unresolved: 0,
    dropped: [0; tracer_common::DropReason::ENTRIES],
    misrouted: 0,
    delivered: 0,
    retransmitted: 0,
};

/// Starts an event of `hook` about `remote` (v4-mapped) on `device`.
#[inline(always)]
pub(crate) fn event(hook: Hook, device: NetDevice, remote: [u8; 16]) -> Option<Event> {
    Some(event_at(hook, device.netns()?, device.ifindex()?, remote))
}

/// As [`event`], where the device is known by its number only.
#[inline(always)]
pub(crate) fn event_at(hook: Hook, netns: u32, ifindex: u32, remote: [u8; 16]) -> Event {
    Event {
        netns,
        ifindex,
        remote,
        hook: hook as u8,
        ..Event::default()
    }
}

/// Adds the headers and the length of the packet.
#[inline(always)]
pub(crate) fn add_packet(event: &mut Event, skb: Skb, flow: Flow) {
    add_flow(event, flow);
    event.len = skb.len().unwrap_or(0);
}

/// Adds the headers of a packet that is not at hand.
#[inline(always)]
pub(crate) fn add_flow(event: &mut Event, flow: Flow) {
    event.flow = flow;
    event.flags |= event_flags::FLOW;
}

/// Adds the route lookup that led here.
#[inline(always)]
pub(crate) fn add_lookup(event: &mut Event, lookup: Lookup) {
    event.lookup = lookup;
    event.flags |= event_flags::LOOKUP;
}

/// Adds where the remote came in, if that is known.
#[inline(always)]
pub(crate) fn add_ingress(event: &mut Event, ifindex: Option<u32>) {
    if let Some(ifindex) = ifindex {
        event.ingress_ifindex = ifindex;
        event.flags |= event_flags::INGRESS;
    }
}

/// Adds where a packet came in that is only passed on.
#[inline(always)]
pub(crate) fn add_forwarded(event: &mut Event, ifindex: u32) {
    event.forwarded_iif = ifindex;
    event.flags |= event_flags::FORWARDED;
}

/// Adds who was running: a hint that userspace verifies against the socket's inode.
#[inline(always)]
pub(crate) fn add_task(event: &mut Event) {
    event.tgid = (bpf_get_current_pid_tgid() >> 32) as u32;
}

/// ifindex of the bridge that is suspected to swallow what goes to `remote`.
#[inline(always)]
pub(crate) fn suspected_bridge(netns: u32, remote: [u8; 16]) -> Option<u32> {
    let key = WatchKey { netns, remote };
    // SAFETY: the value is one aligned u32.
    unsafe { WATCH.get(&key) }.copied()
}

/// Puts `event` into the ring buffer unless an event like it was sent within the last second: none then, otherwise
/// whether there was room.
#[inline(always)]
pub(crate) fn submit(hook: Hook, event: &mut Event) -> Option<bool> {
    // SAFETY: no arguments, no preconditions.
    event.ktime_ns = unsafe { bpf_ktime_get_ns() };
    let key = seen_key(event);
    // SAFETY: the value is one aligned u64; a torn read cannot happen.
    if let Some(last) = unsafe { SEEN.get(&key) }
        && event.ktime_ns.wrapping_sub(*last) < REPEAT_NS
    {
        return None;
    }
    let sent = EVENTS.output::<Event>(&*event, 0).is_ok();
    if sent {
        // A full LRU evicts; a failed insert only means that the next event is not held back.
        let _ = SEEN.insert(&key, &event.ktime_ns, 0);
    }
    bump(hook, if sent { Stat::Emitted } else { Stat::Rejected });
    Some(sent)
}

#[inline(always)]
fn seen_key(event: &Event) -> SeenKey {
    SeenKey {
        netns: event.netns,
        ifindex: event.ifindex,
        remote: event.remote,
        sport: event.flow.sport,
        dport: event.flow.dport,
        proto: event.flow.proto,
        hook: event.hook,
        reason: event.reason,
        detail: event.flow.icmp_type | (event.flow.tcp_flags & 0x02),
        flags: event.flags & (event_flags::FORWARDED | event_flags::ARP),
    }
}

/// Increments a per-CPU statistic.
#[inline(always)]
pub(crate) fn bump(hook: Hook, stat: Stat) {
    if let Some(slot) = STATS.get_ptr_mut(stat.index(hook)) {
        // SAFETY: the slot belongs to this CPU and to this hook, whose program does not nest.
        unsafe { *slot += 1 };
    }
}

/// Whether a packet to `event`'s remote was ever counted as lost on its way.
#[inline(always)]
pub(crate) fn is_counted(event: &Event, way: Way) -> bool {
    LOST.get_ptr(&lost_key(event, way)).is_some()
}

/// Whether this host ever handed a packet to `event`'s remote to a neighbour that did not answer.
#[inline(always)]
pub(crate) fn is_unresolved(event: &Event) -> bool {
    LOST.get_ptr(&lost_key(event, Way::Sent))
        // SAFETY: an aligned u64 in a live map value.
        .is_some_and(|value| unsafe { read_volatile(&raw const (*value).unresolved) } != 0)
}

#[inline(always)]
fn lost_key(event: &Event, way: Way) -> LostKey {
    LostKey {
        netns: event.netns,
        ifindex: event.ifindex,
        remote: event.remote,
        way: way as u32,
    }
}

/// Counts one lost packet of `event`'s remote in the field `select` points to; returns how many
/// were counted there before.
#[inline(always)]
pub(crate) fn count(
    hook: Hook,
    event: &Event,
    way: Way,
    select: impl Fn(*mut LostPackets) -> *mut u64,
) -> u64 {
    let Some(value) = entry(&lost_key(event, way)) else {
        bump(hook, Stat::Uncounted);
        return 0;
    };
    let field = select(value);
    // SAFETY: an aligned u64 in a live map value, which every CPU adds to atomically. It is read
    // apart, because an addition that returns the old value needs Linux 5.12; what other CPUs add
    // in between only makes `before` lower.
    unsafe {
        let before = read_volatile(field);
        atomic_xadd::<u64, u64, { AtomicOrdering::Relaxed }>(field, 1);
        before
    }
}

#[inline(always)]
fn entry(key: &LostKey) -> Option<*mut LostPackets> {
    if let Some(known) = LOST.get_ptr_mut(key) {
        return Some(known);
    }
    // Another CPU may have been first: that is as good.
    let _ = LOST.insert(key, &NOTHING_LOST, NOEXIST);
    LOST.get_ptr_mut(key)
}

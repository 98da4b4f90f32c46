//! The one way out: throttled events into the ring buffer, and the counters that tell what
//! did not get through.

use core::{
    intrinsics::{AtomicOrdering, atomic_xadd},
    ptr::read_volatile,
};

use aya_ebpf::{EbpfContext, helpers::generated::bpf_ktime_get_ns, programs::BtfTracePointContext};
use tracer_common::{Event, Flow, Hook, LostKey, LostPackets, Stat, WatchKey, Way, event_flags};

use crate::{
    kernel::{NetDevice, Skb},
    maps::{EVENTS, LOST, SEEN, STATS, SeenKey, WATCH},
};

/// Alike events closer together than this are not repeated; counters count them all the same.
const REPEAT_NS: u64 = 1_000_000_000;

/// `BPF_NOEXIST` (`include/uapi/linux/bpf.h`).
const NOEXIST: u64 = 1;

/// Starts an event of `hook` about `remote` (v4-mapped) on `device`.
#[inline(always)]
pub(crate) fn event(hook: Hook, device: NetDevice, remote: [u8; 16]) -> Option<Event> {
    Some(Event {
        netns: device.netns()?,
        ifindex: device.ifindex()?,
        remote,
        hook: hook as u8,
        ..Event::default()
    })
}

/// Adds the length of the packet and the parsed headers.
#[inline(always)]
pub(crate) fn add_flow(event: &mut Event, skb: Skb, flow: Flow) {
    event.flow = flow;
    event.len = skb.len().unwrap_or(0);
    event.flags |= event_flags::FLOW;
}

/// Adds who was running: a hint that userspace verifies against the socket's inode.
#[inline(always)]
pub(crate) fn add_task(event: &mut Event, ctx: &BtfTracePointContext) {
    event.tgid = ctx.tgid();
}

/// Tells of a packet of a watched `remote` on another device than the suspected bridge.
#[inline(always)]
pub(crate) fn submit_watched(
    hook: Hook,
    device: NetDevice,
    skb: Skb,
    flow: Flow,
    remote: [u8; 16],
) -> Option<()> {
    let mut event = event(hook, device, remote)?;
    let key = WatchKey {
        netns: event.netns,
        remote,
    };
    // SAFETY: the value is one aligned u32.
    let bridge = unsafe { WATCH.get(&key) }?;
    if *bridge == event.ifindex {
        return None;
    }
    add_flow(&mut event, skb, flow);
    submit(hook, &mut event);
    Some(())
}

/// Puts `event` into the ring buffer unless an event like it was sent within the last second.
#[inline(always)]
pub(crate) fn submit(hook: Hook, event: &mut Event) -> bool {
    // SAFETY: no arguments, no preconditions.
    event.ktime_ns = unsafe { bpf_ktime_get_ns() };
    let key = SeenKey {
        netns: event.netns,
        ifindex: event.ifindex,
        remote: event.remote,
        sport: event.flow.sport,
        dport: event.flow.dport,
        proto: event.flow.proto,
        hook: event.hook,
        reason: event.reason,
        detail: event.flow.icmp_type | (event.flow.tcp_flags & 0x02),
    };
    // SAFETY: the value is one aligned u64; a torn read cannot happen.
    if let Some(last) = unsafe { SEEN.get(&key) }
        && event.ktime_ns.wrapping_sub(*last) < REPEAT_NS
    {
        return false;
    }
    // A full LRU evicts; a failed insert only means that the next event is not held back.
    let _ = SEEN.insert(&key, &event.ktime_ns, 0);
    let sent = EVENTS.output::<Event>(&*event, 0).is_ok();
    bump(hook, if sent { Stat::Emitted } else { Stat::Rejected });
    sent
}

/// Increments a per-CPU statistic.
#[inline(always)]
pub(crate) fn bump(hook: Hook, stat: Stat) {
    if let Some(slot) = STATS.get_ptr_mut(stat.index(hook)) {
        // SAFETY: the slot belongs to this CPU and to this hook, whose program does not nest.
        unsafe { *slot += 1 };
    }
}

/// Whether a packet to `event`'s remote was ever counted as lost.
#[inline(always)]
pub(crate) fn is_counted(event: &Event, way: Way) -> bool {
    LOST.get_ptr(&lost_key(event, way)).is_some()
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
    let key = lost_key(event, way);
    if LOST.get_ptr(&key).is_none() {
        // Another CPU may have been first: that is as good.
        let _ = LOST.insert(&key, &LostPackets::default(), NOEXIST);
    }
    let Some(value) = LOST.get_ptr_mut(&key) else {
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

//! What both families' lookup hooks do: remember for the hooks that come after, and tell of a
//! reply that is routed into a bridge although its remote came in by another device. Where a
//! container has the remote's address, no other hook will ever see anything wrong.

use aya_ebpf::programs::BtfTracePointContext;
use tracer_common::{Hook, Lookup, WatchKey, Way};

use crate::{
    emit,
    kernel::Flowi,
    maps::{ASYMMETRIC, Astray},
    memory::{self, AT_ONCE, Address, Found, Kind},
};

/// `LOOPBACK_IFINDEX`: ingress interface of a locally generated packet's lookup.
pub(super) const LOOPBACK_IFINDEX: u32 = 1;

/// A lookup that was answered with a bridge.
pub(super) struct Answer {
    pub(super) iif: u32,
    pub(super) netns: u32,
    /// ifindex.
    pub(super) bridge: u32,
    pub(super) table: u32,
}

impl Answer {
    #[inline(always)]
    fn kind(&self, proto: u8) -> Kind {
        if self.iif == LOOPBACK_IFINDEX && proto != 0 {
            Kind::Own
        } else {
            Kind::Passing
        }
    }
}

/// Remembers where a packet with a source inside a bridge's subnet came in.
#[inline(always)]
pub(super) fn remember_ingress<F: Flowi>(
    flow: &F,
    iif: u32,
    netns: impl FnOnce() -> Option<u32>,
) -> Option<()> {
    let saddr = flow.saddr()?;
    if !saddr.in_bridge_prefix() {
        return None;
    }
    let netns = netns()?;
    if is_reversed(netns, saddr, iif) {
        return None;
    }
    memory::set_way_in(netns, saddr, iif)
}

/// Whether a packet to `saddr` was sent out by `iif` right before: then this is that lookup
/// reversed, and no packet from there.
#[inline(always)]
fn is_reversed<A: Address>(netns: u32, saddr: A, iif: u32) -> bool {
    memory::recall(Kind::Passing, netns, saddr, AT_ONCE).is_some_and(|found| found.ifindex == iif)
}

/// Remembers the answer, and tells if it sends a reply astray.
#[inline(always)]
pub(super) fn into_bridge<F: Flowi>(
    ctx: &BtfTracePointContext,
    hook: Hook,
    flow: &F,
    answer: &Answer,
) -> Option<()> {
    let kind = answer.kind(flow.proto());
    let lookup = Lookup {
        iif: answer.iif,
        oif: flow.oif(),
        mark: flow.mark(),
        table: answer.table,
    };
    let daddr = flow.daddr()?;
    // SAFETY: this CPU's slot, written by this program only, which does not nest on a CPU.
    let slot = unsafe { &mut *daddr.route(kind, answer.netns)? };
    slot.jiffies = memory::jiffies();
    slot.saddr = flow.saddr()?;
    slot.daddr = daddr;
    slot.netns = answer.netns;
    slot.ifindex = answer.bridge;
    slot.lookup = lookup;
    if kind == Kind::Passing {
        // SAFETY: as above.
        unsafe { *F::Address::last_passing()? = memory::jiffies() };
        return None;
    }
    let came_in = memory::way_in(answer.netns, daddr)?;
    if came_in == answer.bridge {
        return None;
    }
    let ifindex = answer.bridge;
    tell_astray(ctx, hook, flow, answer, came_in, &Found { ifindex, lookup })
}

#[inline(always)]
fn tell_astray<F: Flowi>(
    ctx: &BtfTracePointContext,
    hook: Hook,
    flow: &F,
    answer: &Answer,
    came_in: u32,
    found: &Found,
) -> Option<()> {
    let remote = flow.daddr()?.mapped();
    let mut event = emit::event_at(hook, answer.netns, answer.bridge, remote);
    // SAFETY: `value` points to a live map value.
    event.before = emit::count(hook, &event, Way::Misdelivered, |value| unsafe {
        &raw mut (*value).misrouted
    });
    note_asymmetry(answer, remote);
    emit::add_flow(&mut event, flow.packet()?);
    emit::add_lookup(&mut event, found);
    emit::add_ingress(&mut event, Some(came_in));
    emit::add_task(&mut event, ctx);
    emit::submit(hook, &mut event);
    Some(())
}

/// So that a reset by whoever has the remote's address is understood.
#[inline(always)]
fn note_asymmetry(answer: &Answer, remote: [u8; 16]) {
    let key = WatchKey {
        netns: answer.netns,
        remote,
    };
    let astray = Astray {
        jiffies: memory::jiffies(),
        bridge: answer.bridge,
        reserved: 0,
    };
    match ASYMMETRIC.get_ptr_mut(&key) {
        // SAFETY: a live map value; two that are written at once say the same, or nearly.
        Some(known) => unsafe { *known = astray },
        // A full LRU evicts; a failed insert costs the evidence of one reset.
        None => drop(ASYMMETRIC.insert(&key, &astray, 0)),
    }
}

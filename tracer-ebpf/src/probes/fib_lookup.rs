//! `fib_table_lookup(u32 tb_id, const struct flowi4 *, const struct fib_nh_common *, int err)`
//! <https://elixir.bootlin.com/linux/v6.18/source/include/trace/events/fib.h#L13>
//!
//! Runs for every IPv4 route lookup of the machine, so it only remembers; the neighbour slow
//! path, which a healthy host does not run, tells the story.

use aya_ebpf::{
    helpers::generated::bpf_jiffies64, macros::btf_tracepoint, programs::BtfTracePointContext,
};
use tracer_common::Lookup;

use crate::{
    kernel::{Flow4, NetDevice, Nexthop},
    maps::{FIB_SLOT, INGRESS_SLOT, Ingress, PREFIX_BITS, Routed},
};

/// `LOOPBACK_IFINDEX`: ingress interface of a locally generated packet's lookup.
const LOOPBACK_IFINDEX: u32 = 1;

#[btf_tracepoint(function = "fib_table_lookup")]
pub(crate) fn on_fib_lookup(ctx: BtfTracePointContext) -> i32 {
    let _ = try_fib_lookup(&ctx);
    0
}

#[inline(always)]
fn try_fib_lookup(ctx: &BtfTracePointContext) -> Option<()> {
    let flow = Flow4(ctx.arg(1));
    let device = Nexthop(ctx.arg(2)).device()?;
    let iif = flow.iif()?;
    if iif > LOOPBACK_IFINDEX {
        remember_ingress(&flow, iif, device);
    }
    // iif 0: `inet_addr_type()` asks about an address, no packet follows.
    if iif == 0 || !device.is_bridge() {
        return None;
    }
    let slot = FIB_SLOT.get_ptr_mut(0)?;
    let routed = Routed {
        jiffies: jiffies(),
        daddr: flow.daddr()?,
        netns: device.netns()?,
        ifindex: device.ifindex()?,
        lookup: Lookup {
            iif,
            oif: flow.oif().unwrap_or(0),
            mark: flow.mark().unwrap_or(0),
            table: ctx.arg(0),
        },
        reserved: 0,
    };
    // SAFETY: this CPU's slot, written by this program only, which does not nest on a CPU.
    unsafe { *slot = routed };
    Some(())
}

/// Remembers where a packet with a source inside a bridge's subnet came in. `device` only
/// tells the namespace: a lookup does not leave it.
#[inline(always)]
fn remember_ingress(flow: &Flow4, iif: u32, device: NetDevice) -> Option<()> {
    let saddr = flow.saddr()?;
    if !in_bridge_prefix(saddr) {
        return None;
    }
    let slot = INGRESS_SLOT.get_ptr_mut(0)?;
    let ingress = Ingress {
        jiffies: jiffies(),
        saddr,
        netns: device.netns()?,
        iif,
        reserved: 0,
    };
    // SAFETY: as above.
    unsafe { *slot = ingress };
    Some(())
}

/// Whether a bridge's route touches the /16 of `addr`.
#[inline(always)]
fn in_bridge_prefix(addr: [u8; 4]) -> bool {
    let word = u32::from(addr[0]) << 2 | u32::from(addr[1] >> 6);
    match PREFIX_BITS.get(word) {
        Some(bits) => bits >> (addr[1] & 63) & 1 == 1,
        None => false,
    }
}

#[inline(always)]
fn jiffies() -> u64 {
    // SAFETY: no arguments, no preconditions; the JIT turns it into one load.
    unsafe { bpf_jiffies64() }
}

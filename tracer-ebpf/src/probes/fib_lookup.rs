//! `fib_table_lookup(u32 tb_id, const struct flowi4 *, const struct fib_nh_common *, int err)`
//! <https://elixir.bootlin.com/linux/v6.18/source/include/trace/events/fib.h#L13>
//!
//! Runs for every IPv4 route lookup of the machine, so it mostly only looks at a few words and leaves;
//! the neighbour slow path, which a healthy host does not run, tells the story. What it does more rarely
//! stands [`apart`].

use core::ffi::c_void;

use aya_ebpf::{EbpfContext as _, macros::btf_tracepoint, programs::BtfTracePointContext};

use crate::{
    kernel::{Flow4, Flowi as _, NetDevice, Nexthop},
    memory::Kind,
    probes::{
        apart,
        lookup::{self, LOOPBACK_IFINDEX},
    },
};

#[btf_tracepoint(function = "fib_table_lookup")]
pub(crate) fn on_fib_lookup(ctx: BtfTracePointContext) -> i32 {
    let _ = try_fib_lookup(&ctx);
    0
}

#[inline(always)]
fn try_fib_lookup(ctx: &BtfTracePointContext) -> Option<()> {
    // A lookup in vain names no nexthop. Linux 6.5 to 6.12 takes every argument for a pointer that is never
    // null, so that its check is dropped and a load from it not guarded: the error has to be asked instead.
    // <https://git.kernel.org/torvalds/c/838a10bd2ebf>
    let error: i32 = ctx.arg(3);
    if error != 0 {
        return None;
    }
    let flow = Flow4(ctx.arg(1));
    let device = Nexthop(ctx.arg(2)).device()?;
    let iif = flow.iif()?;
    if iif > LOOPBACK_IFINDEX && flow.is_from_bridge_prefix() {
        apart(ctx, came_in);
    } else if iif != 0 && device.is_bridge() {
        // iif 0: `inet_addr_type()` asks about an address, no packet follows.
        goes_out(ctx.as_ptr(), flow, device, iif);
    }
    None
}

/// A packet came in that may be from inside a bridge's subnet.
#[inline(always)]
fn came_in(ctx: &BtfTracePointContext) -> Option<()> {
    let flow = Flow4(ctx.arg(1));
    let device = Nexthop(ctx.arg(2)).device()?;
    // The device also tells the namespace: a lookup does not leave it.
    let (net, iif) = (device.net()?, flow.iif()?);
    lookup::remember_ingress(&flow, iif, net);
    if device.is_bridge() {
        lookup::into_bridge(&flow, Kind::Passing, iif, net, device, || ctx.arg(0));
    }
    None
}

/// A lookup was answered with a bridge. What was read already need not be read again.
#[inline(never)]
fn goes_out(ctx: *mut c_void, flow: Flow4, device: NetDevice, iif: u32) -> i32 {
    let ctx = BtfTracePointContext::new(ctx);
    if let Some(net) = device.net() {
        let kind = lookup::kind_of(&flow, iif);
        lookup::into_bridge(&flow, kind, iif, net, device, || ctx.arg(0));
    }
    0
}

//! `fib6_table_lookup(const struct net *, const struct fib6_result *, struct fib6_table *,
//! const struct flowi6 *)`
//! <https://elixir.bootlin.com/linux/v6.18/source/include/trace/events/fib6.h>
//!
//! As `fib_table_lookup`. Most lookups ask the local table (255) first, which answers with the
//! loopback device and an error unless the address is this host's own: that is no bridge either.

use core::ffi::c_void;

use aya_ebpf::{EbpfContext as _, macros::btf_tracepoint, programs::BtfTracePointContext};

use crate::{
    kernel::{Fib6Result, Flow6, Flowi as _, Net, NetDevice},
    memory::Kind,
    probes::{
        apart,
        lookup::{self, LOOPBACK_IFINDEX},
    },
};

#[btf_tracepoint(function = "fib6_table_lookup")]
pub(crate) fn on_fib6_lookup(ctx: BtfTracePointContext) -> i32 {
    let _ = try_fib6_lookup(&ctx);
    0
}

#[inline(always)]
fn try_fib6_lookup(ctx: &BtfTracePointContext) -> Option<()> {
    let flow = Flow6(ctx.arg(3));
    let iif = flow.iif()?;
    if iif > LOOPBACK_IFINDEX && flow.is_from_bridge_prefix() {
        apart(ctx, came_in);
        return None;
    }
    let device = Fib6Result(ctx.arg(1)).device()?;
    if iif != 0 && device.is_bridge() {
        goes_out(ctx.as_ptr(), flow, device, iif);
    }
    None
}

#[inline(always)]
fn came_in(ctx: &BtfTracePointContext) -> Option<()> {
    let (net, flow) = (Net(ctx.arg(0)), Flow6(ctx.arg(3)));
    let iif = flow.iif()?;
    lookup::remember_ingress(&flow, iif, net);
    let device = Fib6Result(ctx.arg(1)).device()?;
    if device.is_bridge() {
        into_bridge(ctx, &flow, Kind::Passing, iif, device);
    }
    None
}

/// As `fib_lookup`'s.
#[inline(never)]
fn goes_out(ctx: *mut c_void, flow: Flow6, device: NetDevice, iif: u32) -> i32 {
    let kind = lookup::kind_of(&flow, iif);
    into_bridge(&BtfTracePointContext::new(ctx), &flow, kind, iif, device);
    0
}

#[inline(always)]
fn into_bridge(ctx: &BtfTracePointContext, flow: &Flow6, kind: Kind, iif: u32, device: NetDevice) {
    let table = || Fib6Result::table(ctx.arg(2)).unwrap_or(0);
    lookup::into_bridge(flow, kind, iif, Net(ctx.arg(0)), device, table);
}

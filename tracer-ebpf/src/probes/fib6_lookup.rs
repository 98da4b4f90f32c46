//! `fib6_table_lookup(const struct net *, const struct fib6_result *, struct fib6_table *,
//! const struct flowi6 *)`
//! <https://elixir.bootlin.com/linux/v6.18/source/include/trace/events/fib6.h>
//!
//! As `fib_table_lookup`. Most lookups ask the local table (255) first, which answers with the
//! loopback device and an error unless the address is this host's own: that is no bridge either.

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};
use tracer_common::Hook;

use crate::{
    kernel::{Fib6Result, Flow6, Flowi as _, Net},
    probes::lookup::{self, Answer, LOOPBACK_IFINDEX},
};

#[btf_tracepoint(function = "fib6_table_lookup")]
pub(crate) fn on_fib6_lookup(ctx: BtfTracePointContext) -> i32 {
    let _ = try_fib6_lookup(&ctx);
    0
}

#[inline(always)]
fn try_fib6_lookup(ctx: &BtfTracePointContext) -> Option<()> {
    let net = Net(ctx.arg(0));
    let flow = Flow6(ctx.arg(3));
    let iif = flow.iif()?;
    if iif > LOOPBACK_IFINDEX {
        lookup::remember_ingress(&flow, iif, || net.inum());
    }
    let device = Fib6Result(ctx.arg(1)).device()?;
    if iif == 0 || !device.is_bridge() {
        return None;
    }
    let answer = Answer {
        iif,
        netns: net.inum()?,
        bridge: device.ifindex()?,
        table: Fib6Result::table(ctx.arg(2)).unwrap_or(0),
    };
    lookup::into_bridge(ctx, Hook::Fib6Lookup, &flow, &answer)
}

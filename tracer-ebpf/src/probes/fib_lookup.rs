//! `fib_table_lookup(u32 tb_id, const struct flowi4 *, const struct fib_nh_common *, int err)`
//! <https://elixir.bootlin.com/linux/v6.18/source/include/trace/events/fib.h#L13>
//!
//! Runs for every IPv4 route lookup of the machine, so it mostly only remembers; the neighbour
//! slow path, which a healthy host does not run, tells the story.

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};
use tracer_common::Hook;

use crate::{
    kernel::{Flow4, Flowi as _, Nexthop},
    probes::lookup::{self, Answer, LOOPBACK_IFINDEX},
};

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
        // The device only tells the namespace: a lookup does not leave it.
        lookup::remember_ingress(&flow, iif, || device.netns());
    }
    // iif 0: `inet_addr_type()` asks about an address, no packet follows.
    if iif == 0 || !device.is_bridge() {
        return None;
    }
    let answer = Answer {
        iif,
        netns: device.netns()?,
        bridge: device.ifindex()?,
        table: ctx.arg(0),
    };
    lookup::into_bridge(ctx, Hook::FibLookup, &flow, &answer)
}

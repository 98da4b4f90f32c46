//! `neigh_timer_handler(struct neighbour *, int err)`
//! <https://elixir.bootlin.com/linux/v6.18/source/net/core/neighbour.c#L1066>
//!
//! Resolution was given up: nobody on the bridge owns the address.

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};
use tracer_common::{Hook, Way};

use super::apart;
use crate::{addresses::may_be_missed, emit, kernel::Neighbour};

#[btf_tracepoint(function = "neigh_timer_handler")]
pub(crate) fn on_neigh_timer(ctx: BtfTracePointContext) -> i32 {
    let _ = try_neigh_timer(&ctx);
    0
}

#[inline(always)]
fn try_neigh_timer(ctx: &BtfTracePointContext) -> Option<()> {
    let neighbour = Neighbour(ctx.arg(0));
    if neighbour.has_failed()? && neighbour.device()?.is_bridge() {
        apart(ctx, failed);
    }
    None
}

#[inline(always)]
fn failed(ctx: &BtfTracePointContext) -> Option<()> {
    let neighbour = Neighbour(ctx.arg(0));
    let (device, nud_state) = (neighbour.device()?, neighbour.nud_state()?);
    let remote = neighbour.address().filter(|ip| may_be_missed(*ip))?;
    let mut event = emit::event(Hook::NeighTimer, device, remote)?;
    // The kernel also finds out that a container is gone: nobody's packet is lost by that.
    if !emit::is_counted(&event, Way::Sent) && !emit::is_counted(&event, Way::Forwarded) {
        return None;
    }
    event.nud_state = nud_state;
    emit::submit(Hook::NeighTimer, &mut event);
    Some(())
}

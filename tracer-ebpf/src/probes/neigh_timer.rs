//! `neigh_timer_handler(struct neighbour *, int err)`
//! <https://elixir.bootlin.com/linux/v6.18/source/net/core/neighbour.c#L1066>
//!
//! Resolution was given up: nobody on the bridge owns the address.

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};
use tracer_common::{AF_INET, Hook, Way, v4_mapped};

use crate::{emit, kernel::Neighbour};

/// `NUD_FAILED` (`include/uapi/linux/neighbour.h`).
const NUD_FAILED: u8 = 0x20;

#[btf_tracepoint(function = "neigh_timer_handler")]
pub(crate) fn on_neigh_timer(ctx: BtfTracePointContext) -> i32 {
    let _ = try_neigh_timer(&ctx);
    0
}

#[inline(always)]
fn try_neigh_timer(ctx: &BtfTracePointContext) -> Option<()> {
    let neighbour = Neighbour(ctx.arg(0));
    let nud_state = neighbour.nud_state()?;
    if nud_state & NUD_FAILED == 0 {
        return None;
    }
    let device = neighbour.device()?;
    if !device.is_bridge() || neighbour.family()? != i32::from(AF_INET) {
        return None;
    }
    let mut event = emit::event(Hook::NeighTimer, device, v4_mapped(neighbour.address4()?))?;
    // The kernel also finds out that a container is gone: nobody's packet is lost by that.
    if !emit::is_counted(&event, Way::Sent) {
        return None;
    }
    event.nud_state = nud_state;
    emit::submit(Hook::NeighTimer, &mut event);
    Some(())
}

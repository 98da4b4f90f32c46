//! `fib_table_lookup(u32 tb_id, const struct flowi4 *, const struct fib_nh_common *, int err)`
//! <https://elixir.bootlin.com/linux/v6.18/source/include/trace/events/fib.h#L13>
//!
//! Runs for every IPv4 route lookup of the machine, so it mostly only looks at a few words and leaves;
//! the neighbour slow path, which a healthy host does not run, tells the story. A lookup into a
//! bridge is remembered without a call ([`lookup`]); what it does more rarely is really called.

use core::ffi::c_void;

use aya_ebpf::{EbpfContext as _, macros::btf_tracepoint, programs::BtfTracePointContext};

use crate::{
    kernel::{Flow4, Net, NetDevice, Nexthop, argument},
    probes::lookup::{self, Arguments},
};

#[btf_tracepoint(function = "fib_table_lookup")]
pub(crate) fn on_fib_lookup(ctx: BtfTracePointContext) -> i32 {
    try_fib_lookup(ctx.as_ptr())
}

#[inline(always)]
fn try_fib_lookup(ctx: *mut c_void) -> i32 {
    // A lookup in vain names no nexthop. Linux 6.5 to 6.12 takes every argument for a pointer that is never
    // null, so that its check is dropped and a load from it not guarded: the error has to be asked instead.
    // <https://git.kernel.org/torvalds/c/838a10bd2ebf>
    // The kernel extends the error with zeros to 8 bytes.
    if argument::<u64>(ctx, 3) != 0 {
        return 0;
    }
    lookup::look(Arguments4(ctx))
}

#[derive(Clone, Copy)]
struct Arguments4(*mut c_void);

impl Arguments for Arguments4 {
    type Flow = Flow4;

    #[inline(always)]
    fn flow(self) -> Flow4 {
        Flow4::new(argument(self.0, 1))
    }

    #[inline(always)]
    fn device(self) -> Option<NetDevice> {
        Nexthop(argument(self.0, 2)).device()
    }

    #[inline(always)]
    fn net(self, device: NetDevice) -> Option<Net> {
        device.net()
    }
}

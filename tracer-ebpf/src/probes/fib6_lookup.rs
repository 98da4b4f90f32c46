//! `fib6_table_lookup(const struct net *, const struct fib6_result *, struct fib6_table *,
//! const struct flowi6 *)`
//! <https://elixir.bootlin.com/linux/v6.18/source/include/trace/events/fib6.h>
//!
//! As `fib_table_lookup`. Most lookups ask the local table (255) first, which answers with the
//! loopback device and an error unless the address is this host's own: that is no bridge either.

use core::ffi::c_void;

use aya_ebpf::{EbpfContext as _, macros::btf_tracepoint, programs::BtfTracePointContext};

use crate::{
    kernel::{Fib6Result, Flow6, Net, NetDevice, argument},
    probes::lookup::{self, Arguments},
};

#[btf_tracepoint(function = "fib6_table_lookup")]
pub(crate) fn on_fib6_lookup(ctx: BtfTracePointContext) -> i32 {
    lookup::look(Arguments6(ctx.as_ptr()))
}

#[derive(Clone, Copy)]
struct Arguments6(*mut c_void);

impl Arguments for Arguments6 {
    type Flow = Flow6;

    #[inline(always)]
    fn flow(self) -> Flow6 {
        Flow6::new(argument(self.0, 3))
    }

    #[inline(always)]
    fn device(self) -> Option<NetDevice> {
        Fib6Result(argument(self.0, 1)).device()
    }

    #[inline(always)]
    fn net(self, _: NetDevice) -> Option<Net> {
        Some(Net(argument(self.0, 0)))
    }
}

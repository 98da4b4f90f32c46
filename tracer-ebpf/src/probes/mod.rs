//! A program each: a thin shell around a `try_*` that ends early with `None`.

mod dev_queue;
mod dev_receive;
mod fib6_lookup;
mod fib_lookup;
mod lookup;
mod neigh_send;
mod neigh_timer;
mod process_exec;
mod process_signal;
mod skb_drop;
mod skb_refused;
mod tcp_reset;
mod tcp_retransmit;

use core::ffi::c_void;

use aya_ebpf::{EbpfContext as _, programs::BtfTracePointContext};

/// Calls `body`, a function's name and no closure, for real. What mostly looks and leaves has the rest of its
/// work apart: it then needs no stack, and the JIT saves no register for it.
#[inline(always)]
fn apart(ctx: &BtfTracePointContext, body: impl Fn(&BtfTracePointContext) -> Option<()>) {
    call(ctx.as_ptr(), body);
}

#[inline(never)]
fn call(ctx: *mut c_void, body: impl Fn(&BtfTracePointContext) -> Option<()>) -> i32 {
    let _ = body(&BtfTracePointContext::new(ctx));
    0
}

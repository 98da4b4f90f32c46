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

use aya_ebpf::{EbpfContext as _, programs::BtfTracePointContext};

/// Calls `body`, a function's name and no closure, for real. What mostly looks and leaves has the rest of its
/// work apart: it then needs no stack, and the JIT saves no register for it.
#[inline(always)]
fn apart(ctx: &BtfTracePointContext, body: impl Fn(&BtfTracePointContext) -> Option<()>) {
    call(ctx.as_ptr(), |ctx| body(&BtfTracePointContext::new(ctx)));
}

/// As [`apart`], with something else that is one register: a reference would lead to the caller's stack.
#[inline(never)]
fn call<S>(subject: S, body: impl Fn(S) -> Option<()>) -> i32 {
    const { assert!(size_of::<S>() == size_of::<u64>()) };
    let _ = body(subject);
    0
}

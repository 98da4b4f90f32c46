//! BPF programs that the kernel half is measured against: one that does nothing, which is what any program on a hook
//! costs at least, and for each hook the least that can decide there. Userspace loads them for what is measured.
#![no_std]
#![no_main]

mod kernel;
mod least;

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};

#[btf_tracepoint(function = "fib_table_lookup")]
pub(crate) fn empty(_: BtfTracePointContext) -> i32 {
    0
}

// BPF has no unwinding: the verifier rejects any program that could reach this.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

/// As the kernel half's.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";

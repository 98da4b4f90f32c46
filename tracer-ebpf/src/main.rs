//! The kernel half of bridgetrace: BTF tracepoints that notice a packet routed into a bridge
//! where nobody answers. It decides as little as possible; userspace decides what it means.
#![no_std]
#![no_main]
// The BPF target declares no atomics, since it lacks compare-and-swap on old kernels; it has the
// addition, through the intrinsic only.
#![feature(asm_experimental_arch, core_intrinsics)]
#![expect(internal_features, reason = "see above")]

mod addresses;
mod emit;
mod globals;
mod kernel;
mod maps;
mod memory;
mod probes;

// BPF has no unwinding: the verifier rejects any program that could reach this.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

/// Helpers used here (`bpf_probe_read_kernel`, `bpf_ktime_get_ns`) are GPL-only.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";

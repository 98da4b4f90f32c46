//! Wire types shared by the kernel half (`tracer-ebpf`) and the user half of bridgetrace.
//!
//! Every type is `repr(C)`, made of integers only (no `bool`, `enum` or `Option`: bytes that
//! cross the boundary are not trusted to hold a valid discriminant) and has no implicit padding.
//! Sizes are asserted at compile time. Addresses are in network byte order, ports in host order.
#![no_std]

mod counters;
mod event;
mod hooks;
mod offsets;
mod prefixes;
mod process;

pub use counters::{LostKey, LostPackets, WatchKey, Way};
pub use event::{Event, Flow, Lookup, event_flags};
pub use hooks::{DropReason, HOOKS, Hook, Stat};
pub use offsets::{ABSENT, KernelOffsets};
pub use prefixes::{PREFIX_WORDS, PrefixBit, prefix4, prefix6};
pub use process::{
    ARGUMENTS, Exec, INTERPRETER, LINE, Name, PROGRAMS, SCRIPT, Signal, Task, is_initial,
    signal_flags, words,
};

/// Maps an IPv4 address in network byte order to the v4-mapped form `::ffff:a.b.c.d`
/// (RFC 4291 §2.5.5.2) that every wire type uses, so that IPv6 needs no second layout.
#[inline(always)]
#[must_use]
pub const fn v4_mapped(addr: [u8; 4]) -> [u8; 16] {
    let mut out = [0; 16];
    out[10] = 0xff;
    out[11] = 0xff;
    out[12] = addr[0];
    out[13] = addr[1];
    out[14] = addr[2];
    out[15] = addr[3];
    out
}

/// IPv4's address family (`include/linux/socket.h`).
pub const AF_INET: u8 = 2;
/// IPv6's address family, same place.
pub const AF_INET6: u8 = 10;

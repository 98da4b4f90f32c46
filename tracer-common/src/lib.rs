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
pub use offsets::{ABSENT, KernelOffsets, Placeholder};
pub use prefixes::{PREFIX_WORDS, PrefixBit, prefix4, prefix6};
pub use process::{
    ARGUMENTS, Exec, INTERPRETER, LINE, Name, PROGRAMS, SCRIPT, Signal, Task, is_beginning,
    signal_flags, words,
};

/// Maps an IPv4 address in network byte order to the v4-mapped form `::ffff:a.b.c.d`
/// (RFC 4291 §2.5.5.2) that every wire type uses, so that IPv6 needs no second layout.
#[inline(always)]
#[must_use]
pub const fn v4_mapped(addr: [u8; 4]) -> [u8; 16] {
    let [a, b, c] = MAPPED;
    // SAFETY: as many bytes, and any will do.
    unsafe { core::mem::transmute::<[u32; 4], [u8; 16]>([a, b, c, u32::from_ne_bytes(addr)]) }
}

/// The IPv4 address behind a v4-mapped one: the inverse of [`v4_mapped`].
#[inline(always)]
#[must_use]
pub const fn v4_of(address: [u8; 16]) -> Option<[u8; 4]> {
    // SAFETY: as above.
    let [a, b, c, v4] = unsafe { core::mem::transmute::<[u8; 16], [u32; 4]>(address) };
    if a == MAPPED[0] && b == MAPPED[1] && c == MAPPED[2] {
        Some(v4.to_ne_bytes())
    } else {
        None
    }
}

/// How v4-mapped addresses begin. Addresses are handled by the word: by the byte, the kernel half would keep sixteen
/// of them apart, each in its place of a small stack.
const MAPPED: [u32; 3] = [0, 0, u32::from_ne_bytes([0, 0, 0xff, 0xff])];

/// IPv4's address family (`include/linux/socket.h`).
pub const AF_INET: u8 = 2;
/// IPv6's address family, same place.
pub const AF_INET6: u8 = 10;

//! The only reads of kernel memory: typed accessors that return `Option`.
//!
//! In a BTF tracepoint the verifier knows the type behind each pointer, so members are loaded
//! directly (a fault reads as zero). Packet bytes, to which BTF gives no type, and the few members
//! the verifier does not accept where they are go through `bpf_probe_read_kernel`.

mod device;
mod flow;
mod headers;
mod neighbour;
mod skb;
mod sock;
mod task;

pub(crate) use device::{Fib6Result, Net, NetDevice, Nexthop};
pub(crate) use flow::{Flow4, Flow6, Flowi};
pub(crate) use neighbour::Neighbour;
pub(crate) use skb::Skb;
pub(crate) use sock::Sock;
pub(crate) use task::{Task, signal_code};

use aya_ebpf::helpers::bpf_probe_read_kernel;
use tracer_common::ABSENT;

/// `IPPROTO_*` (`include/uapi/linux/in.h`).
pub(crate) const IPPROTO_ICMP: u8 = 1;
pub(crate) const IPPROTO_TCP: u8 = 6;
pub(crate) const IPPROTO_UDP: u8 = 17;
pub(crate) const IPPROTO_ICMPV6: u8 = 58;

/// Loads a member of type `T` at `offset`, of those that every kernel has which is traced: userspace refuses to run
/// without any that is not among the dispensable ones (`kernel/needs.rs`). For what runs for every lookup, where
/// asking would take as long as the load itself.
#[inline(always)]
fn present<T: Copy>(base: *const u8, offset: u32) -> Option<T> {
    if base.is_null() {
        return None;
    }
    // SAFETY: `base` is a pointer the verifier knows the type of, `offset` a member of that type
    // from the running kernel's BTF; the verifier checks the access, a fault yields zero.
    Some(unsafe { core::ptr::read_volatile(base.add(offset as usize).cast::<T>()) })
}

/// As [`present`], of those that a kernel may lack: `None` if this one does.
#[inline(always)]
fn member<T: Copy>(base: *const u8, offset: u32) -> Option<T> {
    if offset == ABSENT {
        return None;
    }
    present(base, offset)
}

/// As [`present`], for a member that is a pointer: `None` also when it is null.
#[inline(always)]
fn present_pointer(base: *const u8, offset: u32) -> Option<*const u8> {
    present::<*const u8>(base, offset).filter(|p| !p.is_null())
}

/// As [`member`], for a member that is a pointer: `None` also when it is null.
#[inline(always)]
fn pointer(base: *const u8, offset: u32) -> Option<*const u8> {
    member::<*const u8>(base, offset).filter(|p| !p.is_null())
}

/// As [`present`], for an IPv4 address.
#[inline(always)]
fn present_address4(base: *const u8, offset: u32) -> Option<[u8; 4]> {
    present::<u32>(base, offset).map(u32::to_ne_bytes)
}

/// As [`member`], for an IPv4 address.
#[inline(always)]
fn address4(base: *const u8, offset: u32) -> Option<[u8; 4]> {
    member::<u32>(base, offset).map(u32::to_ne_bytes)
}

/// As [`member`], for an IPv6 address: the verifier takes a load no wider than what `struct
/// in6_addr` is made of, and its members are aligned to 4 bytes only.
#[inline(always)]
fn address6(base: *const u8, offset: u32) -> Option<[u8; 16]> {
    if offset == ABSENT {
        return None;
    }
    let mut out = [0; 16];
    for (part, bytes) in (0_u32..).zip(out.chunks_exact_mut(4)) {
        bytes.copy_from_slice(&address4(base, offset + part * 4)?);
    }
    Some(out)
}

/// Copies a `T` from memory BTF has no type for.
#[inline(always)]
fn probe<T>(address: *const u8) -> Option<T> {
    // SAFETY: the helper checks the address and fails without touching bad memory.
    unsafe { bpf_probe_read_kernel(address.cast::<T>()) }.ok()
}

/// As [`member`], through the helper: for what the verifier does not take for a member of `base`.
#[inline(always)]
fn probe_member<T>(base: *const u8, offset: u32) -> Option<T> {
    if base.is_null() || offset == ABSENT {
        return None;
    }
    probe(base.wrapping_add(offset as usize))
}

//! The only reads of kernel memory: typed accessors that return `Option`.
//!
//! In a BTF tracepoint the verifier knows the type behind each pointer, so members are loaded
//! directly (a fault reads as zero). Packet bytes, to which BTF gives no type, and the few members
//! the verifier does not accept where they are go through `bpf_probe_read_kernel`.

mod device;
mod flow;
mod headers;
mod neighbour;
mod offsets;
mod skb;
mod sock;
mod task;

pub(crate) use device::{Fib6Result, Net, NetDevice, Nexthop, UntrustedDevice};
pub(crate) use flow::{Flow4, Flow6, Flowi};
pub(crate) use neighbour::Neighbour;
pub(crate) use skb::Skb;
pub(crate) use sock::Sock;
pub(crate) use task::{Task, signal_code};

use core::{ffi::c_void, ptr::read_volatile};

use aya_ebpf::helpers::bpf_probe_read_kernel;

use self::offsets::{Member, Offset};

/// `IPPROTO_*` (`include/uapi/linux/in.h`).
pub(crate) const IPPROTO_ICMP: u8 = 1;
pub(crate) const IPPROTO_TCP: u8 = 6;
pub(crate) const IPPROTO_UDP: u8 = 17;
pub(crate) const IPPROTO_ICMPV6: u8 = 58;

/// Argument `n`, from 0, of the BTF tracepoint with the context `ctx`: a register each. Loaded whenever it is asked for.
#[inline(always)]
pub(crate) fn argument<T>(ctx: *mut c_void, n: usize) -> T {
    const { assert!(size_of::<T>() == size_of::<u64>()) };
    // SAFETY: the verifier checks that there are as many, and knows the type of each.
    unsafe { read_volatile(ctx.cast::<T>().add(n)) }
}

/// Loads a member that is there wherever the program is loaded: without it userspace refuses to run, or leaves the hook
/// out (`kernel/needs.rs`).
#[inline(always)]
fn present<T: Member>(base: *const u8, offset: impl Offset) -> Option<T> {
    present_after::<T, 0>(base, offset)
}

/// As [`present`], what stands `AFTER` bytes behind the member's beginning.
#[inline(always)]
fn present_after<T: Member, const AFTER: usize>(base: *const u8, offset: impl Offset) -> Option<T> {
    if base.is_null() {
        return None;
    }
    // SAFETY: the offset is one of that type's from the running kernel's BTF; the verifier checks the access.
    Some(unsafe { T::load::<_, AFTER>(base, offset) })
}

/// As [`present`], of those that a kernel may lack: `None` if this one does.
#[inline(always)]
fn member<T: Member>(base: *const u8, offset: impl Offset) -> Option<T> {
    if offset.is_absent() {
        return None;
    }
    present(base, offset)
}

/// As [`present`], for a member that is a pointer: `None` also when it is null.
#[inline(always)]
fn present_pointer(base: *const u8, offset: impl Offset) -> Option<*const u8> {
    present::<*const u8>(base, offset).filter(|p| !p.is_null())
}

/// As [`member`], for a member that is a pointer: `None` also when it is null.
#[inline(always)]
fn pointer(base: *const u8, offset: impl Offset) -> Option<*const u8> {
    member::<*const u8>(base, offset).filter(|p| !p.is_null())
}

/// As [`present`], for an IPv4 address.
#[inline(always)]
fn present_address4(base: *const u8, offset: impl Offset) -> Option<[u8; 4]> {
    present::<u32>(base, offset).map(u32::to_ne_bytes)
}

/// As [`member`], for an IPv4 address.
#[inline(always)]
fn address4(base: *const u8, offset: impl Offset) -> Option<[u8; 4]> {
    member::<u32>(base, offset).map(u32::to_ne_bytes)
}

/// As [`member`], for an IPv6 address: the verifier takes a load no wider than what `struct
/// in6_addr` is made of, and its members are aligned to 4 bytes only.
#[inline(always)]
fn address6(base: *const u8, offset: impl Offset) -> Option<[u8; 16]> {
    if offset.is_absent() {
        return None;
    }
    let parts = [
        present_after::<u32, 0>(base, offset)?,
        present_after::<u32, 4>(base, offset)?,
        present_after::<u32, 8>(base, offset)?,
        present_after::<u32, 12>(base, offset)?,
    ];
    // SAFETY: as many bytes, and any will do.
    Some(unsafe { core::mem::transmute::<[u32; 4], [u8; 16]>(parts) })
}

/// Copies a `T` from memory BTF has no type for.
#[inline(always)]
fn probe<T>(address: *const u8) -> Option<T> {
    // SAFETY: the helper checks the address and fails without touching bad memory.
    unsafe { bpf_probe_read_kernel(address.cast::<T>()) }.ok()
}

/// As [`member`], through the helper: for what the verifier does not take for a member of `base`.
#[inline(always)]
fn probe_member<T>(base: *const u8, offset: impl Offset) -> Option<T> {
    if base.is_null() || offset.is_absent() {
        return None;
    }
    probe(base.wrapping_add(offset.value()))
}

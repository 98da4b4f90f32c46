//! Read-only globals, set by userspace before the load; constants to the verifier.

use core::ptr::{addr_of, read_volatile};

use tracer_common::KernelOffsets;

/// Offsets of the running kernel's struct members.
#[unsafe(no_mangle)]
pub(crate) static OFFSETS: KernelOffsets = KernelOffsets::NONE;

/// Kernel drop reason number → [`tracer_common::DropReason`] number, 0: not of interest.
#[unsafe(no_mangle)]
static REASONS: [u8; 256] = [0; 256];

/// Reads one member of [`OFFSETS`], one at a time so that the verifier sees a constant load
/// from a frozen map.
macro_rules! offset {
    ($field:ident) => {
        $crate::globals::read(&$crate::globals::OFFSETS.$field)
    };
}
pub(crate) use offset;

/// A volatile read, or the compiler would fold the initial value in.
#[inline(always)]
pub(crate) fn read(member: &u32) -> u32 {
    // SAFETY: a reference is valid to read from.
    unsafe { read_volatile(member) }
}

/// The wire number of the kernel's drop reason `reason`; 0 if it is not of interest.
#[inline(always)]
pub(crate) fn drop_reason(reason: u32) -> u8 {
    if reason > 255 {
        return 0;
    }
    // SAFETY: the index was bounded above.
    unsafe { read_volatile(addr_of!(REASONS).cast::<u8>().add(reason as usize)) }
}

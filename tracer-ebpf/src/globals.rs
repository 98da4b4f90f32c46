//! Globals: those set by userspace before the load, constants to the verifier, and those that change.
//! A program loads either straight from memory, without the call that a map's element takes: a hook
//! that mostly looks and leaves then needs no register saved and no stack.

use core::ptr::{addr_of, read_volatile, write_volatile};

use tracer_common::{PREFIX_WORDS, PrefixBit};

/// Kernel drop reason number → [`tracer_common::DropReason`] number, 0: not of interest.
#[unsafe(no_mangle)]
static REASONS: [u8; 256] = [0; 256];

/// A bit for each group of addresses that a bridge's route touches. Sections of their own are maps of
/// their own, so that writing one leaves the others alone.
type Prefixes = [u64; PREFIX_WORDS as usize];

/// A bit for each IPv4 /16, written by userspace.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".data.prefix4")]
static mut PREFIX4: Prefixes = [0; PREFIX_WORDS as usize];

/// The same over IPv6, see [`tracer_common::prefix6`].
#[unsafe(no_mangle)]
#[unsafe(link_section = ".data.prefix6")]
static mut PREFIX6: Prefixes = [0; PREFIX_WORDS as usize];

/// When a reply last went astray, in jiffies; 0: never. All CPUs share it.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".data.astray")]
static mut LAST_ASTRAY: u64 = 0;

#[inline(always)]
pub(crate) fn last_astray() -> u64 {
    // SAFETY: an aligned u64 in a live map value.
    unsafe { read_volatile(addr_of!(LAST_ASTRAY)) }
}

/// A reply went astray `now`. Written once a jiffy at the most: CPUs must not quarrel over the line; and never back: one that was
/// held up may come late.
#[inline(always)]
pub(crate) fn set_last_astray(now: u64) {
    if now.wrapping_sub(last_astray()).cast_signed() > 0 {
        // SAFETY: as above; whichever CPU is last writes as good a moment.
        unsafe { write_volatile(&raw mut LAST_ASTRAY, now) };
    }
}

/// Where distances in the kernel's memory are counted from.
#[inline(always)]
pub(crate) fn origin() -> *const u8 {
    addr_of!(LAST_ASTRAY).cast()
}

/// Whether an IPv4 address of this group may lie inside a bridge's subnet.
#[inline(always)]
pub(crate) fn prefix4_is_set(bit: PrefixBit) -> bool {
    is_set(addr_of!(PREFIX4), bit)
}

/// The same over IPv6.
#[inline(always)]
pub(crate) fn prefix6_is_set(bit: PrefixBit) -> bool {
    is_set(addr_of!(PREFIX6), bit)
}

#[inline(always)]
fn is_set(words: *const Prefixes, bit: PrefixBit) -> bool {
    // SAFETY: there are more words than a bit's may be.
    let word = unsafe { read_volatile(words.cast::<u64>().add(bit.word() as usize)) };
    word & bit.mask() != 0
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

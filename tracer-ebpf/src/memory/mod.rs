//! What route lookups leave behind for the hooks that run after them.

mod parked;
mod routes;
mod ways;

pub(crate) use routes::{
    Routed, has_just_passed, is_anything_passing, own_lookup, own_slot, passing_slot, passing_to,
};
pub(crate) use ways::{Ingress, is_known_way, may_come_elsewhere, set_way_in, way_in, way_in_of};

use aya_ebpf::{helpers::generated::bpf_jiffies64, maps::PerCpuArray};
use tracer_common::v4_mapped;

use crate::{
    globals::Moment,
    maps::{OWN_SLOT, OWN6_SLOT, PASSING_SLOT, PASSING6_SLOT},
};

/// What a slot remembers is the story of a packet only if it is recent:
/// 1 s at HZ=1000, 10 s at HZ=100.
pub(crate) const A_MOMENT: u64 = 1000;
/// A packet that is dropped as soon as it is routed dies within the same softirq.
pub(crate) const AT_ONCE: u64 = 2;

/// An address of either family, network byte order, and where lookups for it are remembered.
pub(crate) trait Address: Copy + PartialEq + 'static {
    /// That a packet passes into a bridge.
    const PASSING: Moment;
    /// What slots keep of it: a load each, where its bytes would take one each.
    type Words: Copy + PartialEq;

    fn words(self) -> Self::Words;
    /// Its last four bytes, which tell neighbours apart.
    fn last(words: Self::Words) -> u32;
    /// All of its bits in eight bytes.
    fn fold(words: Self::Words) -> u64;
    fn mapped(self) -> [u8; 16];
    /// Where this host's own lookups are remembered.
    fn own() -> &'static PerCpuArray<Routed<Self>>;
    /// Where lookups for packets that pass are.
    fn passing() -> &'static PerCpuArray<Routed<Self>>;
    /// The first of all ways in.
    fn ways() -> *mut Ingress<Self>;
}

impl Address for [u8; 4] {
    const PASSING: Moment = Moment::Passing4;
    type Words = u32;

    #[inline(always)]
    fn words(self) -> u32 {
        u32::from_ne_bytes(self)
    }

    #[inline(always)]
    fn last(words: u32) -> u32 {
        words
    }

    #[inline(always)]
    fn fold(words: u32) -> u64 {
        words.into()
    }

    #[inline(always)]
    fn mapped(self) -> [u8; 16] {
        v4_mapped(self)
    }

    #[inline(always)]
    fn own() -> &'static PerCpuArray<Routed<Self>> {
        &OWN_SLOT
    }

    #[inline(always)]
    fn passing() -> &'static PerCpuArray<Routed<Self>> {
        &PASSING_SLOT
    }

    #[inline(always)]
    fn ways() -> *mut Ingress<Self> {
        ways::v4()
    }
}

impl Address for [u8; 16] {
    const PASSING: Moment = Moment::Passing6;
    type Words = [u32; 4];

    #[inline(always)]
    fn words(self) -> [u32; 4] {
        let word =
            |at: usize| u32::from_ne_bytes([self[at], self[at + 1], self[at + 2], self[at + 3]]);
        [word(0), word(4), word(8), word(12)]
    }

    #[inline(always)]
    fn last([.., last]: [u32; 4]) -> u32 {
        last
    }

    #[inline(always)]
    fn fold([a, b, c, d]: [u32; 4]) -> u64 {
        u64::from(a ^ c) << 32 | u64::from(b ^ d)
    }

    #[inline(always)]
    fn mapped(self) -> [u8; 16] {
        self
    }

    #[inline(always)]
    fn own() -> &'static PerCpuArray<Routed<Self>> {
        &OWN6_SLOT
    }

    #[inline(always)]
    fn passing() -> &'static PerCpuArray<Routed<Self>> {
        &PASSING6_SLOT
    }

    #[inline(always)]
    fn ways() -> *mut Ingress<Self> {
        ways::v6()
    }
}

/// Now, in the unit that slots remember.
#[inline(always)]
pub(crate) fn jiffies() -> u64 {
    // SAFETY: no arguments, no preconditions; the JIT turns it into one load.
    unsafe { bpf_jiffies64() }
}

/// Whether that was no more than `age` jiffies ago.
#[inline(always)]
pub(crate) fn is_recent(then: u64, age: u64) -> bool {
    jiffies().wrapping_sub(then) <= age
}

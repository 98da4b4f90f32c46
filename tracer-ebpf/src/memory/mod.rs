//! What route lookups leave behind for the hooks that run after them.

mod astray;
mod ingress;
mod parked;
mod routes;

pub(crate) use astray::{Astray, astray_into, note_astray};
pub(crate) use ingress::{
    Ingress, ask_later, ingress, ingress_of, may_come_elsewhere, set_ingress, was_asked_lately,
};
pub(crate) use parked::Parked;
pub(crate) use routes::{Whose, is_anything_passing, lookup_into, passing_to, slot};

use aya_ebpf::{helpers::generated::bpf_jiffies64, maps::Array};
use tracer_common::v4_mapped;

use self::routes::{LastRouted, ROUTED4, ROUTED6};
use crate::maps::{INGRESS_SLOT, INGRESS6_SLOT};

/// What a slot remembers is the story of a packet only if it is recent; in jiffies:
/// 1 s at HZ=1000, 10 s at HZ=100.
pub(crate) const A_MOMENT: u64 = 1000;
/// A packet that is dropped as soon as it is routed dies within the same softirq; in jiffies.
pub(crate) const AT_ONCE: u64 = 2;

/// An address of either family, network byte order, and where lookups for it are remembered.
pub(crate) trait Address: Copy + PartialEq + 'static {
    /// What slots keep of it, as it lies in memory: a load each, where its bytes would take one each.
    type Words: Copy + PartialEq;

    fn words(self) -> Self::Words;
    /// Its last four bytes, host order: those tell neighbours apart.
    fn last(self) -> u32;
    /// All of its bits in eight bytes.
    fn fold(self) -> u64;
    fn mapped(self) -> [u8; 16];
    /// Where lookups are remembered: as many as there are CPUs.
    fn routed() -> *mut LastRouted<Self>;
    /// Where ingresses are.
    fn ingresses() -> &'static Array<Ingress<Self>>;
}

impl Address for [u8; 4] {
    type Words = u32;

    #[inline(always)]
    fn words(self) -> u32 {
        u32::from_ne_bytes(self)
    }

    #[inline(always)]
    fn last(self) -> u32 {
        u32::from_be_bytes(self)
    }

    #[inline(always)]
    fn fold(self) -> u64 {
        self.words().into()
    }

    #[inline(always)]
    fn mapped(self) -> [u8; 16] {
        v4_mapped(self)
    }

    #[inline(always)]
    fn routed() -> *mut LastRouted<Self> {
        (&raw mut ROUTED4).cast()
    }

    #[inline(always)]
    fn ingresses() -> &'static Array<Ingress<Self>> {
        &INGRESS_SLOT
    }
}

impl Address for [u8; 16] {
    type Words = [u32; 4];

    #[inline(always)]
    fn words(self) -> [u32; 4] {
        let word =
            |at: usize| u32::from_ne_bytes([self[at], self[at + 1], self[at + 2], self[at + 3]]);
        [word(0), word(4), word(8), word(12)]
    }

    #[inline(always)]
    fn last(self) -> u32 {
        u32::from_be_bytes([self[12], self[13], self[14], self[15]])
    }

    #[inline(always)]
    fn fold(self) -> u64 {
        let [a, b, c, d] = self.words();
        u64::from(a ^ c) << 32 | u64::from(b ^ d)
    }

    #[inline(always)]
    fn mapped(self) -> [u8; 16] {
        self
    }

    #[inline(always)]
    fn routed() -> *mut LastRouted<Self> {
        (&raw mut ROUTED6).cast()
    }

    #[inline(always)]
    fn ingresses() -> &'static Array<Ingress<Self>> {
        &INGRESS6_SLOT
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
fn is_recent(then: u64, age: u64) -> bool {
    jiffies().wrapping_sub(then) <= age
}

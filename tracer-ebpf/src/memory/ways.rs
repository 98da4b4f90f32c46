//! Where packets with a source inside a bridge's subnet came in last. All CPUs share it: who replies runs on whichever is
//! free. Of two packets with the same place the later one stays.

use core::ptr::read_volatile;

use tracer_common::v4_of;

use super::{A_MOMENT, Address, is_recent, jiffies, parked::Parked};
use crate::kernel::Net;

/// How old a way in may get before it is written anew: a busy connection must not make the CPUs
/// quarrel over who wrote last.
const FRESH: u64 = A_MOMENT / 16;

/// Ways in remembered per family.
const PLACES: usize = 4096;

/// A packet's way in, remembered until the reply is routed.
#[repr(C)]
pub(crate) struct Ingress<A: Address> {
    jiffies: u64,
    /// [`Net::id`].
    net: u64,
    saddr: A::Words,
    iif: u32,
    /// What the rest adds up to, see [`sum_of`].
    sum: u64,
}

/// Read and written where it lies, without the call that a map's element takes.
macro_rules! ways {
    ($table:ident, $section:literal, $get:ident, $address:ty, $nowhere:expr) => {
        #[unsafe(no_mangle)]
        #[unsafe(link_section = $section)]
        static mut $table: [Ingress<$address>; PLACES] = [const {
            Ingress {
                jiffies: 0,
                net: 0,
                saddr: $nowhere,
                iif: 0,
                sum: 0,
            }
        }; PLACES];

        #[inline(always)]
        pub(super) fn $get() -> *mut Ingress<$address> {
            (&raw mut $table).cast()
        }
    };
}
ways!(WAYS4, ".bss.ways4", v4, [u8; 4], 0);
ways!(WAYS6, ".bss.ways6", v6, [u8; 16], [0; 4]);

/// Where `remote`'s is kept. The namespace counts too: a packet may pass several.
#[inline(always)]
fn place<A: Address>(net: Net, remote: A::Words) -> *mut Ingress<A> {
    // A `struct net` takes pages.
    let hash = u64::from(u32::from_be(A::last(remote))) ^ net.id() >> 12;
    // SAFETY: the index is bounded.
    unsafe { A::ways().add(hash as usize % PLACES) }
}

/// ifindex by which `remote` (v4-mapped) came in a moment ago.
#[inline(always)]
pub(crate) fn way_in_of(net: Net, remote: [u8; 16]) -> Option<u32> {
    match v4_of(remote) {
        Some(v4) => way_in(net, v4),
        None => way_in(net, remote),
    }
}

/// As [`way_in_of`].
#[inline(always)]
pub(crate) fn way_in<A: Address>(net: Net, remote: A) -> Option<u32> {
    // SAFETY: a live map value.
    let it = unsafe { &*place::<A>(net, remote.words()) };
    let here = it.saddr == remote.words() && it.net == net.id();
    let iif = it.iif;
    // SAFETY: as above. What two CPUs wrote at once does not add up.
    let (sum, then) = unsafe {
        (
            read_volatile(&raw const it.sum),
            read_volatile(&raw const it.jiffies),
        )
    };
    let sure = here && is_recent(then, A_MOMENT) && sum == sum_of(then, net, remote, iif);
    sure.then_some(iif)
}

/// Whether it looks as if `remote` came in by another device than `ifindex`, at whatever time: [`way_in`] asks for that, and
/// for all that is not sure while other CPUs write.
#[inline(always)]
pub(crate) fn may_come_elsewhere<A: Address>(
    net: Net,
    remote: A,
    ifindex: impl FnOnce() -> Option<u32>,
) -> bool {
    // SAFETY: a live map value.
    let it = unsafe { &*place::<A>(net, remote.words()) };
    it.saddr == remote.words() && it.net == net.id() && Some(it.iif) != ifindex()
}

/// What an [`Ingress`] adds up to. The parts are kept apart: two that differ in one place do not add up to the same.
#[inline(always)]
fn sum_of<A: Address>(jiffies: u64, net: Net, remote: A, iif: u32) -> u64 {
    A::fold(remote.words())
        ^ u64::from(iif) << 32
        ^ net.id().rotate_left(16)
        ^ jiffies.rotate_left(40)
}

/// Whether it is remembered, and not for long, that `remote` came in by `iif`.
#[inline(always)]
pub(crate) fn is_known_way<A: Address>(net: Net, remote: A, iif: u32) -> bool {
    // SAFETY: a live map value.
    let it = unsafe { &*place::<A>(net, remote.words()) };
    if it.saddr != remote.words() || it.net != net.id() || it.iif != iif {
        return false;
    }
    let mut then = Parked::new();
    then.put(it.jiffies);
    jiffies().wrapping_sub(then.get()) <= FRESH
}

/// Remembers that `remote` came in by `iif`. CPUs that write it at once for different remotes can leave a mixture, which
/// does not add up.
#[inline(always)]
pub(crate) fn set_way_in<A: Address>(net: Net, remote: A, iif: u32) {
    // SAFETY: a live map value.
    let it = unsafe { &mut *place::<A>(net, remote.words()) };
    // Member by member: padding has no value to copy.
    let now = jiffies();
    it.jiffies = now;
    it.saddr = remote.words();
    it.net = net.id();
    it.iif = iif;
    it.sum = sum_of(now, net, remote, iif);
}

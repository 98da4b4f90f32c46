//! Where packets with a source inside a bridge's subnet came in last. All CPUs share it: who replies runs on whichever is
//! free. Of two packets with the same place the later one stays.

use core::{mem::MaybeUninit, ptr::read_volatile};

use tracer_common::v4_of;

use super::{A_MOMENT, AT_ONCE, Address, is_recent, jiffies, parked::Parked};
use crate::{kernel::Net, maps::INGRESSES};

/// For so long nobody asks again whether an ingress is to be written anew, in jiffies: a busy connection must not make the CPUs
/// quarrel over who wrote last.
const FRESH: u32 = A_MOMENT as u32 / 16;
/// The same where the answer was not clear: the next packet's may be.
const BRIEFLY: u32 = 2 * AT_ONCE as u32;

/// By which device a packet came in, remembered until the reply is routed.
#[repr(C)]
pub(crate) struct Ingress<A: Address> {
    jiffies: u64,
    /// [`Net::id`].
    net: u64,
    saddr: A::Words,
    iif: u32,
    /// Until when nobody asks whether that still holds: the lower half of jiffies, which comes round in weeks.
    ask_again: u32,
    /// What the rest but `ask_again` adds up to, see [`sum_of`].
    sum: u32,
}

/// That of `remote`, or of whoever has the same place. The namespace counts too: a packet may pass several.
#[inline(always)]
fn entry<A: Address>(net: u64, remote: A) -> Option<*mut Ingress<A>> {
    // A `struct net` takes pages.
    let hash = u64::from(remote.last()) ^ net >> 12;
    A::ingresses().get_ptr_mut(hash as u32 % INGRESSES)
}

/// ifindex by which `remote` (v4-mapped) came in a moment ago.
#[inline(always)]
pub(crate) fn ingress_of(net: Net, remote: [u8; 16]) -> Option<u32> {
    match v4_of(remote) {
        Some(v4) => ingress(net, v4),
        None => ingress(net, remote),
    }
}

/// As [`ingress_of`].
#[inline(always)]
pub(crate) fn ingress<A: Address>(net: Net, remote: A) -> Option<u32> {
    // SAFETY: a live map value. What two CPUs wrote at once does not add up.
    let it = unsafe { read_volatile(entry(net.id(), remote)?) };
    let here = it.saddr == remote.words() && it.net == net.id() && is_recent(it.jiffies, A_MOMENT);
    (here && it.sum == sum_of(it.jiffies, net, remote, it.iif)).then_some(it.iif)
}

/// Whether it looks as if `remote` came in by another device than `ifindex`, at whatever time: [`ingress`] asks for that, and
/// for all that is not sure while other CPUs write. What is asked for by name is read anew, see [`Parked`].
#[inline(always)]
pub(crate) fn may_come_elsewhere<A: Address>(
    net: Net,
    remote: impl Fn() -> Option<A>,
    ifindex: impl Fn() -> Option<u32>,
) -> Option<bool> {
    let mut place = MaybeUninit::uninit();
    let net = Parked::new(&mut place, net.id());
    // SAFETY: a live map value.
    let it = unsafe { &*entry(net.get(), remote()?)? };
    Some(it.saddr == remote()?.words() && it.net == net.get() && it.iif != ifindex()?)
}

/// Whether it was asked a moment ago if `remote` came in by `iif`, whatever the answer was. As above.
#[inline(always)]
pub(crate) fn was_asked_lately<A: Address>(
    net: Net,
    remote: impl Fn() -> Option<A>,
    iif: impl Fn() -> Option<u32>,
) -> Option<bool> {
    let (mut place, mut until) = (MaybeUninit::uninit(), MaybeUninit::uninit());
    let net = Parked::new(&mut place, net.id());
    // SAFETY: a live map value.
    let it = unsafe { &*entry(net.get(), remote()?)? };
    if it.saddr != remote()?.words() || it.net != net.get() || it.iif != iif()? {
        return Some(false);
    }
    let until = Parked::new(&mut until, it.ask_again);
    // First, or what it is compared with would wait in a register.
    let now = jiffies() as u32;
    Some(until.get().wrapping_sub(now) <= FRESH)
}

/// What an [`Ingress`] adds up to. The parts are kept apart: two that differ in one place do not add up to the same.
#[inline(always)]
fn sum_of<A: Address>(jiffies: u64, net: Net, remote: A, iif: u32) -> u32 {
    let sum =
        remote.fold() ^ u64::from(iif) << 32 ^ net.id().rotate_left(16) ^ jiffies.rotate_left(40);
    // Fibonacci hashing: each of the 64 bits tells in the upper half.
    (sum.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u32
}

/// Remembers that `remote` came in by `iif`. CPUs that write it at once for different remotes can leave a mixture, which
/// does not add up.
#[inline(always)]
pub(crate) fn set_ingress<A: Address>(net: Net, remote: A, iif: u32) -> Option<()> {
    // SAFETY: a live map value.
    let it = unsafe { &mut *entry(net.id(), remote)? };
    let now = jiffies();
    it.write(now, net, remote, iif);
    it.ask_again = (now as u32).wrapping_add(FRESH);
    Some(())
}

/// Has nobody ask for a moment whether `remote` came in by `iif`: the lookup before was for a packet to it by that device, so this
/// may be only its reverse (`rp_filter`), as it is for each packet then. Whoever came in not long ago keeps the place.
#[inline(always)]
pub(crate) fn ask_later<A: Address>(net: Net, remote: A, iif: u32) -> Option<()> {
    // SAFETY: as above.
    let it = unsafe { &mut *entry(net.id(), remote)? };
    if it.saddr != remote.words() || it.net != net.id() || it.iif != iif {
        if is_recent(it.jiffies, A_MOMENT) {
            return None;
        }
        // As far as is known it never did.
        it.write(0, net, remote, iif);
    }
    it.ask_again = (jiffies() as u32).wrapping_add(BRIEFLY);
    Some(())
}

impl<A: Address> Ingress<A> {
    /// Member by member: padding has no value to copy.
    #[inline(always)]
    fn write(&mut self, then: u64, net: Net, remote: A, iif: u32) {
        self.jiffies = then;
        self.saddr = remote.words();
        self.net = net.id();
        self.iif = iif;
        self.sum = sum_of(then, net, remote, iif);
    }
}

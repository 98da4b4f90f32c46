//! The last lookups on this CPU that were answered with a bridge: for a packet of this host, and for one that passes, apart,
//! since each is asked for what the other must not overwrite.

use core::mem::MaybeUninit;

use aya_ebpf::helpers::generated::bpf_get_smp_processor_id;
use tracer_common::{Lookup, v4_of};

use super::{AT_ONCE, Address, is_recent};
use crate::kernel::{Net, NetDevice, UntrustedDevice};

/// A lookup that was answered with a bridge, and which it was; the address in network byte order.
#[repr(C)]
pub(crate) struct Routed<A: Address> {
    pub(crate) jiffies: u64,
    pub(crate) bridge: UntrustedDevice,
    pub(crate) daddr: A::Words,
    pub(crate) oif: u32,
    pub(crate) mark: u32,
}

impl<A: Address> Routed<A> {
    /// Whether that was for `remote`, no more than `age` jiffies ago.
    #[inline(always)]
    fn is_to(&self, remote: A, age: u64) -> bool {
        self.daddr == remote.words() && is_recent(self.jiffies, age)
    }

    #[inline(always)]
    fn lookup(&self) -> Lookup {
        Lookup::new(self.oif, self.mark)
    }
}

/// For whose packet a lookup was made.
#[derive(Clone, Copy)]
pub(crate) enum Whose {
    /// This host's.
    Own,
    /// One that passes, or that of one that came in, in reverse (`rp_filter`). Packets that come in together are looked up before the
    /// first of them goes on: this is good only for who asks before the next lookup.
    /// <https://elixir.bootlin.com/linux/v6.18/A/ident/ip_list_rcv_finish>
    Passing,
}

/// CPUs whose lookups are remembered. A global is written as one piece when it is loaded, and before Linux 5.15 the kernel takes
/// that of contiguous memory: no more than 128 KiB.
const CPUS: usize = 896;

/// By CPU. A global, as a per-CPU map's value is found by three loads that wait for each other.
type ByCpu<A> = [LastRouted<A>; CPUS];

const _: () = assert!(size_of::<ByCpu<[u8; 16]>>() <= 128 << 10);

/// Zeros at first, so nothing in the object's file.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".bss.routed4")]
pub(super) static mut ROUTED4: MaybeUninit<ByCpu<[u8; 4]>> = MaybeUninit::zeroed();

/// The same over IPv6.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".bss.routed6")]
pub(super) static mut ROUTED6: MaybeUninit<ByCpu<[u8; 16]>> = MaybeUninit::zeroed();

/// The slots of a CPU.
#[repr(C)]
pub(crate) struct LastRouted<A: Address> {
    own: Routed<A>,
    passing: Routed<A>,
    /// Slots begin at multiples of eight bytes only: with so much in between, no two CPUs write to one line of the cache.
    _apart: [u64; 8],
}

/// This CPU's slot.
#[inline(always)]
pub(crate) fn slot<A: Address>(whose: Whose) -> Option<*mut Routed<A>> {
    // SAFETY: no arguments, no preconditions.
    let cpu = unsafe { bpf_get_smp_processor_id() } as usize;
    if cpu >= CPUS {
        return None;
    }
    // SAFETY: there are as many.
    Some(unsafe {
        let last = A::routed().add(cpu);
        match whose {
            Whose::Own => &raw mut (*last).own,
            Whose::Passing => &raw mut (*last).passing,
        }
    })
}

/// This CPU's last lookup, to be read.
#[inline(always)]
fn last_lookup<A: Address>(whose: Whose) -> Option<&'static Routed<A>> {
    // SAFETY: this CPU's slot; it may only change under a reader that is interrupted by a lookup.
    slot(whose).map(|slot| unsafe { &*slot })
}

/// The last lookup for such a packet on this CPU, if it was for `remote` (v4-mapped), no more than `age` jiffies ago, and was
/// answered with `bridge`.
#[inline(always)]
pub(crate) fn lookup_into(
    whose: Whose,
    bridge: NetDevice,
    remote: [u8; 16],
    age: u64,
) -> Option<Lookup> {
    match v4_of(remote) {
        Some(v4) => lookup_of_family(whose, bridge, v4, age),
        None => lookup_of_family(whose, bridge, remote, age),
    }
}

#[inline(always)]
fn lookup_of_family<A: Address>(
    whose: Whose,
    bridge: NetDevice,
    remote: A,
    age: u64,
) -> Option<Lookup> {
    let last = last_lookup(whose)?;
    (last.is_to(remote, age) && last.bridge == bridge.id()).then(|| last.lookup())
}

/// The last packet that passes on this CPU, right now, goes to `remote`: the ifindex of the bridge in `net`, and its lookup.
#[inline(always)]
pub(crate) fn passing_to<A: Address>(net: Net, remote: A) -> Option<(u32, Lookup)> {
    let last = last_lookup(Whose::Passing)?;
    if !last.is_to(remote, AT_ONCE) || !last.bridge.is_in(net) {
        return None;
    }
    Some((last.bridge.ifindex()?, last.lookup()))
}

/// Whether a packet may be passing into a bridge on this CPU right now: cheap to ask before it is looked at.
#[inline(always)]
pub(crate) fn is_anything_passing<A: Address>() -> bool {
    last_lookup::<A>(Whose::Passing).is_some_and(|last| is_recent(last.jiffies, AT_ONCE))
}

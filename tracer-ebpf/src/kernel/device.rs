//! Devices, their namespaces, and the nexthops that name them.

use core::{arch::asm, ptr::NonNull};

use super::{member, offsets::offset, present, present_pointer, probe_member};
use crate::globals;

/// `IFF_EBRIDGE`: <https://elixir.bootlin.com/linux/v6.18/source/include/linux/netdevice.h#L1740>.
const IFF_EBRIDGE: u32 = 1 << 1;
/// `IFF_BRIDGE_PORT`, same place.
const IFF_BRIDGE_PORT: u32 = 1 << 9;

/// `struct net`.
#[derive(Clone, Copy)]
pub(crate) struct Net(pub(crate) *const u8);

impl Net {
    /// What tells namespaces apart as long as they live, in one load less than [`Net::inum`]: how far
    /// away the namespace is. The verifier takes no address for a number, but the distance of two.
    #[inline(always)]
    pub(crate) fn id(self) -> u64 {
        (self.0 as u64).wrapping_sub(globals::origin() as u64)
    }

    /// Inode number of the namespace.
    #[inline(always)]
    pub(crate) fn inum(self) -> Option<u32> {
        member(self.0, offset!(net_inum))
    }
}

/// `struct net_device`.
#[derive(Clone, Copy)]
pub(crate) struct NetDevice(NonNull<u8>);

impl NetDevice {
    /// `None` for a null pointer.
    #[inline(always)]
    pub(super) fn new(address: *const u8) -> Option<Self> {
        NonNull::new(address.cast_mut()).map(Self)
    }

    #[inline(always)]
    const fn base(self) -> *const u8 {
        self.0.as_ptr()
    }

    /// What tells devices of all namespaces apart as long as they live: the address, which costs no load. The verifier lets
    /// it be kept and compared, if not reckoned with.
    #[inline(always)]
    pub(crate) fn id(self) -> UntrustedDevice {
        UntrustedDevice(self.base() as u64)
    }

    #[inline(always)]
    fn priv_flags(self) -> u32 {
        present(self.base(), offset!(netdev_priv_flags)).unwrap_or(0)
    }

    #[inline(always)]
    pub(crate) fn is_bridge(self) -> bool {
        self.priv_flags() & IFF_EBRIDGE != 0
    }

    #[inline(always)]
    pub(crate) fn is_bridge_port(self) -> bool {
        self.priv_flags() & IFF_BRIDGE_PORT != 0
    }

    #[inline(always)]
    pub(crate) fn ifindex(self) -> Option<u32> {
        present(self.base(), offset!(netdev_ifindex))
    }

    /// Inode number of the device's network namespace.
    #[inline(always)]
    pub(crate) fn netns(self) -> Option<u32> {
        self.net()?.inum()
    }

    /// The device's network namespace.
    #[inline(always)]
    pub(crate) fn net(self) -> Option<Net> {
        present_pointer(self.base(), offset!(netdev_net)).map(Net)
    }
}

/// Address of a `struct net_device` that the verifier does not know for one, since it was remembered or read from a plain
/// word. Members go through the copying helper. Another device may be there once it is gone.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct UntrustedDevice(u64);

impl UntrustedDevice {
    #[inline(always)]
    fn base(self) -> *const u8 {
        self.0 as *const u8
    }

    #[inline(always)]
    pub(crate) fn is_bridge(self) -> bool {
        let flags: Option<u32> = probe_member(self.base(), offset!(netdev_priv_flags));
        flags.is_some_and(|flags| flags & IFF_EBRIDGE != 0)
    }

    #[inline(always)]
    pub(crate) fn ifindex(self) -> Option<u32> {
        probe_member(self.base(), offset!(netdev_ifindex))
    }

    /// Whether the device is in `net`.
    #[inline(always)]
    pub(crate) fn is_in(self, net: Net) -> bool {
        let address: u64;
        // Hidden from the compiler, which would go on with the number that was read in the place of the pointer.
        // SAFETY: sets a register and nothing else.
        unsafe {
            asm!("{} = {}", out(reg) address, in(reg) net.0, options(pure, nomem, nostack, preserves_flags));
        }
        probe_member(self.base(), offset!(netdev_net)) == Some(address)
    }
}

/// `struct fib_nh_common`, the nexthop a lookup chose.
pub(crate) struct Nexthop(pub(crate) *const u8);

impl Nexthop {
    #[inline(always)]
    pub(crate) fn device(&self) -> Option<NetDevice> {
        NetDevice::new(present(self.0, offset!(nhc_dev))?)
    }
}

/// `struct fib6_result`, an IPv6 lookup's answer.
pub(crate) struct Fib6Result(pub(crate) *const u8);

impl Fib6Result {
    /// Device of the nexthop; the loopback's where there is no route.
    #[inline(always)]
    pub(crate) fn device(&self) -> Option<NetDevice> {
        let nexthop = present_pointer(self.0, offset!(fib6_result_nh))?;
        NetDevice::new(present(nexthop, offset!(fib6_nh_dev))?)
    }
}

//! What a route lookup asks for: `struct flowi4` and `struct flowi6`.

use core::ptr::NonNull;

use tracer_common::{Flow, Hook, prefix4, prefix6};

use super::{
    IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_TCP, IPPROTO_UDP, address6, member, offsets::offset,
    present, present_address4,
};
use crate::{
    globals::{prefix4_is_set, prefix6_is_set},
    memory::Address,
};

/// What is alike in both families.
pub(crate) trait Flowi {
    /// The family's address, network byte order.
    type Address: Address;
    /// The hook that sees its lookups.
    const HOOK: Hook;

    fn iif(&self) -> Option<u32>;
    fn oif(&self) -> Option<u32>;
    fn mark(&self) -> Option<u32>;
    fn proto(&self) -> u8;
    fn saddr(&self) -> Option<Self::Address>;
    fn daddr(&self) -> Option<Self::Address>;
    /// Whether the source may lie inside a bridge's subnet.
    fn is_from_bridge_prefix(&self) -> bool;
    /// Source and destination port, host order.
    fn ports(&self) -> Option<(u16, u16)>;
    fn icmp_type(&self) -> Option<u8>;

    /// The packet the lookup was made for, as far as the lookup knows it: a sender that is not
    /// bound has no source address yet.
    #[inline(always)]
    fn packet(&self) -> Option<Flow> {
        let mut flow = Flow {
            saddr: self.saddr()?.mapped(),
            daddr: self.daddr()?.mapped(),
            proto: self.proto(),
            ..Flow::default()
        };
        match flow.proto {
            IPPROTO_TCP | IPPROTO_UDP => (flow.sport, flow.dport) = self.ports().unwrap_or((0, 0)),
            IPPROTO_ICMP | IPPROTO_ICMPV6 => flow.icmp_type = self.icmp_type().unwrap_or(0),
            _ => {}
        }
        Some(flow)
    }
}

#[inline(always)]
fn in_prefix4(address: [u8; 4]) -> bool {
    prefix4_is_set(prefix4(address))
}

#[inline(always)]
fn in_prefix6([a, b, c, d]: [u8; 4]) -> bool {
    prefix6_is_set(prefix6([a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]))
}

macro_rules! flowi {
    ($(#[$doc:meta])* $name:ident, $hook:ident, $address:ty, $read:ident, $in_prefix:ident, $iif:ident, $oif:ident, $mark:ident, $proto:ident,
     $saddr:ident, $daddr:ident, $sport:ident, $dport:ident, $icmp_type:ident) => {
        $(#[$doc])*
        pub(crate) struct $name(NonNull<u8>);

        impl $name {
            /// The flow at `address`, a tracepoint's argument: none of them is called without one.
            #[inline(always)]
            pub(crate) const fn new(address: *const u8) -> Self {
                // SAFETY: as above; the kernel's verifier relies on it, too.
                Self(unsafe { NonNull::new_unchecked(address.cast_mut()) })
            }

            #[inline(always)]
            const fn base(&self) -> *const u8 {
                self.0.as_ptr()
            }
        }

        impl Flowi for $name {
            type Address = $address;
            const HOOK: Hook = Hook::$hook;

            #[inline(always)]
            fn iif(&self) -> Option<u32> {
                present(self.base(), offset!($iif))
            }

            #[inline(always)]
            fn oif(&self) -> Option<u32> {
                present(self.base(), offset!($oif))
            }

            #[inline(always)]
            fn mark(&self) -> Option<u32> {
                present(self.base(), offset!($mark))
            }

            #[inline(always)]
            fn proto(&self) -> u8 {
                present(self.base(), offset!($proto)).unwrap_or(0)
            }

            #[inline(always)]
            fn saddr(&self) -> Option<$address> {
                $read(self.base(), offset!($saddr))
            }

            #[inline(always)]
            fn daddr(&self) -> Option<$address> {
                $read(self.base(), offset!($daddr))
            }

            #[inline(always)]
            fn is_from_bridge_prefix(&self) -> bool {
                // All that decides stands in the first four bytes.
                present_address4(self.base(), offset!($saddr)).is_some_and($in_prefix)
            }

            #[inline(always)]
            fn ports(&self) -> Option<(u16, u16)> {
                let sport: u16 = member(self.base(), offset!($sport))?;
                let dport: u16 = member(self.base(), offset!($dport))?;
                Some((u16::from_be(sport), u16::from_be(dport)))
            }

            #[inline(always)]
            fn icmp_type(&self) -> Option<u8> {
                member(self.base(), offset!($icmp_type))
            }
        }
    };
}

flowi!(
    /// `struct flowi4`; ports and the ICMP type are dispensable.
    Flow4, FibLookup, [u8; 4], present_address4, in_prefix4, flowi4_iif, flowi4_oif, flowi4_mark, flowi4_proto,
    flowi4_saddr, flowi4_daddr, flowi4_sport, flowi4_dport, flowi4_icmp_type
);
flowi!(
    /// `struct flowi6`; where it lacks anything but ports and the ICMP type, the hook is left out.
    Flow6, Fib6Lookup, [u8; 16], address6, in_prefix6, flowi6_iif, flowi6_oif, flowi6_mark, flowi6_proto,
    flowi6_saddr, flowi6_daddr, flowi6_sport, flowi6_dport, flowi6_icmp_type
);

//! What addresses tell by themselves. All are v4-mapped, network byte order.

use tracer_common::{Flow, v4_of};

use crate::kernel::IPPROTO_ICMPV6;

/// Types of neighbour discovery (RFC 4861 §4): what ARP is to IPv4.
const DISCOVERY: core::ops::RangeInclusive<u8> = 133..=137;

/// Whether the address may be a remote's whose packets somebody misses. Multicast (IGMP and
/// neighbour discovery on a bridge without carrier) resolves no neighbour and misses nobody; who
/// has a link-local address (`fe80::/10`) is on the bridge by definition.
#[inline(always)]
pub(crate) const fn may_be_missed(address: [u8; 16]) -> bool {
    match v4_of(address) {
        Some(v4) => v4[0] < 224,
        None => address[0] != 0xff && !(address[0] == 0xfe && address[1] & 0xc0 == 0x80),
    }
}

/// Whether somebody may miss the packet.
#[inline(always)]
pub(crate) fn is_payload(flow: &Flow) -> bool {
    may_be_missed(flow.daddr) && !is_discovery(flow)
}

/// Whether it only asks for others or answers that: it goes where the neighbour was last seen,
/// whatever the routes say.
#[inline(always)]
pub(crate) fn is_discovery(flow: &Flow) -> bool {
    flow.proto == IPPROTO_ICMPV6 && DISCOVERY.contains(&flow.icmp_type)
}

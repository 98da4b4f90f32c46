//! Packets.

use tracer_common::Flow;

use super::{
    NetDevice, Sock, UntrustedDevice,
    headers::{arp_target, parse4, parse6},
    member,
    offsets::{Offset as _, offset},
    pointer, probe_member,
};

/// `ETH_P_*` (`include/uapi/linux/if_ether.h`) as they stand in the skb.
const ETH_P_IP: u16 = 0x0800_u16.to_be();
const ETH_P_ARP: u16 = 0x0806_u16.to_be();
const ETH_P_IPV6: u16 = 0x86dd_u16.to_be();

/// `SKB_DST_NOREF` (`include/linux/skbuff.h`).
const DST_NOREF: u64 = 1;
/// `DST_FAKE_RTABLE` (`include/net/dst.h`).
const DST_FAKE_RTABLE: u16 = 0x0010;
/// `IPSKB_FORWARDED` (`include/net/ip.h`).
const IPSKB_FORWARDED: u16 = 1 << 0;

/// `struct sk_buff`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Skb(pub(crate) *const u8);

impl Skb {
    #[inline(always)]
    pub(crate) fn device(self) -> Option<NetDevice> {
        NetDevice::new(member(self.0, offset!(skb_dev))?)
    }

    #[inline(always)]
    fn protocol(self) -> u16 {
        member(self.0, offset!(skb_protocol)).unwrap_or(0)
    }

    #[inline(always)]
    pub(crate) fn is_ipv4(self) -> bool {
        self.protocol() == ETH_P_IP
    }

    #[inline(always)]
    pub(crate) fn is_ipv6(self) -> bool {
        self.protocol() == ETH_P_IPV6
    }

    #[inline(always)]
    pub(crate) fn is_arp(self) -> bool {
        self.protocol() == ETH_P_ARP
    }

    /// ifindex by which the packet came in; `None` for one of this host's own.
    #[inline(always)]
    pub(crate) fn iif(self) -> Option<u32> {
        member::<u32>(self.0, offset!(skb_iif)).filter(|ifindex| *ifindex != 0)
    }

    /// Whether a packet that a firewall drops may be one that it would have passed on. Over IPv4 the kernel notes that before it
    /// asks the firewall; over IPv6 all that came in may be.
    /// <https://elixir.bootlin.com/linux/v6.18/A/ident/ip_forward>
    #[inline(always)]
    pub(crate) fn may_be_forwarded(self) -> bool {
        self.iif().is_some() && (!self.is_ipv4() || self.is_noted_forwarded())
    }

    #[inline(always)]
    fn is_noted_forwarded(self) -> bool {
        if offset!(skb_cb).is_absent() {
            return false;
        }
        let notes = self.0.wrapping_add(offset!(skb_cb).value());
        member::<u16>(notes, offset!(inet_skb_flags)).is_some_and(|it| it & IPSKB_FORWARDED != 0)
    }

    /// Device that the packet's route leads to, if it has one. What `br_netfilter` shows to the firewall as it is bridged mostly
    /// has none: a fake one, of the bridge.
    #[inline(always)]
    pub(crate) fn route_device(self) -> Option<UntrustedDevice> {
        let route = (member::<u64>(self.0, offset!(skb_refdst))? & !DST_NOREF) as *const u8;
        let flags: u16 = probe_member(route, offset!(dst_flags))?;
        if flags & DST_FAKE_RTABLE != 0 {
            return None;
        }
        probe_member(route, offset!(dst_dev))
    }

    #[inline(always)]
    pub(crate) fn mark(self) -> Option<u32> {
        member(self.0, offset!(skb_mark))
    }

    #[inline(always)]
    pub(crate) fn len(self) -> Option<u32> {
        member(self.0, offset!(skb_len))
    }

    /// Headers of an IP packet whose network header is set: one that leaves, or is routed.
    #[inline(always)]
    pub(crate) fn routed_flow(self) -> Option<Flow> {
        self.parse(self.network_header()?)
    }

    /// Headers of a packet on its way in, before the network header is set.
    #[inline(always)]
    pub(crate) fn received_flow(self) -> Option<Flow> {
        self.parse(pointer(self.0, offset!(skb_data))?)
    }

    /// Whose address an outgoing ARP request asks for.
    #[inline(always)]
    pub(crate) fn arp_target(self) -> Option<[u8; 4]> {
        arp_target(self.network_header()?)
    }

    /// Inode of the socket that sent the packet; of the listener for a SYN-ACK.
    #[inline(always)]
    pub(crate) fn socket_inode(self) -> Option<u64> {
        Sock(pointer(self.0, offset!(skb_sk))?).inode()
    }

    #[inline(always)]
    fn network_header(self) -> Option<*const u8> {
        let head = pointer(self.0, offset!(skb_head))?;
        let network: u16 = member(self.0, offset!(skb_network_header))?;
        Some(head.wrapping_add(network as usize))
    }

    #[inline(always)]
    fn parse(self, ip: *const u8) -> Option<Flow> {
        match self.protocol() {
            ETH_P_IP => parse4(ip),
            ETH_P_IPV6 => parse6(ip),
            _ => None,
        }
    }
}

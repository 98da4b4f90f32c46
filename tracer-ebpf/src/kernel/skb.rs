//! Packets.

use tracer_common::Flow;

use super::{
    NetDevice, Sock,
    headers::{arp_target, daddr4, daddr6, parse4, parse6},
    member,
    offsets::offset,
    pointer,
};

/// `ETH_P_*` (`include/uapi/linux/if_ether.h`) as they stand in the skb.
const ETH_P_IP: u16 = 0x0800_u16.to_be();
const ETH_P_ARP: u16 = 0x0806_u16.to_be();
const ETH_P_IPV6: u16 = 0x86dd_u16.to_be();

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

    /// ifindex by which the packet came in: it is forwarded, and no reply of this host.
    #[inline(always)]
    pub(crate) fn forwarded_iif(self) -> Option<u32> {
        member::<u32>(self.0, offset!(skb_iif)).filter(|ifindex| *ifindex != 0)
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

    /// Where an IP packet goes whose network header is set, v4-mapped.
    #[inline(always)]
    pub(crate) fn routed_daddr(self) -> Option<[u8; 16]> {
        let ip = self.network_header()?;
        match self.protocol() {
            ETH_P_IP => daddr4(ip),
            ETH_P_IPV6 => daddr6(ip),
            _ => None,
        }
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

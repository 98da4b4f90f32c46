//! What the kernel half puts into the ring buffer.

#[cfg(feature = "user")]
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// The headers of one packet, as parsed from its skb.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "user", derive(FromBytes, IntoBytes, Immutable, KnownLayout))]
pub struct Flow {
    /// Source address, v4-mapped, network byte order.
    pub saddr: [u8; 16],
    /// Destination address, v4-mapped, network byte order.
    pub daddr: [u8; 16],
    /// Source port, host order; 0 where the protocol has none.
    pub sport: u16,
    /// Destination port, host order; 0 where the protocol has none.
    pub dport: u16,
    /// IP protocol number (`IPPROTO_*`).
    pub proto: u8,
    /// TCP flags byte (offset 13 of the TCP header, RFC 9293 §3.1), else 0.
    pub tcp_flags: u8,
    /// ICMP type (RFC 792), else 0.
    pub icmp_type: u8,
    /// Keeps the layout free of implicit padding.
    pub reserved: u8,
}

/// What the route lookup behind an event asked for (`struct flowi4`, `struct flowi6`), as far as policy rules select on it
/// and the packet itself does not tell.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "user", derive(FromBytes, IntoBytes, Immutable, KnownLayout))]
pub struct Lookup {
    /// Of no meaning; recordings of earlier versions have the ingress ifindex here.
    pub reserved_iif: u32,
    /// ifindex the socket is bound to, 0 if none.
    pub oif: u32,
    /// fwmark.
    pub mark: u32,
    /// Of no meaning; recordings of earlier versions have the number of the table here.
    pub reserved_table: u32,
}

impl Lookup {
    /// A lookup that named the device `oif` (0: none) and `mark`.
    #[must_use]
    pub const fn new(oif: u32, mark: u32) -> Self {
        Self {
            reserved_iif: 0,
            oif,
            mark,
            reserved_table: 0,
        }
    }
}

/// One record in the ring buffer. Which parts hold is told by [`Event::flags`].
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "user", derive(FromBytes, IntoBytes, Immutable, KnownLayout))]
pub struct Event {
    /// `CLOCK_MONOTONIC`, nanoseconds.
    pub ktime_ns: u64,
    /// Packets of this remote and [`crate::Way`] that were counted before this one, where the hook
    /// counts: by [`crate::Hook::NeighSend`] as unresolved, by [`crate::Hook::SkbDrop`] as dropped
    /// for this reason, by the lookups as misrouted, by the retransmissions as retransmitted.
    pub before: u64,
    /// Inode of the sending socket (0: none or a kernel socket).
    pub socket_inode: u64,
    /// The route lookup that sent the packet here; see [`event_flags::LOOKUP`].
    pub lookup: Lookup,
    /// Network namespace, inode number.
    pub netns: u32,
    /// ifindex within `netns`: of the bridge the packet was routed into, except for
    /// [`crate::Hook::DevReceive`] and [`crate::Hook::DevQueue`], which tell the device they saw.
    pub ifindex: u32,
    /// ifindex by which the remote was last seen coming in; see [`event_flags::INGRESS`].
    pub ingress_ifindex: u32,
    /// ifindex by which a forwarded packet came in; see [`event_flags::FORWARDED`].
    pub forwarded_iif: u32,
    /// Process (tgid) that was current. Only a hint: may be whoever was interrupted.
    pub tgid: u32,
    /// The neighbour or peer this is about, v4-mapped, network byte order.
    pub remote: [u8; 16],
    /// The packet; see [`event_flags::FLOW`].
    pub flow: Flow,
    /// [`crate::event_flags`].
    pub flags: u32,
    /// Length of the packet in bytes, network header included.
    pub len: u32,
    /// [`crate::Hook`] as integer.
    pub hook: u8,
    /// [`crate::DropReason`] as integer (hook `SkbDrop` only).
    pub reason: u8,
    /// `NUD_*` state of the neighbour (`include/uapi/linux/neighbour.h`), neighbour hooks only.
    pub nud_state: u8,
    /// Keeps the layout free of implicit padding.
    pub reserved: [u8; 1],
}

/// Bits of [`Event::flags`].
pub mod event_flags {
    /// [`super::Event::lookup`] holds the lookup that led to this event.
    pub const LOOKUP: u32 = 1;
    /// [`super::Event::flow`] and [`super::Event::len`] hold a packet's headers.
    pub const FLOW: u32 = 1 << 1;
    /// [`super::Event::ingress_ifindex`] holds where the remote was seen coming in.
    pub const INGRESS: u32 = 1 << 2;
    /// The packet came in by [`super::Event::forwarded_iif`]: this host only passes it on.
    pub const FORWARDED: u32 = 1 << 3;
    /// What died is no payload but the question who has the remote's address (ARP): it is counted
    /// nowhere and has no flow.
    pub const ARP: u32 = 1 << 4;
}

const _: () = {
    assert!(size_of::<Flow>() == 40);
    assert!(size_of::<Lookup>() == 16);
    assert!(size_of::<Event>() == 128);
    assert!(align_of::<Event>() == 8);
};

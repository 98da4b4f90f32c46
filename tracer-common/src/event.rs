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

/// The last FIB lookup on this CPU that was answered with a bridge (`struct flowi4`).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "user", derive(FromBytes, IntoBytes, Immutable, KnownLayout))]
pub struct Lookup {
    /// `jiffies64` of the lookup.
    pub jiffies: u64,
    /// Source address, network byte order; 0.0.0.0 from an unbound sender.
    pub saddr: [u8; 4],
    /// Destination address, network byte order.
    pub daddr: [u8; 4],
    /// Network namespace, inode number.
    pub netns: u32,
    /// ifindex of the bridge the route points to.
    pub ifindex: u32,
    /// Ingress ifindex: 1 (loopback) for locally generated packets.
    pub iif: u32,
    /// ifindex the socket is bound to, 0 if none.
    pub oif: u32,
    /// fwmark.
    pub mark: u32,
    /// Routing table that was searched.
    pub table: u32,
}

/// One record in the ring buffer. Which parts hold is told by [`Event::flags`].
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "user", derive(FromBytes, IntoBytes, Immutable, KnownLayout))]
pub struct Event {
    /// `CLOCK_MONOTONIC`, nanoseconds.
    pub ktime_ns: u64,
    /// Packets to this remote that were lost before this one ([`crate::Hook::NeighSend`] only).
    pub before: u64,
    /// Inode of the sending socket (0: none or a kernel socket).
    pub socket_inode: u64,
    /// The route lookup that sent the packet here; see [`event_flags::LOOKUP`].
    pub lookup: Lookup,
    /// Network namespace, inode number.
    pub netns: u32,
    /// ifindex of the device the hook saw, within `netns`.
    pub ifindex: u32,
    /// ifindex by which the remote was last seen coming in; see [`event_flags::INGRESS`].
    pub ingress_ifindex: u32,
    /// Process (tgid) that was current. Only a hint: may be whoever was interrupted.
    pub tgid: u32,
    /// `comm` of the current task, NUL-padded. Only a hint, as `tgid`.
    pub comm: [u8; 16],
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
    pub reserved: [u8; 5],
}

/// Bits of [`Event::flags`].
pub mod event_flags {
    /// [`super::Event::lookup`] holds the lookup that led to this event.
    pub const LOOKUP: u32 = 1;
    /// [`super::Event::flow`] and [`super::Event::len`] hold a packet's headers.
    pub const FLOW: u32 = 1 << 1;
    /// [`super::Event::ingress_ifindex`] holds where the remote was seen coming in.
    pub const INGRESS: u32 = 1 << 2;
}

const _: () = {
    assert!(size_of::<Flow>() == 40);
    assert!(size_of::<Lookup>() == 40);
    assert!(size_of::<Event>() == 168);
    assert!(align_of::<Event>() == 8);
};

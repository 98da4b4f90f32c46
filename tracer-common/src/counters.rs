//! Keys and values of the maps both halves touch.

use crate::DropReason;

#[cfg(feature = "user")]
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Key of the `LOST` map: who lost packets where.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "user", derive(FromBytes, IntoBytes, Immutable, KnownLayout))]
pub struct LostKey {
    /// Network namespace, inode number.
    pub netns: u32,
    /// ifindex of the bridge.
    pub ifindex: u32,
    /// The address nobody answers for, v4-mapped, network byte order.
    pub remote: [u8; 16],
    /// [`Way`] as integer.
    pub way: u32,
}

/// Which way a lost packet was going: what is lost on one says nothing of the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u32)]
pub enum Way {
    /// Sent by this host to the remote.
    Sent = 0,
    /// Forwarded by this host to the remote.
    Forwarded = 1,
    /// Come from the remote, whose way back leads into the bridge.
    Arriving = 2,
    /// Sent to the remote and delivered to somebody else who has its address.
    Misdelivered = 3,
}

impl Way {
    /// The way with this number, if there is one.
    #[must_use]
    pub const fn from_u32(value: u32) -> Option<Self> {
        match value {
            0 => Some(Self::Sent),
            1 => Some(Self::Forwarded),
            2 => Some(Self::Arriving),
            3 => Some(Self::Misdelivered),
            _ => None,
        }
    }
}

/// Value of the `LOST` map: exact packet counts since the entry was made.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "user", derive(FromBytes, IntoBytes, Immutable, KnownLayout))]
pub struct LostPackets {
    /// Packets handed to the neighbour while nobody answered (`neigh_event_send_done`, rc 1).
    pub unresolved: u64,
    /// Packets seen dying, by [`crate::DropReason`] number; index 0 is unused.
    pub dropped: [u64; DropReason::ENTRIES],
    /// Lookups that routed a reply into the bridge although its remote had come in by another
    /// device a moment ago ([`Way::Misdelivered`] only).
    pub misrouted: u64,
    /// Packets to a watched remote that were sent out by the suspected bridge
    /// ([`Way::Misdelivered`] only).
    pub delivered: u64,
    /// TCP segments and SYN-ACKs to a watched remote that were sent again ([`Way::Sent`] only).
    pub retransmitted: u64,
}

/// Key of the `WATCH` map: a remote whose replies are suspected lost.
/// The value is the ifindex of the suspected bridge.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "user", derive(FromBytes, IntoBytes, Immutable, KnownLayout))]
pub struct WatchKey {
    /// Network namespace, inode number.
    pub netns: u32,
    /// The remote, v4-mapped, network byte order.
    pub remote: [u8; 16],
}

const _: () = {
    assert!(size_of::<LostKey>() == 28);
    assert!(size_of::<LostPackets>() == 8 * (4 + DropReason::ENTRIES));
    assert!(size_of::<WatchKey>() == 20);
};

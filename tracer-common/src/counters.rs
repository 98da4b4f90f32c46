//! Keys and values of the maps both halves touch.

#[cfg(feature = "user")]
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Key of the `LOST` map: who lost packets where.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "user", derive(FromBytes, IntoBytes, Immutable, KnownLayout))]
pub struct LostKey {
    /// Network namespace, inode number.
    pub netns: u32,
    /// ifindex of the bridge.
    pub ifindex: u32,
    /// The address nobody answers for, v4-mapped, network byte order.
    pub remote: [u8; 16],
}

/// Value of the `LOST` map: exact packet counts since the entry was made.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "user", derive(FromBytes, IntoBytes, Immutable, KnownLayout))]
pub struct LostPackets {
    /// Packets handed to the neighbour while nobody answered (`neigh_event_send_done`, rc 1).
    pub unresolved: u64,
    /// Packets seen dying, by [`crate::DropReason`] number; index 0 is unused.
    pub dropped: [u64; 6],
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
    assert!(size_of::<LostKey>() == 24);
    assert!(size_of::<LostPackets>() == 56);
    assert!(size_of::<WatchKey>() == 20);
};

//! What the kernel half counts: lost packets, and what it could not tell.

use std::{collections::BTreeMap, net::IpAddr};

use serde::{Deserialize, Serialize};

/// Lost packets of one remote, see `tracer_common::LostPackets`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counter {
    /// Namespace, inode number.
    pub netns: u32,
    /// ifindex of the bridge.
    pub ifindex: u32,
    /// The address nobody answers for.
    pub remote: IpAddr,
    /// Packets that met the unresolved neighbour.
    pub unresolved: u64,
    /// Which way the packets were going, a `tracer_common::Way` number.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub way: u32,
    /// Packets seen dying, by `tracer_common::DropReason` number.
    pub dropped: BTreeMap<u8, u64>,
    /// Lookups that routed a reply into the bridge although its remote had come in elsewhere.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub misrouted: u64,
    /// Packets to a watched remote that were sent out by the suspected bridge.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub delivered: u64,
    /// TCP segments and SYN-ACKs to a watched remote that were sent again.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub retransmitted: u64,
}

impl Counter {
    /// Nothing lost by this remote yet.
    #[must_use]
    pub const fn zero(netns: u32, ifindex: u32, remote: IpAddr) -> Self {
        Self {
            netns,
            ifindex,
            remote,
            unresolved: 0,
            way: 0,
            dropped: BTreeMap::new(),
            misrouted: 0,
            delivered: 0,
            retransmitted: 0,
        }
    }

    /// Whether nothing is counted: the kernel half forgot the remote.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        let nothing = Self {
            way: self.way,
            ..Self::zero(self.netns, self.ifindex, self.remote)
        };
        *self == nothing
    }
}

fn is_zero<T: Default + PartialEq>(number: &T) -> bool {
    *number == T::default()
}

/// Events of one hook that were lost, totals since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookLoss {
    /// Tracepoint.
    pub hook: String,
    /// Records the ring buffer had no room for.
    pub rejected: u64,
    /// Packets that could not be counted.
    pub uncounted: u64,
    /// Runs the kernel skipped because the program was already active on that CPU.
    pub skipped: u64,
    /// Inputs that are missing in a recording. None ever is while the host is watched.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub missing: u64,
}

impl HookLoss {
    /// Everything that was lost.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.rejected
            .saturating_add(self.uncounted)
            .saturating_add(self.skipped)
            .saturating_add(self.missing)
    }
}

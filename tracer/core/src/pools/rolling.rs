//! The allocator of engines up to 26.
//!
//! The list of subnets is walked from the cursor on, and around. A subnet that no network has, but
//! that the host uses, is held while the search goes on, and moves the cursor too.
//! <https://github.com/moby/moby/blob/v26.1.5/libnetwork/ipam/allocator.go#L196>,
//! <https://github.com/moby/moby/blob/v26.1.5/libnetwork/network.go#L1475>

use ipnet::IpNet;

use super::{Slots, Taken, overlaps};

/// What a request brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pick {
    pub(super) subnet: IpNet,
    /// Where the next request goes on.
    pub(super) cursor: u64,
}

/// The subnet that the next network gets, if any is left.
pub(super) fn pick(slots: &Slots, cursor: u64, taken: &Taken, ipv6: bool) -> Option<Pick> {
    request(slots, cursor, taken, ipv6).ok()
}

/// Where the cursor is after a request that finds nothing; `None` if it finds something.
pub(super) fn after_failure(slots: &Slots, cursor: u64, taken: &Taken) -> Option<u64> {
    request(slots, cursor, taken, false).err()
}

/// What is picked, or where the cursor ends when nothing is.
fn request(slots: &Slots, cursor: u64, taken: &Taken, ipv6: bool) -> Result<Pick, u64> {
    let (mut allocated, mut cursor) = (taken.allocated.clone(), cursor);
    while let Some(pick) = predefined(slots, cursor, &allocated, ipv6) {
        let held = taken
            .reserved
            .iter()
            .any(|used| overlaps(used, &pick.subnet));
        if !held {
            return Ok(pick);
        }
        cursor = pick.cursor;
        allocated.push(pick.subnet);
    }
    Err(cursor)
}

/// The first subnet from the cursor on that overlaps none of `allocated`.
fn predefined(slots: &Slots, cursor: u64, allocated: &[IpNet], ipv6: bool) -> Option<Pick> {
    let count = slots.len();
    let start = if cursor < count { cursor } else { 0 };
    let found = walk(slots, start, count, allocated, ipv6);
    let after = |(subnet, place): (IpNet, u64)| Pick {
        subnet,
        cursor: if place + 1 < count { place + 1 } else { 0 },
    };
    // Having gone around, the engine does not wrap the cursor: it starts anew.
    let around = |(subnet, _)| Pick { subnet, cursor: 0 };
    found
        .map(after)
        .or_else(|| walk(slots, 0, start, allocated, ipv6).map(around))
}

/// The first free subnet from place `from` to before `to`.
fn walk(
    slots: &Slots,
    from: u64,
    to: u64,
    allocated: &[IpNet],
    ipv6: bool,
) -> Option<(IpNet, u64)> {
    let mut place = from;
    while place < to {
        let (subnet, pool_end) = slots.at(place)?;
        if matches!(subnet, IpNet::V6(_)) != ipv6 {
            place = pool_end;
            continue;
        }
        let Some(used) = allocated.iter().find(|used| overlaps(used, &subnet)) else {
            return Some((subnet, place));
        };
        // One that covers many subnets is passed in one step.
        let covered = slots.touching(used);
        let mut covered = covered.filter(|(first, last)| (*first..=*last).contains(&place));
        place = covered.next().map_or(place, |(_, last)| last) + 1;
    }
    None
}

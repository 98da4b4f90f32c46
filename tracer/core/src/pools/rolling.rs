//! The allocator of engines up to 26.
//!
//! The list of subnets is walked from the cursor on, and around. A subnet that no network has, but
//! that the host uses, is held while the search goes on, and moves the cursor too. The engine does so
//! subnet by subnet; here what lies in a row is passed in one step, for a pool may have millions.
//! <https://github.com/moby/moby/blob/v26.1.5/libnetwork/ipam/allocator.go#L196>,
//! <https://github.com/moby/moby/blob/v26.1.5/libnetwork/network.go#L1475>

use ipnet::IpNet;

use super::{Slots, Taken, places::Places};

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
    let mut used = slots.used(taken.allocated.iter());
    let reserved = slots.used(taken.reserved.iter());
    let mut cursor = cursor;
    while let Some(found) = predefined(slots, cursor, &used, ipv6) {
        let Some((subnet, pool_end)) = slots.at(found.place) else {
            break;
        };
        let Some(last) = reserved.last_of(found.place) else {
            let cursor = found.cursor_after(slots, found.place);
            return Ok(Pick { subnet, cursor });
        };
        // Having gone around, the engine starts anew before it meets the next one.
        let row_end = if found.is_around {
            found.place + 1
        } else {
            pool_end.min(last + 1)
        };
        for (first, last) in used.clone().free(found.place, row_end) {
            cursor = found.cursor_after(slots, last);
            used.add(slots.alike(first, last));
        }
    }
    Err(cursor)
}

/// A free place.
struct Found {
    place: u64,
    /// It was found after the search had come to the end of the list.
    is_around: bool,
}

impl Found {
    /// Where the engine goes on after the subnet at `place`.
    fn cursor_after(&self, slots: &Slots, place: u64) -> u64 {
        // Having gone around, it does not wrap the cursor: it starts anew.
        let next = if self.is_around { 0 } else { place + 1 };
        if next < slots.len() { next } else { 0 }
    }
}

/// The first place from the cursor on that is not in `used`.
fn predefined(slots: &Slots, cursor: u64, used: &Places, ipv6: bool) -> Option<Found> {
    let count = slots.len();
    let start = if cursor < count { cursor } else { 0 };
    let found = |place, is_around| Found { place, is_around };
    let ahead = slots.first_free(used, start, count, ipv6);
    let around = || slots.first_free(used, 0, start, ipv6);
    let ahead = ahead.map(|place| found(place, false));
    ahead.or_else(|| around().map(|place| found(place, true)))
}

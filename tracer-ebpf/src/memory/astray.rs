//! Replies that went into a bridge although their remote came in elsewhere: so that a reset by whoever has the remote's
//! address is understood.

use tracer_common::WatchKey;

use super::{A_MOMENT, is_recent, jiffies};
use crate::{globals, maps::ASYMMETRIC};

/// A reset answers a reply within a round trip, however often that must be sent: longer than an event is held back. In
/// jiffies.
const A_WHILE: u64 = 10 * A_MOMENT;

/// Where replies to a remote went, and when one did last.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Astray {
    jiffies: u64,
    /// ifindex of the bridge.
    bridge: u32,
    reserved: u32,
}

/// Remembers that a reply went astray.
#[inline(always)]
pub(crate) fn note_astray(key: &WatchKey, bridge: u32) {
    let astray = Astray {
        jiffies: jiffies(),
        bridge,
        reserved: 0,
    };
    globals::set_last_astray(astray.jiffies);
    match ASYMMETRIC.get_ptr_mut(key) {
        // SAFETY: a live map value; two that are written at once say the same, or nearly.
        Some(known) => unsafe { *known = astray },
        // A full LRU evicts; a failed insert costs the evidence of one reset.
        None => drop(ASYMMETRIC.insert(key, &astray, 0)),
    }
}

/// ifindex of the bridge into which a reply went astray not long ago.
#[inline(always)]
pub(crate) fn astray_into(key: &WatchKey) -> Option<u32> {
    if !is_recent(globals::last_astray(), A_WHILE) {
        return None;
    }
    let astray = ASYMMETRIC.get_ptr(key)?;
    // SAFETY: a live map value.
    let (then, bridge) = unsafe { ((*astray).jiffies, (*astray).bridge) };
    // Whoever came home since resets by himself.
    is_recent(then, A_WHILE).then_some(bridge)
}

//! Connections that were reset by whoever got a reply that was not for him. The reset may be told of
//! before that reply is: a lost packet waits for what explains it, and may be lost for good on a
//! connection that another packet tells of later.

use std::{collections::BTreeMap, net::IpAddr};

use crate::{
    incident::Place,
    time::{SECOND, Timestamp},
};

/// How long a reset is remembered: a client that waits repeats itself within this time.
const MEMORY: u64 = 120 * SECOND;
/// How many.
const RESETS: usize = 1024;

/// Who reset a connection where, and when last.
#[derive(Clone, Debug, Default)]
pub(super) struct Resets(BTreeMap<(Place, IpAddr), Timestamp>);

impl Resets {
    /// A connection of `remote` was reset from the bridge.
    pub(super) fn add(&mut self, at: Timestamp, place: Place, remote: IpAddr) {
        if self.0.len() < RESETS || self.0.contains_key(&(place, remote)) {
            self.0.insert((place, remote), at);
        }
    }

    /// When a connection of `remote` was reset from the bridge last.
    pub(super) fn last(&self, place: Place, remote: IpAddr) -> Option<Timestamp> {
        self.0.get(&(place, remote)).copied()
    }

    /// Forgets what is long ago.
    pub(super) fn expire(&mut self, now: Timestamp) {
        self.0.retain(|_, at| now.since(*at) < MEMORY);
    }
}

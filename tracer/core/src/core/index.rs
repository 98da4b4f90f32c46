//! Where to find the incidents that an input is about: there may be one for each bridge, and an input must not
//! ask all of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    ops::RangeInclusive,
};

use crate::{finding::Kind, incident::Place, time::Timestamp};

use super::Key;

/// The first and the last of the kinds, in their order.
const FIRST: Kind = Kind::ReplyBlackhole;
const LAST: Kind = Kind::EventsLost;

/// By whom they are about, and by when they are due.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    /// Namespace, remote, and the incident that has it.
    remotes: BTreeSet<(u32, IpAddr, Key)>,
    due: BTreeMap<Key, Timestamp>,
    schedule: BTreeSet<(Timestamp, Key)>,
}

impl Index {
    /// An incident has one more remote.
    pub(super) fn add(&mut self, key: Key, remote: IpAddr) {
        self.remotes.insert((key.0.netns, remote, key));
    }

    /// The incidents of a namespace that have the remote, in their order.
    pub(super) fn of_remote(&self, netns: u32, remote: IpAddr) -> impl Iterator<Item = Key> {
        let (first, last) = within(netns).into_inner();
        let keys = self
            .remotes
            .range((netns, remote, first)..=(netns, remote, last));
        keys.map(|(.., key)| *key)
    }

    /// When an incident is to be looked at again, if nothing happens.
    pub(super) fn schedule(&mut self, key: Key, due: Option<Timestamp>) {
        if self.due.get(&key).copied() == due {
            return;
        }
        let before = match due {
            Some(due) => self.due.insert(key, due),
            None => self.due.remove(&key),
        };
        if let Some(before) = before {
            self.schedule.remove(&(before, key));
        }
        self.schedule.extend(due.map(|due| (due, key)));
    }

    /// When the first of all is.
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        self.schedule.first().map(|(due, _)| *due)
    }

    /// An incident is over that had these remotes.
    pub(super) fn remove<'a>(&mut self, key: Key, remotes: impl Iterator<Item = &'a IpAddr>) {
        for remote in remotes {
            self.remotes.remove(&(key.0.netns, *remote, key));
        }
        self.schedule(key, None);
    }
}

/// Every key of a bridge.
pub(super) const fn at(place: Place) -> RangeInclusive<Key> {
    (place, FIRST)..=(place, LAST)
}

/// Every key of a namespace.
pub(super) const fn within(netns: u32) -> RangeInclusive<Key> {
    let first = Place { netns, ifindex: 0 };
    let last = Place {
        ifindex: u32::MAX,
        ..first
    };
    (first, FIRST)..=(last, LAST)
}

#[cfg(test)]
mod tests;

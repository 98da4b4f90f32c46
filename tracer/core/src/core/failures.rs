//! Neighbours that the kernel gave up, as its neighbour table tells it. The hook on the neighbour's timer tells it
//! first, with the packets that die, but is not run everywhere (see `KNOWN_ISSUES.md`).

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use tracer_common::Way;

use crate::{
    doubt::waited_for,
    finding::Kind,
    incident::{Incident, Place},
    input::NetChange,
    time::{SECOND, Timestamp},
    world::namespace::is_given_up,
};

use super::{Core, Key, evidence, index, lost_packet::way_of};

/// How long the hook's word is waited for. An entry that was removed by hand is told as given up, too, and gone
/// in the same moment; one that is gone later made room.
const LATE: u64 = SECOND / 20;
/// Kept at once: of a flood one is enough for each outage.
const FAILURES: usize = 1024;

/// When neighbours were given up last.
#[derive(Clone, Debug, Default)]
pub(super) struct Failures(BTreeMap<(Place, IpAddr), Timestamp>);

impl Failures {
    /// What the neighbour table of a namespace says.
    pub(super) fn note(&mut self, at: Timestamp, netns: u32, change: &NetChange) {
        let (neighbour, gone) = match change {
            NetChange::Neighbour(neighbour) => (neighbour, false),
            NetChange::NeighbourGone(neighbour) => (neighbour, true),
            _ => return,
        };
        let ifindex = neighbour.ifindex;
        let key = (Place { netns, ifindex }, neighbour.address);
        if gone {
            let by_hand = |failed: &Timestamp| at.since(*failed) < LATE;
            if self.0.get(&key).is_some_and(by_hand) {
                self.0.remove(&key);
            }
        } else if !is_given_up(neighbour) {
            self.0.remove(&key);
        } else if self.0.len() < FAILURES || self.0.contains_key(&key) {
            self.0.insert(key, at);
        }
    }

    /// Those that nothing has contradicted meanwhile.
    fn late(&self, now: Timestamp) -> Vec<((Place, IpAddr), Timestamp)> {
        let all = self.0.iter().map(|(key, at)| (*key, *at));
        all.filter(|(_, at)| now.since(*at) >= LATE).collect()
    }
}

impl Core {
    /// Whoever asks for somebody who was given up meant it.
    pub(super) fn note_given_up(&mut self, now: Timestamp) {
        for ((place, remote), at) in self.failures.late(now) {
            self.doubts.give_up(place, remote, at);
        }
    }

    /// What the neighbour table proves, now that the counters were read. Of what is doubtful still it does so when that is
    /// told.
    pub(super) fn prove_given_up(&mut self, now: Timestamp, touched: &mut BTreeSet<Key>) {
        for ((place, remote), at) in self.failures.late(now) {
            if self.doubts.asks_for(place, remote) {
                continue;
            }
            self.failures.0.remove(&(place, remote));
            let is_lost = |incident: &Incident| {
                let state = incident.remotes.get(&remote);
                state.is_some_and(|it| !it.answered && !it.superseded && waited_for(at, it.since))
            };
            let sent = |kind: &Kind| way_of(*kind) == Way::Sent;
            let here = self.incidents.range_mut(index::at(place));
            for (key, incident) in here.filter(|((_, kind), it)| sent(kind) && is_lost(it)) {
                evidence::of_table(incident, at, remote);
                touched.insert(*key);
            }
        }
    }
}

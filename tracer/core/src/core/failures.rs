//! Neighbours that the kernel gave up, as its neighbour table tells it. The hook on the neighbour's timer tells it
//! first, with the packets that die, but is not run everywhere (see `KNOWN_ISSUES.md`).

use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
    net::IpAddr,
};

use tracer_common::Way;

use crate::{
    incident::{Incident, Place},
    input::NetChange,
    time::{SECOND, Timestamp},
    world::namespace::is_given_up,
};

use super::{Core, Key, evidence, index, lost_packet::way_of};

/// How long the hook's word is waited for. An entry that was removed by hand is told as given up, too, and gone
/// in the same moment.
const LATE: u64 = SECOND / 20;
/// Neighbours.
const FAILURES: usize = 1024;

/// Since when neighbours are given up.
#[derive(Clone, Debug, Default)]
pub(super) struct Failures(BTreeMap<(Place, IpAddr), Timestamp>);

impl Failures {
    /// What the neighbour table of a namespace says.
    pub(super) fn note(&mut self, at: Timestamp, netns: u32, change: &NetChange) {
        let (neighbour, failed) = match change {
            NetChange::Neighbour(neighbour) => (neighbour, is_given_up(neighbour)),
            NetChange::NeighbourGone(neighbour) => (neighbour, false),
            _ => return,
        };
        let ifindex = neighbour.ifindex;
        let key = (Place { netns, ifindex }, neighbour.address);
        if !failed {
            self.0.remove(&key);
        } else if self.0.len() < FAILURES {
            self.0.entry(key).or_insert(at);
        }
    }

    /// The first packet to the neighbour was lost `at` that time: an earlier failure says nothing of it. That it is asked
    /// for again is told by nobody.
    pub(super) fn begin(&mut self, at: Timestamp, place: Place, remote: IpAddr) {
        if self
            .0
            .get(&(place, remote))
            .is_some_and(|failed| *failed < at)
        {
            self.0.remove(&(place, remote));
        }
    }

    /// Takes those that nothing has contradicted meanwhile.
    fn take(&mut self, now: Timestamp) -> BTreeMap<(Place, IpAddr), Timestamp> {
        let all = mem::take(&mut self.0).into_iter();
        let (late, young) = all.partition(|(_, at)| now.since(*at) >= LATE);
        self.0 = young;
        late
    }
}

impl Core {
    /// What is sure enough, now that the counters were read, and what the neighbour table proves of it.
    pub(super) fn ripen_given_up(&mut self, now: Timestamp, touched: &mut BTreeSet<Key>) {
        let failures = self.failures.take(now);
        for (place, remote) in failures.keys() {
            self.doubts.give_up(*place, *remote);
        }
        self.ripen(now, touched);
        for ((place, remote), at) in failures {
            if self.doubts.asks_for(place, remote) {
                // Proves it when it is told.
                self.failures.0.insert((place, remote), at);
            } else {
                self.prove_given_up(place, remote, at, touched);
            }
        }
    }

    fn prove_given_up(
        &mut self,
        place: Place,
        remote: IpAddr,
        at: Timestamp,
        touched: &mut BTreeSet<Key>,
    ) {
        let is_lost = |incident: &Incident| {
            let state = incident.remotes.get(&remote);
            state.is_some_and(|state| !state.answered && !state.superseded)
        };
        let here = self.incidents.range_mut(index::at(place));
        for (key, incident) in
            here.filter(|((_, kind), it)| way_of(*kind) == Way::Sent && is_lost(it))
        {
            evidence::of_table(incident, at, remote);
            touched.insert(*key);
        }
    }
}

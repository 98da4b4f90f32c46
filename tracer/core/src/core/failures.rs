//! Neighbours that the kernel gave up, as its neighbour table tells it. The hook on the neighbour's timer tells it
//! first, with the packets that die, but is not run everywhere (see `KNOWN_ISSUES.md`).

use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
    net::IpAddr,
};

use tracer_common::Way;

use crate::{
    incident::Place,
    input::{Neighbour, NetChange},
    time::{SECOND, Timestamp},
    world::namespace::is_given_up,
};

use super::{Core, Key, evidence, index, lost_packet::way_of};

/// How long the hook's word is waited for. An entry that was removed by hand is told as given up, too, and gone
/// in the same moment.
const LATE: u64 = SECOND / 20;
/// Neighbours.
const FAILURES: usize = 1024;

/// Since when neighbours are given up, as long as nobody asked.
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
        let key = key_of(netns, neighbour);
        if !failed {
            self.0.remove(&key);
        } else if self.0.len() < FAILURES {
            self.0.entry(key).or_insert(at);
        }
    }

    /// Takes those that nothing has contradicted meanwhile.
    pub(super) fn take(&mut self, now: Timestamp) -> BTreeMap<(Place, IpAddr), Timestamp> {
        let all = mem::take(&mut self.0).into_iter();
        let (late, young) = all.partition(|(_, at)| now.since(*at) >= LATE);
        self.0 = young;
        late
    }
}

impl Core {
    /// What is sure enough now, since the counters were read, and what the neighbour table proves of it.
    pub(super) fn ripen_given_up(&mut self, now: Timestamp, touched: &mut BTreeSet<Key>) {
        let failures = self.failures.take(now);
        for (place, remote) in failures.keys() {
            self.doubts.give_up(*place, *remote);
        }
        self.ripen(now, touched);
        for ((place, remote), at) in failures {
            let here = self.incidents.range_mut(index::at(place));
            let lost = here.filter(|((_, kind), incident)| {
                way_of(*kind) == Way::Sent && incident.remotes.contains_key(&remote)
            });
            for (key, incident) in lost {
                evidence::of_table(incident, at, remote);
                touched.insert(*key);
            }
        }
    }
}

fn key_of(netns: u32, neighbour: &Neighbour) -> (Place, IpAddr) {
    let ifindex = neighbour.ifindex;
    (Place { netns, ifindex }, neighbour.address)
}

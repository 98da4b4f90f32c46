//! The events that wait: in the order they came, found by when their patience ends and by whom they are about. A flood
//! that nothing explains yet fills it, and each packet more must not ask all of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    iter::successors,
    net::{IpAddr, Ipv4Addr},
};

use crate::time::Timestamp;

use super::{Waiting, is_a_loss};

/// Everything that waits.
#[derive(Clone, Debug, Default)]
pub(in crate::core) struct Queue {
    /// By number, in the order they came.
    events: BTreeMap<u64, Waiting>,
    /// Lost packets. What proves one stands behind one, and leaves when that does.
    due: BTreeSet<(Timestamp, u64)>,
    /// By namespace and remote.
    remotes: BTreeSet<(u32, IpAddr, u64)>,
    /// Number of the next.
    next: u64,
}

impl Queue {
    pub(super) fn push(&mut self, waiting: Waiting) {
        let (number, event) = (self.next, &waiting.event);
        self.next += 1;
        if is_a_loss(event) {
            self.due.insert((waiting.until, number));
        }
        self.remotes.insert((event.netns, event.remote, number));
        self.events.insert(number, waiting);
    }

    /// The one that came first.
    pub(super) fn pop_first(&mut self) -> Option<Waiting> {
        let (number, _) = self.events.first_key_value()?;
        self.take(*number)
    }

    /// A lost packet whose patience has ended by now.
    pub(super) fn pop_due(&mut self, now: Timestamp) -> Option<Waiting> {
        let (_, number) = self.due.first().filter(|(until, _)| *until <= now)?;
        self.take(*number)
    }

    /// What proves a loss of the remote, and came before any that waits still.
    pub(super) fn pop_proof(&mut self, netns: u32, remote: IpAddr) -> Option<Waiting> {
        let number = self.first_of(netns, remote)?;
        let is_proof = self
            .events
            .get(&number)
            .is_some_and(|it| !is_a_loss(&it.event));
        is_proof.then(|| self.take(number)).flatten()
    }

    /// All of them, in the order they came.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Waiting> + use<> {
        std::mem::take(self).events.into_values()
    }

    /// Whether any is about the remote.
    pub(super) fn holds(&self, netns: u32, remote: IpAddr) -> bool {
        self.first_of(netns, remote).is_some()
    }

    /// When the first one's patience ends.
    pub(in crate::core) fn deadline(&self) -> Option<Timestamp> {
        self.due.first().map(|(until, _)| *until)
    }

    /// Every namespace that one is about.
    pub(in crate::core) fn namespaces(&self) -> impl Iterator<Item = u32> {
        let from = |netns: u32| {
            let first = (netns, IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
            self.remotes.range(first..).next().map(|(netns, ..)| *netns)
        };
        successors(from(0), move |netns| from(netns.checked_add(1)?))
    }

    pub(super) fn len(&self) -> usize {
        self.events.len()
    }

    pub(in crate::core) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    fn first_of(&self, netns: u32, remote: IpAddr) -> Option<u64> {
        let about_it = (netns, remote, 0)..=(netns, remote, u64::MAX);
        self.remotes
            .range(about_it)
            .next()
            .map(|(.., number)| *number)
    }

    fn take(&mut self, number: u64) -> Option<Waiting> {
        let waiting = self.events.remove(&number)?;
        let event = &waiting.event;
        self.due.remove(&(waiting.until, number));
        self.remotes.remove(&(event.netns, event.remote, number));
        Some(waiting)
    }
}

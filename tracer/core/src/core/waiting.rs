//! Events wait for their explanation, and evidence for the loss it proves.

use std::collections::BTreeSet;

use crate::{
    decode::KernelEvent,
    input::DaemonStatus,
    time::{SECOND, Timestamp},
};

use super::{Core, Key, lost_packet::is_a_loss, route};

/// How long an event waits for the links, routes and docker's word that explain it: they come
/// from other sources and may be a moment late.
const PATIENCE: u64 = SECOND / 20;
/// The same while the namespace itself is being found and read.
const PATIENCE_NETNS: u64 = 2 * SECOND;
/// Events that wait at once; beyond that the oldest is taken as it is.
const WAITING: usize = 1024;

/// An event that waits for the world to catch up.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) at: Timestamp,
    pub(super) event: KernelEvent,
    /// Whether the mirrored policy was just seen to lead a lost packet there.
    pub(super) mirrored: bool,
}

impl Waiting {
    pub(super) const fn new(at: Timestamp, event: KernelEvent) -> Self {
        Self {
            at,
            event,
            mirrored: false,
        }
    }
}

impl Core {
    /// One more waits, unless it need not; the oldest of too many is taken as it is.
    pub(super) fn wait(&mut self, mut waiting: Waiting, touched: &mut BTreeSet<Key>) {
        if self.waiting.is_empty() && self.explain(&mut waiting) {
            self.take_waiting(waiting, touched);
            return;
        }
        if self.waiting.len() >= WAITING {
            let oldest = self.waiting.remove(0);
            self.take_waiting(oldest, touched);
        }
        self.waiting.push(waiting);
    }

    /// Takes the waiting events that can be explained now, or have waited long enough; at the end
    /// all of them.
    pub(super) fn retry_waiting(
        &mut self,
        now: Timestamp,
        last: bool,
        touched: &mut BTreeSet<Key>,
    ) {
        let waiting = std::mem::take(&mut self.waiting);
        // Of whom lost packets go on waiting.
        let mut awaited = BTreeSet::new();
        for mut waiting in waiting {
            let patient = !last && now < self.patience(&waiting);
            let ready = if is_a_loss(&waiting.event) {
                self.explain(&mut waiting)
            } else {
                !awaited.contains(&(waiting.event.netns, waiting.event.remote))
            };
            if !patient || ready {
                self.take_waiting(waiting, touched);
            } else {
                awaited.insert((waiting.event.netns, waiting.event.remote));
                self.waiting.push(waiting);
            }
        }
    }

    /// Whether a lost packet of the same remote waits: what proves its loss must not overtake it.
    pub(super) fn is_awaited(&self, event: &KernelEvent) -> bool {
        let same = |w: &Waiting| w.event.netns == event.netns && w.event.remote == event.remote;
        self.waiting.iter().any(same)
    }

    fn take_waiting(&mut self, waiting: Waiting, touched: &mut BTreeSet<Key>) {
        if is_a_loss(&waiting.event) {
            self.take_lost_packet(waiting, touched);
        } else {
            self.take_evidence(waiting.at, &waiting.event, touched);
        }
    }

    pub(super) fn patience(&self, waiting: &Waiting) -> Timestamp {
        let synced = self
            .world
            .namespace(waiting.event.netns)
            .is_some_and(|ns| ns.synced);
        waiting
            .at
            .plus(if synced { PATIENCE } else { PATIENCE_NETNS })
    }

    /// Whether a lost packet need not wait any more.
    fn explain(&self, lost: &mut Waiting) -> bool {
        lost.mirrored = is_a_loss(&lost.event) && self.explainable(&lost.event);
        lost.mirrored
    }

    /// Whether everything that explains the event is there: the route that leads to the bridge,
    /// and docker's word on whose it is.
    fn explainable(&self, event: &KernelEvent) -> bool {
        let Some(namespace) = self.world.namespace(event.netns).filter(|ns| ns.synced) else {
            return false;
        };
        let Some(link) = namespace.link(event.ifindex) else {
            return false;
        };
        // Without docker's word the neighbour gets a moment to answer, unless it cannot be there.
        let docker = &self.world.docker;
        let told = docker.network_of_bridge(event.netns, &link.name).is_some()
            || docker
                .daemons_in(event.netns)
                .all(|(_, status)| matches!(status, DaemonStatus::Unreachable(_)))
                && event.elsewhere().is_some();
        route::is_mirrored(namespace, event) && told && self.sender_known(event)
    }

    /// Whether the sending process or container is known, or there is none.
    fn sender_known(&self, event: &KernelEvent) -> bool {
        if let (Some(iif), Some(packet)) = (event.forwarded_iif, event.packet) {
            return self.world.sender(event.netns, iif, packet).is_some();
        }
        event
            .owned_socket()
            .is_none_or(|inode| self.world.owner(inode).is_some())
    }
}

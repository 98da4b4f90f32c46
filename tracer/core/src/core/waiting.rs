//! Events wait for their explanation, and evidence for the loss it proves.

mod queue;

use std::collections::BTreeSet;

use crate::{
    decode::KernelEvent,
    input::DaemonStatus,
    time::{SECOND, Timestamp},
};

use super::{Core, Key, lost_packet::is_a_loss, route};

pub(super) use self::queue::Queue;

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
    /// When a lost packet's patience ends. What proves one leaves with it.
    until: Timestamp,
}

impl Waiting {
    pub(super) const fn new(at: Timestamp, event: KernelEvent) -> Self {
        Self {
            at,
            event,
            mirrored: false,
            until: at,
        }
    }
}

impl Core {
    /// One more waits, unless it need not; the oldest of too many is taken as it is.
    pub(super) fn wait(&mut self, waiting: Waiting, touched: &mut BTreeSet<Key>) {
        let now = waiting.at;
        self.take_or_keep(waiting, now, touched);
        if self.waiting.len() > WAITING
            && let Some(oldest) = self.waiting.pop_first()
        {
            self.release(oldest, touched);
        }
    }

    /// Takes the waiting events that have waited long enough.
    pub(super) fn release_due(&mut self, now: Timestamp, touched: &mut BTreeSet<Key>) {
        while let Some(due) = self.waiting.pop_due(now) {
            self.release(due, touched);
        }
    }

    /// Something was told that may explain some of them: takes those that need not wait any more, in the order they came.
    pub(super) fn retry_waiting(&mut self, now: Timestamp, touched: &mut BTreeSet<Key>) {
        for waiting in self.waiting.drain() {
            self.take_or_keep(waiting, now, touched);
        }
    }

    /// Nothing more will be told.
    pub(super) fn release_all(&mut self, touched: &mut BTreeSet<Key>) {
        while let Some(first) = self.waiting.pop_first() {
            self.release(first, touched);
        }
    }

    fn take_or_keep(&mut self, mut waiting: Waiting, now: Timestamp, touched: &mut BTreeSet<Key>) {
        if self.is_ready(&mut waiting, now) {
            self.take_waiting(waiting, touched);
        } else {
            self.waiting.push(waiting);
        }
    }

    /// Takes one as it is, and what waited for nothing but it.
    fn release(&mut self, waiting: Waiting, touched: &mut BTreeSet<Key>) {
        let (netns, remote) = (waiting.event.netns, waiting.event.remote);
        self.take_waiting(waiting, touched);
        while let Some(proof) = self.waiting.pop_proof(netns, remote) {
            self.take_waiting(proof, touched);
        }
    }

    fn take_waiting(&mut self, waiting: Waiting, touched: &mut BTreeSet<Key>) {
        if is_a_loss(&waiting.event) {
            self.take_lost_packet(waiting, touched);
        } else {
            self.take_evidence(waiting.at, &waiting.event, touched);
        }
    }

    /// Whether it need not wait: a lost packet that is explained or has waited long enough, or what proves a loss and
    /// has none of the same remote to overtake.
    fn is_ready(&self, waiting: &mut Waiting, now: Timestamp) -> bool {
        let event = &waiting.event;
        if !is_a_loss(event) {
            return !self.waiting.holds(event.netns, event.remote);
        }
        let namespace = self.world.namespace(event.netns);
        let synced = namespace.is_some_and(|it| it.synced);
        let patience = if synced { PATIENCE } else { PATIENCE_NETNS };
        waiting.until = waiting.at.plus(patience);
        waiting.mirrored = self.explainable(event);
        waiting.mirrored || waiting.until <= now
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

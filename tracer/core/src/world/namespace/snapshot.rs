//! A namespace as changes that lead to it.

use std::net::IpAddr;

use crate::input::{Link, Neighbour, NetChange};
use crate::time::Timestamp;

use super::{NUD_ANSWERED, Namespace};

/// Whoever answered had a link-layer address; which one does not matter any more.
const SOME_LLADDR: &str = "00:00:00:00:00:00";

/// An index that no interface has: the kernel's are those of a signed number.
const NOBODYS: u32 = u32::MAX;

impl Namespace {
    /// Changes that make an empty namespace what this one is, and when they happened: a link when it
    /// was seen first, the last of all at [`Self::changed`].
    pub(in crate::world) fn snapshot(&self) -> Vec<(Timestamp, NetChange)> {
        let mut changes = Vec::new();
        if self.synced {
            changes.push((self.changed, NetChange::Resync));
        }
        self.tell(self.changed, &mut changes);
        let last = if self.synced {
            NetChange::Synced
        } else {
            // Of a link that never was: all it tells is that something changed.
            NetChange::LinkGone(0)
        };
        changes.push((self.changed, last));
        // What came after the first dump is told after it.
        for (ifindex, at) in &self.appeared {
            let link = self.link(*ifindex).cloned().map(NetChange::Link);
            changes.extend(link.map(|link| (*at, link)));
            changes.push((self.changed, NetChange::LinkGone(0)));
        }
        self.tell_ends(&mut changes);
        if let Some(dump) = &self.dump {
            changes.push((self.changed, NetChange::Resync));
            dump.tell(self.changed, &mut changes);
            dump.tell_ends(&mut changes);
            changes.push((self.changed, NetChange::LinkGone(0)));
        }
        changes
    }

    /// Bridges that went, each come for nothing.
    fn tell_ends(&self, changes: &mut Vec<(Timestamp, NetChange)>) {
        for (name, at) in &self.went {
            let bridge = Link {
                ifindex: NOBODYS,
                name: name.clone(),
                kind: Some("bridge".to_owned()),
                ..Link::default()
            };
            changes.push((*at, NetChange::Link(bridge)));
            changes.push((*at, NetChange::LinkGone(NOBODYS)));
        }
        if !self.went.is_empty() {
            changes.push((self.changed, NetChange::LinkGone(0)));
        }
    }

    fn tell(&self, at: Timestamp, changes: &mut Vec<(Timestamp, NetChange)>) {
        let appeared = |link: &&Link| self.appeared.contains_key(&link.ifindex);
        for link in self.links.values().filter(|link| !appeared(link)) {
            let seen = self.seen(link.ifindex).unwrap_or(at);
            changes.push((seen, NetChange::Link(link.clone())));
        }
        let mut tell = |change| changes.push((at, change));
        self.sysctls
            .map(NetChange::Sysctls)
            .into_iter()
            .for_each(&mut tell);
        let addresses = self.addresses.iter().cloned();
        addresses.map(NetChange::Address).for_each(&mut tell);
        self.rules
            .iter()
            .cloned()
            .map(NetChange::Rule)
            .for_each(&mut tell);
        self.routes
            .iter()
            .cloned()
            .map(NetChange::Route)
            .for_each(&mut tell);
        for (ifindex, address) in &self.alive {
            let neighbour = neighbour(*ifindex, *address);
            tell(NetChange::Neighbour(neighbour.clone()));
            if !self.is_answering(*ifindex, *address) {
                tell(NetChange::NeighbourGone(neighbour));
            }
        }
        // Where too many are alive to be remembered.
        for (ifindex, address) in self.answering.difference(&self.alive) {
            tell(NetChange::Neighbour(neighbour(*ifindex, *address)));
        }
    }
}

fn neighbour(ifindex: u32, address: IpAddr) -> Neighbour {
    Neighbour {
        ifindex,
        address,
        lladdr: Some(SOME_LLADDR.to_owned()),
        state: NUD_ANSWERED,
    }
}

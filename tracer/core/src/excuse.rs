//! Remotes whose lost packets were excused, watched for a while: should one come in by another
//! device than the bridge, it is no container.

use std::{collections::BTreeMap, net::IpAddr};

use crate::{
    decode::KernelEvent,
    time::{SECOND, Timestamp},
};

/// How long an excused remote is watched after its last lost packet.
const WATCHED: u64 = 30 * SECOND;
/// How many at once.
const EXCUSES: usize = 1024;

/// Everyone given the benefit of the doubt, by (namespace, address).
#[derive(Clone, Debug, Default)]
pub(crate) struct Excuses(BTreeMap<(u32, IpAddr), Excuse>);

#[derive(Clone, Debug)]
struct Excuse {
    bridge: u32,
    until: Timestamp,
    ingress: Option<u32>,
}

impl Excuses {
    /// A lost packet to the remote of `event` was excused. Whether it is one more to watch.
    pub(crate) fn excuse(&mut self, at: Timestamp, event: &KernelEvent) -> bool {
        let known = self.0.len();
        if known >= EXCUSES {
            return false;
        }
        let new = Excuse {
            bridge: event.ifindex,
            until: at,
            ingress: None,
        };
        let excuse = self.0.entry((event.netns, event.remote)).or_insert(new);
        excuse.until = at.plus(WATCHED);
        self.0.len() > known
    }

    /// The remote of `event` was seen coming in.
    pub(crate) fn came_in(&mut self, event: &KernelEvent) {
        if let Some(excuse) = self.0.get_mut(&(event.netns, event.remote)) {
            excuse.ingress = Some(event.ifindex);
        }
    }

    /// Where the remote of `event` was seen coming in.
    pub(crate) fn ingress(&self, event: &KernelEvent) -> Option<u32> {
        self.0.get(&(event.netns, event.remote))?.ingress
    }

    /// Forgets those whose time is over. Whether there were any.
    pub(crate) fn expire(&mut self, now: Timestamp) -> bool {
        let known = self.0.len();
        self.0.retain(|_, excuse| now < excuse.until);
        self.0.len() < known
    }

    /// Whom to watch, and the bridge each is excused on.
    pub(crate) fn watched(&self) -> impl Iterator<Item = ((u32, IpAddr), u32)> {
        self.0.iter().map(|(who, excuse)| (*who, excuse.bridge))
    }
}

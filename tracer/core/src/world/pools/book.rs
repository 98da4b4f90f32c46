//! What one daemon was seen to create and remove, in order: where its rolling allocator stands
//! follows from that.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use ipnet::IpNet;

use crate::{
    input::{Body, DockerNetwork, NetworkEvent},
    pools::{Cursor, Generation, Given, Slots, Taken},
    time::Timestamp,
};

use super::{Setting, World, is_bridge_of, is_local};

/// Networks that are gone and still remembered.
const DEPARTED: usize = 512;

/// The books of one daemon.
#[derive(Clone, Debug, Default)]
pub(super) struct Book {
    cursor: Cursor,
    /// Networks by id, gone ones included.
    facts: BTreeMap<String, Facts>,
    /// Ids of networks that are there, as far as what happened was taken in.
    alive: BTreeSet<String>,
    /// Ids that are gone, oldest first.
    departed: VecDeque<String>,
    /// What happened and waits for the answer of what a network is like.
    pending: VecDeque<Pending>,
    /// What the daemon itself remembered when it was reached.
    history: Option<(bool, Vec<NetworkEvent>)>,
}

/// What is known of a network.
#[derive(Clone, Debug)]
struct Facts {
    subnets: Vec<IpNet>,
    bridge: String,
    created: Option<Timestamp>,
    /// The daemon chose the subnets.
    is_picked: bool,
    is_default: bool,
}

#[derive(Clone, Debug)]
enum Pending {
    /// A network was made while the host used these prefixes.
    Made {
        id: String,
        reserved: Vec<IpNet>,
    },
    Gone {
        id: String,
    },
}

impl Pending {
    fn id(&self) -> &str {
        match self {
            Self::Made { id, .. } | Self::Gone { id } => id,
        }
    }
}

/// The daemon that an input is about, if the books are.
pub(super) fn daemon_of(body: &Body) -> Option<&str> {
    match body {
        Body::DaemonGone(daemon)
        | Body::DockerHistory { daemon, .. }
        | Body::DockerListing { daemon, .. }
        | Body::DockerNetworkMade { daemon, .. }
        | Body::DockerNetwork { daemon, .. }
        | Body::DockerNetworkGone { daemon, .. } => Some(daemon),
        _ => None,
    }
}

impl Book {
    pub(super) fn apply(&mut self, world: &World, setting: &Setting, body: &Body) {
        match body {
            Body::DockerHistory {
                complete, events, ..
            } => self.history = Some((*complete, events.clone())),
            Body::DockerListing { networks, .. } => {
                for network in networks {
                    self.learn(setting, network);
                }
                self.begin(world, setting, networks);
            }
            Body::DockerNetworkMade { id, .. } => self.made(world, setting, id),
            Body::DockerNetwork { network, .. } => {
                self.learn(setting, network);
                if !self.is_known(&network.id) {
                    self.made(world, setting, &network.id);
                }
            }
            Body::DockerNetworkGone { id, .. } => self.gone(world, setting, id),
            _ => {}
        }
        self.settle(world, setting);
    }

    /// Whether a bridge of this name is that of a network it knows or knew. Few routes need the answer, and
    /// a host that builds all day knew hundreds of networks: no list of names is made.
    pub(super) fn has_bridge(&self, name: &str) -> bool {
        let mut pending = self.pending.iter().map(Pending::id);
        self.facts.values().any(|facts| facts.bridge == name)
            || self.departed.iter().any(|id| is_bridge_of(id, name))
            || pending.any(|id| is_bridge_of(id, name))
    }

    /// The cursor once everything that happened is taken in, seen or not.
    pub(super) fn cursor_now(&self, slots: &Slots, taken: &Taken) -> Cursor {
        let mut cursor = self.cursor.clone();
        let mut alive = self.alive.clone();
        for pending in &self.pending {
            match pending {
                Pending::Made { id, reserved } => {
                    let taken = Taken {
                        allocated: self.allocated(&alive),
                        reserved: reserved.clone(),
                    };
                    self.move_cursor(&mut cursor, slots, &taken, id, &[]);
                    alive.insert(id.clone());
                }
                Pending::Gone { id } => {
                    cursor.gone(id);
                    alive.remove(id);
                }
            }
        }
        cursor.settle(slots, taken);
        cursor
    }

    fn is_known(&self, id: &str) -> bool {
        self.alive.contains(id)
            || self.departed.iter().any(|gone| gone == id)
            || self.pending.iter().any(|pending| pending.id() == id)
    }

    fn learn(&mut self, setting: &Setting, network: &DockerNetwork) {
        let subnets = is_local(&network.driver).then_some(&network.subnets);
        let subnets = subnets.into_iter().flatten();
        // An engine that rolls shows the gateway of a subnet it was told only if it was told that
        // too.
        let picked = |subnet: &crate::input::DockerSubnet| {
            let first = subnet.subnet.hosts().next();
            subnet.gateway.is_some()
                && subnet.gateway == first
                && setting.slots.place_of(&subnet.subnet).is_some()
        };
        let facts = Facts {
            is_picked: network.subnets.iter().all(picked),
            subnets: subnets.map(|subnet| subnet.subnet).collect(),
            bridge: network.bridge_name(),
            created: network.created,
            is_default: network.name == "bridge",
        };
        self.facts.insert(network.id.clone(), facts);
    }

    /// The daemon is there, anew or again: what it remembers tells where it stands.
    fn begin(&mut self, world: &World, setting: &Setting, networks: &[DockerNetwork]) {
        let (complete, events) = self.history.take().unwrap_or_default();
        self.pending.clear();
        let made = |id: &str| events.iter().any(|event| event.created && event.id == id);
        let listed = networks.iter().map(|network| &network.id);
        self.alive = listed.filter(|id| !made(id)).cloned().collect();
        // Networks of before that went since: their subnets were taken until then.
        let before = events
            .iter()
            .filter(|event| !event.created && !made(&event.id));
        let before: Vec<String> = before.map(|event| event.id.clone()).collect();
        let blind = before.iter().any(|id| !self.facts.contains_key(id));
        self.alive.extend(before);
        self.cursor = self.cursor_before(setting, complete);
        if blind {
            self.cursor.doubt();
        }
        let reserved = setting.reserved(world, |name| self.has_bridge(name));
        self.queue(&events, networks, &reserved);
    }

    /// What happened before the listing. The daemon was asked for its events after that: what is
    /// newer than the listing comes again, one by one.
    fn queue(&mut self, events: &[NetworkEvent], networks: &[DockerNetwork], reserved: &[IpNet]) {
        let listed: BTreeSet<&str> = networks.iter().map(|it| it.id.as_str()).collect();
        let removed = events.iter().filter(|event| !event.created);
        let removed: BTreeSet<&str> = removed.map(|event| event.id.as_str()).collect();
        for NetworkEvent { id, created, .. } in events {
            let is_listed = listed.contains(id.as_str());
            let id = id.clone();
            if *created && (is_listed || removed.contains(id.as_str())) {
                let reserved = reserved.to_vec();
                self.pending.push_back(Pending::Made { id, reserved });
            } else if !created && !is_listed {
                self.pending.push_back(Pending::Gone { id });
            }
        }
    }

    /// Where the cursor was before the first event that is remembered.
    fn cursor_before(&self, setting: &Setting, complete: bool) -> Cursor {
        let facts = || self.alive.iter().filter_map(|id| self.facts.get(id));
        let bridge = facts().find(|facts| facts.is_default);
        if complete {
            let picks = matches!(
                setting.generation,
                Some(Generation::Rolling {
                    picks_default_bridge: true,
                    ..
                })
            );
            let subnet = bridge.filter(|_| picks).and_then(|it| it.subnets.first());
            return Cursor::at_start(&setting.slots, subnet);
        }
        // The default bridge is made anew with each start; older networks were only restored.
        let started = bridge.and_then(|bridge| bridge.created);
        let since = facts().filter(|it| it.is_picked && !it.is_default && it.created > started);
        let last = since.max_by_key(|it| it.created);
        Cursor::unknown(&setting.slots, last.and_then(|it| it.subnets.first()))
    }

    fn made(&mut self, world: &World, setting: &Setting, id: &str) {
        if self.is_known(id) {
            return;
        }
        // Its own is there by now.
        let is_known = |name: &str| is_bridge_of(id, name) || self.has_bridge(name);
        let reserved = setting.reserved(world, is_known);
        let id = id.to_owned();
        self.pending.push_back(Pending::Made { id, reserved });
    }

    fn gone(&mut self, world: &World, setting: &Setting, id: &str) {
        if self.departed.iter().any(|gone| gone == id) {
            return;
        }
        if !self.is_known(id) {
            self.made(world, setting, id);
        }
        self.pending.push_back(Pending::Gone { id: id.to_owned() });
    }

    /// Takes in what happened as far as the answers are there.
    fn settle(&mut self, world: &World, setting: &Setting) {
        while let Some(pending) = self.pending.front() {
            match pending {
                Pending::Made { id, reserved } => {
                    let gone =
                        |later: &Pending| matches!(later, Pending::Gone { id: gone } if gone == id);
                    let answered = self.facts.contains_key(id) || self.pending.iter().any(gone);
                    if !answered {
                        return;
                    }
                    let (id, reserved) = (id.clone(), reserved.clone());
                    let taken = Taken {
                        allocated: self.allocated(&self.alive),
                        reserved,
                    };
                    let mut cursor = std::mem::take(&mut self.cursor);
                    let bridge = world.books.subnets_of_bridge(&id);
                    self.move_cursor(&mut cursor, &setting.slots, &taken, &id, &bridge);
                    self.cursor = cursor;
                    self.alive.insert(id);
                }
                Pending::Gone { id } => {
                    let id = id.clone();
                    self.cursor.gone(&id);
                    self.alive.remove(&id);
                    self.depart(id);
                }
            }
            self.pending.pop_front();
        }
    }

    /// `bridge` is what the bridge of a network nobody could ask for had.
    fn move_cursor(
        &self,
        cursor: &mut Cursor,
        slots: &Slots,
        taken: &Taken,
        id: &str,
        bridge: &[IpNet],
    ) {
        match self.facts.get(id) {
            Some(facts) if facts.is_picked => {
                cursor.made(slots, taken, Given::Seen(&facts.subnets));
            }
            Some(_) => {}
            None if !bridge.is_empty() => cursor.made(slots, taken, Given::Seen(bridge)),
            None => cursor.made(slots, taken, Given::Unseen(id)),
        }
    }

    fn allocated(&self, alive: &BTreeSet<String>) -> Vec<IpNet> {
        let facts = alive.iter().filter_map(|id| self.facts.get(id));
        facts.flat_map(|facts| facts.subnets.clone()).collect()
    }

    fn depart(&mut self, id: String) {
        if self.departed.contains(&id) {
            return;
        }
        self.departed.push_back(id);
        if self.departed.len() > DEPARTED
            && let Some(oldest) = self.departed.pop_front()
        {
            self.facts.remove(&oldest);
        }
    }
}

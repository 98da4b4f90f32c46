//! Links, addresses, routes, rules and neighbours of one network namespace.

mod routes;
mod snapshot;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use ipnet::{IpNet, Ipv4Net};

use crate::{
    input::{Address, Link, Neighbour, NetChange, NetnsOwner, Route, RouteKind, Rule, Sysctls},
    time::{SECOND, Timestamp},
};

use super::bridge;

pub use self::routes::Routes;

/// `NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT`
/// (`include/uapi/linux/neighbour.h`): somebody answered.
const NUD_ANSWERED: u16 = 0x02 | 0x04 | 0x08 | 0x10 | 0x80;
/// The kernel has asked in vain, and what waited for the answer is dropped (`neigh_invalidate()`).
const NUD_FAILED: u16 = 0x20;

/// How long a bridge that went is remembered: docker's word takes a moment.
const WENT: u64 = 10 * SECOND;

/// Addresses remembered per bridge as having been alive.
const ALIVE: usize = 65_536;

/// One network namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Namespace {
    /// Whose it is.
    pub owner: Option<NetnsOwner>,
    /// Why it cannot be read, if it cannot.
    pub unreadable: Option<String>,
    /// What a process in it says of its CI job.
    pub variables: BTreeMap<String, String>,
    /// The first dump is complete.
    pub synced: bool,
    /// When something last changed that can alter where packets go.
    pub changed: Timestamp,
    links: BTreeMap<u32, Link>,
    /// Their names.
    names: BTreeSet<(String, u32)>,
    /// When each link was first told of: the kernel does not say how old they are.
    seen: BTreeMap<u32, Timestamp>,
    /// Ports by the device that they belong to.
    ports: BTreeSet<(u32, u32)>,
    addresses: BTreeSet<Address>,
    /// The same by address: whose a packet is, is asked of each.
    own: BTreeSet<(IpAddr, Address)>,
    routes: Routes,
    rules: BTreeSet<Rule>,
    /// Its settings.
    sysctls: Option<Sysctls>,
    /// Who ever answered on an interface. Survives the entry: a container that died a moment
    /// ago explains an unresolved neighbour.
    alive: BTreeSet<(u32, IpAddr)>,
    /// Who answers now.
    answering: BTreeSet<(u32, IpAddr)>,
    /// Links that came while the namespace was followed, and when.
    appeared: BTreeMap<u32, Timestamp>,
    /// Bridges that went lately, by name, and when: docker's word of it comes later.
    went: BTreeMap<String, Timestamp>,
    /// A dump in progress: it replaces everything else in one step, so that nothing is judged by
    /// half a routing table.
    dump: Option<Box<Self>>,
}

impl Namespace {
    /// Takes in one change; whether that says anything that was not known.
    pub fn apply(&mut self, at: Timestamp, change: &NetChange) -> bool {
        if !change.is_about_neighbours() {
            self.changed = at;
        }
        self.note_appearance(at, change);
        match (change, &mut self.dump) {
            (NetChange::Resync, _) => self.dump = Some(Box::default()),
            (NetChange::Synced, dump) => {
                if let Some(dump) = dump.take() {
                    self.replace(at, *dump);
                }
            }
            (change, Some(dump)) => drop(dump.change(at, change)),
            (change, None) => return self.change(at, change),
        }
        true
    }

    /// As [`Self::apply`]. Anything but neighbours counts as news.
    fn change(&mut self, at: Timestamp, change: &NetChange) -> bool {
        match change {
            NetChange::Resync | NetChange::Synced => {}
            NetChange::Link(link) => self.add_link(at, link),
            NetChange::LinkGone(ifindex) => self.remove_link(at, *ifindex),
            NetChange::Address(address) => {
                self.own.insert((address.address.addr(), address.clone()));
                self.addresses.insert(address.clone());
            }
            NetChange::AddressGone(address) => {
                self.own.remove(&(address.address.addr(), address.clone()));
                self.addresses.remove(address);
            }
            NetChange::Route(route) => self.routes.add(route),
            NetChange::RouteGone(route) => self.routes.remove(route),
            NetChange::Rule(rule) => drop(self.rules.insert(rule.clone())),
            NetChange::RuleGone(rule) => drop(self.rules.remove(rule)),
            NetChange::Neighbour(neighbour) => return self.see_neighbour(neighbour),
            NetChange::NeighbourGone(gone) => {
                return self.answering.remove(&(gone.ifindex, gone.address));
            }
            NetChange::Sysctls(sysctls) => self.sysctls = Some(*sysctls),
        }
        true
    }

    /// The link with this index.
    #[must_use]
    pub fn link(&self, ifindex: u32) -> Option<&Link> {
        self.links.get(&ifindex)
    }

    /// When the link with this index was first told of.
    #[must_use]
    pub fn seen(&self, ifindex: u32) -> Option<Timestamp> {
        self.seen.get(&ifindex).copied()
    }

    /// The ports of a bridge.
    pub fn ports(&self, bridge: u32) -> impl Iterator<Item = &Link> {
        let ports = self.ports.range((bridge, 0)..=(bridge, u32::MAX));
        ports.filter_map(|(_, port)| self.links.get(port))
    }

    /// Prefixes that are connected to the interface, as its addresses make them.
    pub fn connected(&self, ifindex: u32) -> impl Iterator<Item = IpNet> {
        let global = |address: &IpNet| !is_link_local(address.addr());
        let prefixes = self.addresses_of(ifindex).map(|it| it.address);
        prefixes.filter(global).map(|address| address.trunc())
    }

    /// [`Self::connected`] of every interface, in the order of their indices.
    pub fn all_connected(&self) -> impl Iterator<Item = (u32, IpNet)> {
        let all = self.addresses.iter();
        let global = all.filter(|it| !is_link_local(it.address.addr()));
        global.map(|it| (it.ifindex, it.address.trunc()))
    }

    /// The link with this name.
    #[must_use]
    pub fn link_named(&self, name: &str) -> Option<&Link> {
        let mut named = self.names.range((name.to_owned(), 0)..);
        let (_, ifindex) = named.next().filter(|(known, _)| known == name)?;
        self.links.get(ifindex)
    }

    /// When the link came, if that was while the namespace was followed.
    #[must_use]
    pub fn appeared(&self, ifindex: u32) -> Option<Timestamp> {
        self.appeared.get(&ifindex).copied()
    }

    /// Whether there was a bridge of this name a moment ago.
    #[must_use]
    pub fn went(&self, bridge: &str, now: Timestamp) -> bool {
        let went = self.went.get(bridge);
        went.is_some_and(|went| now.since(*went) < WENT)
    }

    /// The same with more routes, to see what they would change.
    #[must_use]
    pub fn with_routes(&self, routes: &[Route]) -> Self {
        let mut changed = Self {
            links: self.links.clone(),
            names: self.names.clone(),
            ports: self.ports.clone(),
            addresses: self.addresses.clone(),
            own: self.own.clone(),
            routes: self.routes.clone(),
            rules: self.rules.clone(),
            ..Self::default()
        };
        routes.iter().for_each(|route| changed.routes.add(route));
        changed
    }

    /// Every link.
    pub fn links(&self) -> impl Iterator<Item = &Link> {
        self.links.values()
    }

    /// Every route, oldest first.
    #[must_use]
    pub const fn routes(&self) -> &Routes {
        &self.routes
    }

    /// Every policy rule, by priority.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter()
    }

    /// Its settings, if they could be read.
    #[must_use]
    pub const fn sysctls(&self) -> Option<&Sysctls> {
        self.sysctls.as_ref()
    }

    /// Every interface address.
    pub fn addresses(&self) -> impl Iterator<Item = &Address> {
        self.addresses.iter()
    }

    /// Addresses of one interface.
    pub fn addresses_of(&self, ifindex: u32) -> impl Iterator<Item = &Address> {
        let first = Address {
            ifindex,
            address: IpNet::V4(Ipv4Net::default()),
        };
        let from_there = self.addresses.range(first..);
        from_there.take_while(move |address| address.ifindex == ifindex)
    }

    /// Whether `address` is one of this namespace's own; on which interface.
    #[must_use]
    pub fn own_address(&self, address: IpAddr) -> Option<u32> {
        let first = Address {
            ifindex: 0,
            address: IpNet::V4(Ipv4Net::default()),
        };
        let (own, there) = self.own.range((address, first)..).next()?;
        (*own == address).then_some(there.ifindex)
    }

    /// Whether it is read from the beginning just now: nothing that is told of it counts before all of it does.
    #[must_use]
    pub const fn is_being_read(&self) -> bool {
        self.dump.is_some()
    }

    /// Whether somebody on the interface ever answered for `address`.
    #[must_use]
    pub fn was_alive(&self, ifindex: u32, address: IpAddr) -> bool {
        self.alive.contains(&(ifindex, address))
    }

    /// Whether somebody on the interface answers for `address` now.
    #[must_use]
    pub fn is_answering(&self, ifindex: u32, address: IpAddr) -> bool {
        self.answering.contains(&(ifindex, address))
    }

    /// Bridges that could swallow packets: every bridge that is not an uplink.
    pub fn bridges(&self) -> impl Iterator<Item = &Link> {
        bridge::all_that_swallow(self)
    }

    /// Prefixes routed into such bridges.
    pub fn bridge_prefixes(&self) -> impl Iterator<Item = IpNet> {
        self.bridges()
            .flat_map(|link| self.routes.by(link.ifindex))
            .filter(|route| route.kind == RouteKind::Unicast)
            .map(|route| route.destination)
    }

    /// A dump is complete. Who was alive stays known, as does the owner.
    fn replace(&mut self, at: Timestamp, mut dump: Self) {
        // What went while it was dumped, or before without a word.
        let stays = |link: &&Link| dump.names.contains(&(link.name.clone(), link.ifindex));
        let links = self.links.values().filter(|link| bridge::is_bridge(link));
        let went = links.filter(|link| !stays(link));
        let went: Vec<String> = went.map(|link| link.name.clone()).collect();
        for name in went {
            self.note_end(at, name);
        }
        let same = |ifindex: &u32| {
            let name = |links: &BTreeMap<u32, Link>| links.get(ifindex).map(|it| it.name.clone());
            name(&self.links) == name(&dump.links)
        };
        let known = self.seen.iter().filter(|(ifindex, _)| same(ifindex));
        let known: Vec<(u32, Timestamp)> = known.map(|(ifindex, at)| (*ifindex, *at)).collect();
        dump.seen.extend(known);
        let mut alive = std::mem::take(&mut self.alive);
        alive.retain(|(ifindex, _)| dump.links.contains_key(ifindex));
        alive.extend(&dump.alive);
        let mut appeared = std::mem::take(&mut self.appeared);
        appeared.retain(|ifindex, _| dump.links.contains_key(ifindex));
        *self = Self {
            appeared,
            owner: self.owner.take(),
            unreadable: self.unreadable.take(),
            variables: std::mem::take(&mut self.variables),
            went: std::mem::take(&mut self.went),
            synced: true,
            changed: self.changed,
            alive,
            ..dump
        };
    }

    fn add_link(&mut self, at: Timestamp, link: &Link) {
        if let Some(before) = self.links.insert(link.ifindex, link.clone()) {
            self.names.remove(&(before.name, link.ifindex));
            if let Some(master) = before.master {
                self.ports.remove(&(master, link.ifindex));
            }
        }
        self.ports
            .extend(link.master.map(|master| (master, link.ifindex)));
        self.names.insert((link.name.clone(), link.ifindex));
        self.seen.entry(link.ifindex).or_insert(at);
    }

    fn note_appearance(&mut self, at: Timestamp, change: &NetChange) {
        match change {
            NetChange::Link(link)
                if self.synced
                    && self.dump.is_none()
                    && !self.links.contains_key(&link.ifindex) =>
            {
                self.appeared.entry(link.ifindex).or_insert(at);
            }
            // The index may be given to another interface.
            NetChange::LinkGone(ifindex) => drop(self.appeared.remove(ifindex)),
            _ => {}
        }
    }

    fn note_end(&mut self, at: Timestamp, bridge: String) {
        self.went.retain(|_, went| at.since(*went) < WENT);
        self.went.insert(bridge, at);
    }

    /// The kernel reports no route removal for a link that vanishes.
    fn remove_link(&mut self, at: Timestamp, ifindex: u32) {
        if let Some(gone) = self.links.remove(&ifindex) {
            self.names.remove(&(gone.name.clone(), ifindex));
            if let Some(master) = gone.master {
                self.ports.remove(&(master, ifindex));
            }
            if bridge::is_bridge(&gone) {
                self.note_end(at, gone.name);
            }
        }
        self.seen.remove(&ifindex);
        self.addresses.retain(|address| address.ifindex != ifindex);
        self.own.retain(|(_, address)| address.ifindex != ifindex);
        // Local and broadcast routes go as well; a blackhole never led anywhere.
        self.routes.leave(ifindex);
        // The index may be given to another interface.
        self.alive.retain(|(index, _)| *index != ifindex);
        self.answering.retain(|(index, _)| *index != ifindex);
    }

    fn see_neighbour(&mut self, neighbour: &Neighbour) -> bool {
        let who = (neighbour.ifindex, neighbour.address);
        if !answers(neighbour) {
            return self.answering.remove(&who);
        }
        let first = self.alive.len() < ALIVE && self.alive.insert(who);
        self.answering.insert(who) || first
    }
}

/// Whether the address means nothing beyond its link.
const fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

/// Whether nobody answered for the address.
pub(crate) const fn is_given_up(neighbour: &Neighbour) -> bool {
    neighbour.state & NUD_FAILED != 0
}

/// Whether somebody answered for the address.
#[must_use]
pub fn answers(neighbour: &Neighbour) -> bool {
    neighbour.state & NUD_ANSWERED != 0 && neighbour.lladdr.is_some()
}

#[cfg(test)]
mod tests;

//! The address pools of docker daemons: how many subnets are left, who has the others, and which
//! one the next network gets.

mod book;

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
};

use ipnet::{IpNet, Ipv4Net};

use crate::{
    finding::CiJob,
    input::{Body, DaemonInfo, LandmarkRole, NetChange, Route},
    pools::{self, Generation, Slots, Taken},
};

use self::book::Book;
use super::{World, docker::is_inner};

/// Networks ahead that are told of.
const NEXT: usize = 8;
/// Subnets that are told of when it is not sure which comes next.
const POSSIBLE: usize = 64;
/// Free subnets that are listed.
const LISTED: usize = 1024;
/// `RT_TABLE_MAIN`, and `RT_SCOPE_LINK`.
const MAIN: u32 = 254;
const ON_LINK: u8 = 253;
/// Bridges whose subnets are remembered, for networks that are gone before anybody could ask.
const BRIDGES: usize = 512;

/// What became of each daemon's pools.
#[derive(Clone, Debug, Default)]
pub(super) struct Books {
    of: BTreeMap<String, Book>,
    /// Subnets of bridges with docker's names, the latest last.
    bridges: Vec<(String, IpNet)>,
}

/// The pools of one daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolUse {
    /// The daemon's endpoint.
    pub daemon: String,
    /// How its engine chooses.
    pub generation: Generation,
    /// Network namespace it lives in, inode number.
    pub netns: u32,
    /// IPv4 subnets its pools are cut into.
    pub total: u64,
    /// Those that cannot be given away: a network has them, or the host uses them.
    pub used: u64,
    /// Those that can.
    pub free: u64,
    /// Subnets that the next networks get, first first; fewer than eight when no more are free.
    pub next: Vec<Ipv4Net>,
    /// Whether that is sure.
    pub certain: bool,
    /// Subnets any of which the very next network may get, likelier ones first, at most 64; one where
    /// that is sure, although what follows may not be.
    pub possible: Vec<Ipv4Net>,
    /// How many more are possible, as far as is known.
    pub possible_more: u64,
    /// Free subnets by address, at most 1024.
    pub remaining: Vec<Ipv4Net>,
    /// Who has the others, in the order of the subnets.
    pub holders: Vec<Holder>,
}

/// How many networks a daemon can make, and could if there were none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Room {
    /// IPv4 subnets of its pools.
    pub(crate) total: u64,
    /// Those that can be given away.
    pub(crate) free: u64,
}

/// Who keeps a subnet from being given away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// What it has: at least part of one of the pools' subnets.
    pub prefix: Ipv4Net,
    /// Who it is.
    pub by: HeldBy,
}

/// What keeps a subnet from being given away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeldBy {
    /// A network of the daemon.
    Network {
        /// Its id.
        id: String,
        /// Its name. Hostile text.
        name: String,
        /// The compose project it is of. Hostile text.
        project: Option<String>,
        /// The CI job it is of, where that was asked for.
        job: Option<Box<CiJob>>,
        /// Containers that run in it.
        containers: usize,
        /// The daemon's own, which is always there.
        is_default: bool,
    },
    /// A route of the host, out of this interface.
    Route(String),
    /// A nameserver of the host.
    Nameserver,
}

impl World {
    /// The pools of every daemon that says enough of itself, by endpoint.
    #[must_use]
    pub fn pools(&self) -> Vec<PoolUse> {
        self.pools_with(|_| true)
    }

    /// Those with room as `wanted`. Watching asks with every change whether any are short: counting is
    /// cheap, and telling what comes next and who has the rest is not.
    pub(crate) fn pools_with(&self, wanted: impl Fn(Room) -> bool) -> Vec<PoolUse> {
        let daemons = self.docker.daemons().map(|(daemon, _)| daemon);
        // Whoever set up a daemon inside a container may give it whatever pools: nobody's are short then.
        let daemons = daemons.filter(|it| !is_inner(it) && !self.docker.is_alias(it));
        daemons
            .filter_map(|daemon| self.pools_of(daemon, &wanted))
            .collect()
    }

    /// Keeps the books, after the rest of the world has taken the input in.
    pub(super) fn keep_books(&mut self, body: &Body) {
        if let Body::Net {
            netns,
            change: NetChange::Address(address),
        } = body
        {
            let link = self
                .namespace(*netns)
                .and_then(|ns| ns.link(address.ifindex));
            let name = link.map(|link| link.name.clone());
            if let Some(name) = name.filter(|name| name.starts_with("br-")) {
                self.books.remember_bridge(name, address.address.trunc());
            }
            return;
        }
        let Some(daemon) = book::daemon_of(body) else {
            return;
        };
        let mut book = self.books.of.remove(daemon).unwrap_or_default();
        let setting = self.setting(daemon);
        book.apply(self, &setting, body);
        if !matches!(body, Body::DaemonGone(_)) {
            self.books.of.insert(daemon.to_owned(), book);
        }
    }

    fn pools_of(&self, daemon: &str, wanted: impl Fn(Room) -> bool) -> Option<PoolUse> {
        let empty = Book::default();
        let book = self.books.of.get(daemon).unwrap_or(&empty);
        let setting = self.setting(daemon);
        let known = |name: &str| book.has_bridge(name);
        let generation = setting.generation?;
        let Setting { slots, netns, .. } = &setting;
        let taken = Taken {
            allocated: self.allocated(daemon),
            reserved: setting.reserved(self, known),
        };
        let (total, free) = (slots.ipv4_len(), slots.free_ipv4(taken.all()));
        if !wanted(Room { total, free }) {
            return None;
        }
        let forecast = Forecast::new(generation, slots, book, &taken);
        let remaining = slots.remaining_ipv4(taken.all(), LISTED);
        // What is not known of the host may make the engine pass over any of them.
        let is_open = forecast.is_open || !setting.is_complete;
        let possible = forecast.possible(if is_open { &remaining } else { &[] });
        let all = if is_open { free } else { possible.len() as u64 };
        let named = possible.len().min(POSSIBLE);
        Some(PoolUse {
            daemon: daemon.to_owned(),
            generation,
            netns: *netns,
            total,
            used: total - free,
            free,
            certain: forecast.is_agreed() && !is_open,
            next: forecast.next(),
            possible_more: all.saturating_sub(named as u64),
            possible: possible.into_iter().take(POSSIBLE).collect(),
            remaining,
            holders: self.holders(daemon, &setting, known),
        })
    }

    /// Subnets of every network the daemon's own allocator looks after.
    fn allocated(&self, daemon: &str) -> Vec<IpNet> {
        let networks = self.docker.networks().filter(|(of, _)| *of == daemon);
        networks
            .filter(|(_, network)| is_local(&network.driver))
            .flat_map(|(_, network)| network.subnets.iter().map(|subnet| subnet.subnet))
            .collect()
    }

    fn setting(&self, daemon: &str) -> Setting {
        let info = self.docker.info(daemon);
        let generation = info.and_then(|info| Generation::of(&info.version));
        let pools = info.map(|info| info.pools.clone()).unwrap_or_default();
        let pools = if pools.is_empty() {
            pools::defaults()
        } else {
            pools
        };
        let slots = match generation {
            Some(Generation::Lowest) => Slots::sorted(&pools),
            _ => Slots::new(&pools),
        };
        let netns = info
            .and_then(|info| info.netns)
            .unwrap_or(self.session.netns);
        let (nameservers, known) = self.nameservers_of(netns, info);
        let synced = self.namespace(netns).is_some_and(|ns| ns.synced);
        Setting {
            generation,
            slots,
            netns,
            nameservers,
            is_complete: synced && known && info.is_some_and(|info| info.netns.is_some()),
        }
    }

    /// Nameservers in the daemon's eyes, and whether they are known.
    fn nameservers_of(&self, netns: u32, info: Option<&DaemonInfo>) -> (Vec<IpAddr>, bool) {
        if let Some(own) = info.and_then(|info| info.nameservers.as_ref()) {
            return (own.clone(), true);
        }
        let host = self.landmarks.of_host().iter();
        let host = host.filter(|it| it.role == LandmarkRole::Nameserver);
        (
            host.map(|it| it.address).collect(),
            netns == self.session.netns,
        )
    }

    fn holders(
        &self,
        daemon: &str,
        setting: &Setting,
        known: impl Fn(&str) -> bool,
    ) -> Vec<Holder> {
        let touches = |prefix: &IpNet| setting.slots.touching(prefix).next().is_some();
        let networks = self
            .docker
            .networks()
            .filter(|(of, network)| *of == daemon && is_local(&network.driver));
        let mut holders: Vec<Holder> = Vec::new();
        for (_, network) in networks {
            let by = HeldBy::Network {
                id: network.id.clone(),
                name: network.name.clone(),
                project: network.compose_project().map(str::to_owned),
                job: None,
                containers: network.endpoints.len(),
                is_default: network.name == "bridge",
            };
            let subnets = network.subnets.iter().map(|subnet| subnet.subnet);
            holders.extend(holders_of(subnets.filter(touches), &by));
        }
        let held: Vec<Ipv4Net> = holders.iter().map(|holder| holder.prefix).collect();
        let others = setting.host_uses(self, known).into_iter();
        let others = others.filter(|(prefix, _)| {
            touches(prefix) && ipv4(prefix).is_some_and(|prefix| !held.contains(&prefix))
        });
        holders.extend(others.flat_map(|(prefix, by)| holders_of(std::iter::once(prefix), &by)));
        holders.sort_by_key(|holder| (holder.prefix.addr(), holder.prefix.prefix_len()));
        holders
    }
}

impl Books {
    fn remember_bridge(&mut self, name: String, subnet: IpNet) {
        self.bridges.retain(|(known, known_subnet)| {
            *known != name || matches!(known_subnet, IpNet::V4(_)) != matches!(subnet, IpNet::V4(_))
        });
        if self.bridges.len() >= BRIDGES {
            self.bridges.remove(0);
        }
        self.bridges.push((name, subnet));
    }

    /// What the bridge of a network had, whose id this is.
    fn subnets_of_bridge(&self, id: &str) -> Vec<IpNet> {
        let mine = self.bridges.iter();
        let mine = mine.filter(|(known, _)| is_bridge_of(id, known));
        mine.map(|(_, subnet)| *subnet).collect()
    }
}

/// What a daemon's allocator goes by.
pub(super) struct Setting {
    generation: Option<Generation>,
    slots: Slots,
    netns: u32,
    nameservers: Vec<IpAddr>,
    /// Whether all of it is known.
    is_complete: bool,
}

impl Setting {
    /// What the host uses. Bridges that are `known` are those of networks the daemon has or had, by name:
    /// their routes come and go with them.
    fn reserved(&self, world: &World, known: impl Fn(&str) -> bool) -> Vec<IpNet> {
        let uses = self.host_uses(world, known).into_iter();
        uses.map(|(prefix, _)| prefix).collect()
    }

    fn host_uses(&self, world: &World, known: impl Fn(&str) -> bool) -> Vec<(IpNet, HeldBy)> {
        let namespace = world.namespace(self.netns);
        let routes = namespace.into_iter().flat_map(|ns| ns.routes().iter());
        let device = |route: &Route| {
            let hop = route.nexthops.first();
            let link = hop.and_then(|hop| namespace?.link(hop.ifindex));
            link.map(|link| link.name.as_str()).unwrap_or_default()
        };
        let routes = routes.filter(|route| self.counts(route));
        let routes = routes.map(|route| (route.destination, device(route)));
        let routes = routes.filter(|(_, device)| !known(device));
        let routes = routes.map(|(prefix, device)| (prefix, HeldBy::Route(device.to_owned())));
        let nameservers = self.nameservers.iter();
        let nameservers = nameservers.map(|ip| (IpNet::from(*ip), HeldBy::Nameserver));
        routes.chain(nameservers).collect()
    }

    /// Whether the engine keeps away from the route's destination.
    fn counts(&self, route: &Route) -> bool {
        let IpNet::V4(destination) = route.destination else {
            return false;
        };
        let every = match self.generation {
            Some(Generation::Rolling { every_route, .. }) => every_route,
            _ => false,
        };
        // Since 27 a prefix of 0.0.0.0, as half a default route has, is passed over.
        let nowhere = self.generation == Some(Generation::Lowest)
            && destination.addr() == Ipv4Addr::UNSPECIFIED;
        route.table == MAIN
            && destination.prefix_len() > 0
            && !nowhere
            && (every || route.scope == ON_LINK)
    }
}

/// What the next networks may get.
struct Forecast {
    /// The next subnets, one list for each possibility, likelier ones first.
    all: Vec<Vec<IpNet>>,
    /// It may be anything else as well.
    is_open: bool,
}

impl Forecast {
    fn new(generation: Generation, slots: &Slots, book: &Book, taken: &Taken) -> Self {
        if generation == Generation::Lowest {
            return Self {
                all: vec![pools::next(generation, slots, 0, taken, NEXT)],
                is_open: false,
            };
        }
        let cursor = book.cursor_now(slots, taken);
        let all = cursor.possible().map(|(cursor, unseen)| {
            let mut taken = taken.clone();
            taken.allocated.extend(unseen);
            pools::next(generation, slots, cursor, &taken, NEXT)
        });
        Self {
            all: all.collect(),
            is_open: !cursor.is_closed(),
        }
    }

    /// The likeliest.
    fn next(&self) -> Vec<Ipv4Net> {
        let first = self.all.first().into_iter().flatten();
        first.filter_map(ipv4).collect()
    }

    /// Whether all possibilities come to the same.
    fn is_agreed(&self) -> bool {
        self.all.windows(2).all(|pair| pair[0] == pair[1])
    }

    /// Each subnet that the very next network may get, any of `others` included.
    fn possible(&self, others: &[Ipv4Net]) -> Vec<Ipv4Net> {
        let firsts = self.all.iter().filter_map(|next| next.first());
        let mut possible: Vec<Ipv4Net> = Vec::new();
        for subnet in firsts.filter_map(ipv4).chain(others.iter().copied()) {
            if !possible.contains(&subnet) {
                possible.push(subnet);
            }
        }
        possible
    }
}

fn holders_of(prefixes: impl Iterator<Item = IpNet>, by: &HeldBy) -> Vec<Holder> {
    let prefixes = prefixes.filter_map(|prefix| ipv4(&prefix));
    prefixes
        .map(|prefix| Holder {
            prefix,
            by: by.clone(),
        })
        .collect()
}

const fn ipv4(prefix: &IpNet) -> Option<Ipv4Net> {
    match prefix {
        IpNet::V4(net) => Some(*net),
        IpNet::V6(_) => None,
    }
}

/// Whether the daemon's own allocator looks after networks of this driver: a swarm's are global.
fn is_local(driver: &str) -> bool {
    driver != "overlay"
}

/// Whether docker names the bridge of the network with this id so, if it is not told otherwise.
fn is_bridge_of(id: &str, name: &str) -> bool {
    name.strip_prefix("br-") == Some(id.get(..12).unwrap_or(id))
}

#[cfg(test)]
mod tests;

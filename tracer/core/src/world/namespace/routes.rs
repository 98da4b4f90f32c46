//! A namespace's routes, in the order the kernel reported them, and where to find those to a prefix: a host may
//! have as many as its routing daemon was told of, and each lost packet is looked up several times.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, hash_map::Entry},
    hash::{Hash, Hasher},
    net::IpAddr,
};

use ipnet::IpNet;

use crate::input::Route;

/// What a lookup asks for, with addresses as numbers, which are compared and hashed faster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Prefix {
    table: u32,
    ipv6: bool,
    length: u8,
    /// Of the address, those that count.
    bits: u128,
}

/// In one piece: the hasher takes longer for four pieces than for one.
impl Hash for Prefix {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let packed =
            u64::from(self.table) << 32 | u64::from(self.ipv6) << 8 | u64::from(self.length);
        let mut bytes = [0; 24];
        bytes[..16].copy_from_slice(&self.bits.to_ne_bytes());
        bytes[16..].copy_from_slice(&packed.to_ne_bytes());
        state.write(&bytes);
    }
}

impl Prefix {
    /// The first `length` bits of an address.
    fn new(table: u32, address: IpAddr, length: u8) -> Self {
        let (ipv6, bits, width) = match address {
            IpAddr::V4(v4) => (false, u32::from(v4).into(), 32),
            IpAddr::V6(v6) => (true, u128::from(v6), 128),
        };
        let rest = u32::from(width - length.min(width));
        // All of them may be more than can be shifted at once.
        let bits = bits.checked_shr(rest).unwrap_or(0);
        Self {
            table,
            ipv6,
            length,
            bits,
        }
    }

    fn of(route: &Route) -> Self {
        let to = route.destination;
        Self::new(route.table, to.addr(), to.prefix_len())
    }
}

/// Every route.
#[derive(Clone, Debug, Default)]
pub struct Routes {
    /// By age: of two equal routes the older wins.
    all: BTreeMap<u64, Route>,
    /// Metric and age of those to a prefix, the lower and the older first.
    places: HashMap<Prefix, Vec<(u32, u64)>>,
    /// By device, table and prefix: there may be a route to one prefix by each device (`fe80::/64`).
    by_device: BTreeSet<(u32, u32, IpNet, u64)>,
    /// How many routes of each length there are, by table and family: what no route has is not looked for.
    lengths: BTreeMap<(u32, bool), BTreeMap<u8, usize>>,
    /// Age of the next.
    next: u64,
}

impl Routes {
    /// Every route, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Route> {
        self.all.values()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Those of a table that hold the address, in the order the kernel tries them: longest prefix first, then
    /// lowest metric, then the oldest.
    pub fn holding(&self, table: u32, address: IpAddr) -> impl Iterator<Item = &Route> {
        let lengths = self.lengths.get(&(table, address.is_ipv6()));
        let longest_first = lengths.into_iter().flat_map(|it| it.keys().rev());
        let prefixes = longest_first.map(move |length| Prefix::new(table, address, *length));
        prefixes.flat_map(|prefix| self.to(prefix))
    }

    /// Those that lead to the device, oldest first.
    pub fn by(&self, ifindex: u32) -> impl Iterator<Item = &Route> {
        let mut ages = self.ages_by(ifindex);
        ages.sort_unstable();
        ages.into_iter().filter_map(|age| self.all.get(&age))
    }

    fn ages_by(&self, ifindex: u32) -> Vec<u64> {
        let first = (ifindex, 0, IpNet::default(), 0);
        let by_it = self.by_device.range(first..);
        let by_it = by_it.take_while(|(device, ..)| *device == ifindex);
        by_it.map(|(.., age)| *age).collect()
    }

    /// Default routes of every table.
    pub fn defaults(&self) -> impl Iterator<Item = &Route> {
        let everywhere = |(table, ipv6): &(u32, bool)| Prefix {
            table: *table,
            ipv6: *ipv6,
            length: 0,
            bits: 0,
        };
        let prefixes = self.lengths.keys().map(everywhere);
        prefixes.flat_map(|prefix| self.to(prefix))
    }

    /// Those of a table to exactly this prefix, whatever their metric, oldest first.
    pub fn exactly(&self, table: u32, prefix: IpNet) -> impl Iterator<Item = &Route> {
        let key = Prefix::new(table, prefix.addr(), prefix.prefix_len());
        let mut ages: Vec<u64> = self.places(key).map(|(_, age)| *age).collect();
        ages.sort_unstable();
        let routes = ages.into_iter().filter_map(|age| self.all.get(&age));
        routes.filter(move |route| route.destination == prefix)
    }

    /// Whether no other route of its table is to its prefix.
    pub(crate) fn is_only(&self, route: &Route) -> bool {
        let places = self.places.get(&Prefix::of(route));
        places.is_some_and(|places| places.len() == 1)
    }

    fn to(&self, prefix: Prefix) -> impl Iterator<Item = &Route> {
        let places = self.places(prefix);
        places.filter_map(|(_, age)| self.all.get(age))
    }

    fn places(&self, prefix: Prefix) -> impl Iterator<Item = &(u32, u64)> {
        self.places.get(&prefix).into_iter().flatten()
    }

    /// Adds a route, or replaces the one that the kernel would take it for.
    pub(super) fn add(&mut self, route: &Route) {
        let age = self.age_of(route).unwrap_or(self.next);
        if self.all.insert(age, route.clone()).is_none() {
            self.next += 1;
            let places = self.places.entry(Prefix::of(route)).or_default();
            let place = (route.metric, age);
            let at = places.partition_point(|known| *known < place);
            places.insert(at, place);
            self.by_device.extend(devices(route, age));
            let lengths = self.lengths.entry(family(route)).or_default();
            *lengths.entry(route.destination.prefix_len()).or_default() += 1;
        }
    }

    /// Removes the route that the kernel would take it for.
    pub(super) fn remove(&mut self, route: &Route) {
        if let Some(age) = self.age_of(route) {
            self.forget(age);
        }
    }

    /// Removes the device from every route, and those that led by nothing else.
    pub(super) fn leave(&mut self, ifindex: u32) {
        for age in self.ages_by(ifindex) {
            let Some(route) = self.all.get_mut(&age) else {
                continue;
            };
            self.by_device
                .remove(&(ifindex, route.table, route.destination, age));
            route.nexthops.retain(|hop| hop.ifindex != ifindex);
            if route.nexthops.is_empty() {
                self.forget(age);
            }
        }
    }

    fn forget(&mut self, age: u64) {
        let Some(route) = self.all.remove(&age) else {
            return;
        };
        if let Entry::Occupied(mut places) = self.places.entry(Prefix::of(&route)) {
            if let Ok(at) = places.get().binary_search(&(route.metric, age)) {
                places.get_mut().remove(at);
            }
            if places.get().is_empty() {
                places.remove();
            }
        }
        for device in devices(&route, age) {
            self.by_device.remove(&device);
        }
        let Some(lengths) = self.lengths.get_mut(&family(&route)) else {
            return;
        };
        let length = route.destination.prefix_len();
        if let Some(count) = lengths.get_mut(&length) {
            *count -= 1;
            if *count == 0 {
                lengths.remove(&length);
            }
        }
    }

    fn age_of(&self, route: &Route) -> Option<u64> {
        let is_it = |age: &u64| {
            let known = self.all.get(age);
            known.is_some_and(|known| same_route(known, route))
        };
        let Some(hop) = route.nexthops.first() else {
            let alike = self.places(Prefix::of(route));
            return alike.map(|(_, age)| *age).find(is_it);
        };
        let by_it = |age| (hop.ifindex, route.table, route.destination, age);
        let alike = self.by_device.range(by_it(0)..=by_it(u64::MAX));
        alike.map(|(.., age)| *age).find(is_it)
    }
}

/// When each came is nobody's business but their order.
impl PartialEq for Routes {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Routes {}

/// Where a route of this age is found by its devices.
fn devices(route: &Route, age: u64) -> impl Iterator<Item = (u32, u32, IpNet, u64)> {
    let hops = route.nexthops.iter();
    hops.map(move |hop| (hop.ifindex, route.table, route.destination, age))
}

const fn family(route: &Route) -> (u32, bool) {
    (route.table, matches!(route.destination, IpNet::V6(_)))
}

/// Whether the kernel would take one for the other when removing: nexthop devices tell apart
/// two routes to the same prefix, carrier does not.
pub(super) fn same_route(a: &Route, b: &Route) -> bool {
    let hops = |route: &Route| -> Vec<_> {
        route
            .nexthops
            .iter()
            .map(|hop| (hop.ifindex, hop.gateway))
            .collect()
    };
    (a.table, a.destination, a.metric, a.tos, a.kind)
        == (b.table, b.destination, b.metric, b.tos, b.kind)
        && hops(a) == hops(b)
}

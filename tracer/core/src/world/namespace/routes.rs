//! A namespace's routes, in the order the kernel reported them, and where to find those to a prefix: a host may
//! have as many as its routing daemon was told of, and each lost packet is looked up several times.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::input::Route;

/// Where a route is found: by prefix, table and metric, the older first.
type Place = (IpNet, u32, u32, u64);

/// Every route.
#[derive(Clone, Debug, Default)]
pub struct Routes {
    /// By age: of two equal routes the older wins.
    all: BTreeMap<u64, Route>,
    places: BTreeSet<Place>,
    /// By device.
    by_device: BTreeSet<(u32, u64)>,
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
        let prefixes = longest_first.filter_map(move |length| IpNet::new(address, *length).ok());
        prefixes.flat_map(move |prefix| self.to(prefix.trunc(), Some(table)))
    }

    /// Those that lead to the device, oldest first.
    pub fn by(&self, ifindex: u32) -> impl Iterator<Item = &Route> {
        let ages = self.by_device.range((ifindex, 0)..=(ifindex, u64::MAX));
        ages.filter_map(|(_, age)| self.all.get(age))
    }

    /// Default routes of every table.
    pub fn defaults(&self) -> impl Iterator<Item = &Route> {
        let prefixes = [IpNet::V4(Ipv4Net::default()), IpNet::V6(Ipv6Net::default())];
        prefixes
            .into_iter()
            .flat_map(|prefix| self.to(prefix, None))
    }

    /// Those of a table to exactly this prefix, whatever their metric, oldest first.
    pub fn exactly(&self, table: u32, prefix: IpNet) -> impl Iterator<Item = &Route> {
        let ages: BTreeSet<u64> = self.ages(prefix.trunc(), Some(table)).collect();
        let routes = ages.into_iter().filter_map(|age| self.all.get(&age));
        routes.filter(move |route| route.destination == prefix)
    }

    fn to(&self, prefix: IpNet, table: Option<u32>) -> impl Iterator<Item = &Route> {
        let ages = self.ages(prefix, table);
        ages.filter_map(|age| self.all.get(&age))
    }

    /// Those to a prefix, of one table or of all.
    fn ages(&self, prefix: IpNet, table: Option<u32>) -> impl Iterator<Item = u64> {
        let (first, last) = table.map_or((0, u32::MAX), |table| (table, table));
        let places = (prefix, first, 0, 0)..=(prefix, last, u32::MAX, u64::MAX);
        self.places.range(places).map(|(.., age)| *age)
    }

    /// Adds a route, or replaces the one that the kernel would take it for.
    pub(super) fn add(&mut self, route: &Route) {
        let age = self.age_of(route).unwrap_or(self.next);
        if self.all.insert(age, route.clone()).is_none() {
            self.next += 1;
            self.places.insert(place(route, age));
            let devices = route.nexthops.iter().map(|hop| (hop.ifindex, age));
            self.by_device.extend(devices);
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
        let ages = self.by_device.range((ifindex, 0)..=(ifindex, u64::MAX));
        let ages: Vec<u64> = ages.map(|(_, age)| *age).collect();
        for age in ages {
            self.by_device.remove(&(ifindex, age));
            let Some(route) = self.all.get_mut(&age) else {
                continue;
            };
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
        self.places.remove(&place(&route, age));
        for hop in &route.nexthops {
            self.by_device.remove(&(hop.ifindex, age));
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
        let (prefix, table, metric, _) = place(route, 0);
        let places = (prefix, table, metric, 0)..=(prefix, table, metric, u64::MAX);
        let mut ages = self.places.range(places).map(|(.., age)| *age);
        ages.find(|age| {
            self.all
                .get(age)
                .is_some_and(|known| same_route(known, route))
        })
    }
}

/// When each came is nobody's business but their order.
impl PartialEq for Routes {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Routes {}

fn place(route: &Route, age: u64) -> Place {
    (route.destination.trunc(), route.table, route.metric, age)
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

//! Two bridges with a route to the same prefix, as after a daemon lost its state: the older route
//! wins, and whoever is on the other bridge cannot be reached.

use std::net::IpAddr;

use crate::input::{Link, Route, RouteKind};

use super::{
    bridge,
    fib::{self, FlowKey},
    namespace::Namespace,
};

/// The bridge that loses against the bridge `winner` for packets to `address`.
#[must_use]
pub fn of(namespace: &Namespace, winner: u32, address: IpAddr) -> Option<&Link> {
    let taken = fib::lookup(namespace, FlowKey::to(address), |_| false)
        .filter(|answer| answer.ifindex == winner)?;
    let same = |route: &&Route| {
        route.kind == RouteKind::Unicast
            && route.table == taken.route.table
            && route.destination == taken.route.prefix
    };
    let hops = namespace.routes().iter().filter(same);
    let mut others = hops
        .flat_map(|route| &route.nexthops)
        .filter(|hop| hop.ifindex != winner)
        .filter_map(|hop| namespace.link(hop.ifindex));
    others.find(|link| bridge::can_swallow(namespace, link))
}

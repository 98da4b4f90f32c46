//! Two bridges with a route to the same prefix, as after a daemon lost its state: the older route
//! wins, and whoever is on the other bridge cannot be reached.

use std::net::IpAddr;

use crate::input::{Link, RouteKind};

use super::{
    World, bridge,
    fib::{self, FlowKey},
    namespace::Namespace,
};

/// The bridge on which `address` is, if its route loses against that of the bridge `winner` in the
/// namespace `netns`: a container there has it, or it came in by it (`ingress`).
#[must_use]
pub fn of(
    world: &World,
    netns: u32,
    winner: u32,
    address: IpAddr,
    ingress: Option<u32>,
) -> Option<&Link> {
    let other = loser(world.namespace(netns)?, winner, address)?;
    let network = world.docker.network_of_bridge(netns, &other.name);
    let lives_there = network.is_some_and(|(_, network)| network.endpoint_at(address).is_some());
    (lives_there || ingress == Some(other.ifindex)).then_some(other)
}

/// The bridge that loses against the bridge `winner` for packets to `address`.
fn loser(namespace: &Namespace, winner: u32, address: IpAddr) -> Option<&Link> {
    let taken = fib::find(namespace, FlowKey::to(address), |_| false)
        .filter(|found| found.hop.ifindex == winner)?;
    // As nearly always: nobody can lose.
    if taken.route.nexthops.len() == 1 && namespace.routes().is_only(taken.route) {
        return None;
    }
    let (table, prefix) = (taken.route.table, taken.route.destination);
    let same = namespace.routes().exactly(table, prefix);
    let hops = same.filter(|route| route.kind == RouteKind::Unicast);
    let mut others = hops
        .flat_map(|route| &route.nexthops)
        .filter(|hop| hop.ifindex != winner)
        .filter_map(|hop| namespace.link(hop.ifindex));
    others.find(|link| bridge::can_swallow(namespace, link))
}

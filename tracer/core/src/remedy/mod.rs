//! What to type, computed for this host. Nothing is applied by itself, and each remedy says
//! what it breaks.

mod bridge_route;
mod compose;
pub(crate) mod data_root;
mod enter;
pub(crate) mod ghost;
mod host_route;
mod pools;
mod recreate;
pub(crate) mod shell;
mod subnets;

use std::net::IpAddr;

use crate::{
    finding::{Remedy, RouteRef},
    input::{DockerNetwork, Link},
    world::World,
};

/// What the remedies are computed from.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// The state of the host.
    pub world: &'a World,
    /// Namespace, inode number.
    pub netns: u32,
    /// Victims, the worst first.
    pub victims: &'a [IpAddr],
    /// The route taken.
    pub route: Option<&'a RouteRef>,
    /// The route that should have been taken.
    pub expected: Option<&'a RouteRef>,
    /// The docker network and its daemon's endpoint.
    pub network: Option<(&'a str, &'a DockerNetwork)>,
    /// The bridge.
    pub bridge: Option<&'a Link>,
    /// The container that has a victim's address on the bridge, by name.
    pub inhabitant: Option<&'a str>,
    /// Whether the victims are on another bridge, whose route to the same prefix loses.
    pub rival: bool,
}

impl Case<'_> {
    /// Whether the victims are IPv6 addresses.
    fn is_ipv6(&self) -> bool {
        self.victims.first().is_some_and(IpAddr::is_ipv6)
    }
}

/// Room for more networks with the daemon.
pub(crate) fn bigger_pools(world: &World, netns: u32, daemon: &str) -> Option<Remedy> {
    pools::bigger(world, netns, daemon)
}

/// What keeps the next networks of a daemon away from whoever they would cover.
#[must_use]
pub fn before_the_next(case: &Case<'_>, daemon: &str) -> Vec<Remedy> {
    pools::for_daemon(case, daemon).into_iter().collect()
}

/// Everything that helps, the quickest first.
#[must_use]
pub fn remedies(case: &Case<'_>) -> Vec<Remedy> {
    let mut remedies = host_route::remedies(case);
    remedies.extend(bridge_route::without_rival(case));
    remedies.extend(bridge_route::without_carrier(case));
    remedies.extend(recreate::remedy(case));
    remedies.extend(pools::remedy(case));
    remedies
}

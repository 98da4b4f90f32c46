//! How somebody who is locked out gets back in at once: one route, more specific than the bridge's. What
//! it is, what it breaks, and when it must not be set.
//!
//! A plan is a pure function of the [`World`]: nothing is changed here.

mod owner;
mod refusal;
mod way;

use std::net::IpAddr;

use crate::{
    describe::network_ref,
    finding::{NetworkRef, Remedy, RouteRef},
    input::{DockerNetwork, Link},
    remedy::{self, Case},
    world::{World, namespace::Namespace},
};

pub use self::refusal::Refusal;

use self::way::Ways;

/// Who set the route, as the kernel notes it down (`RTA_PROTOCOL`): no other routing daemon has this
/// number, so what is left behind is recognised, and nothing else is ever taken back.
pub const PROTOCOL: u8 = 0xb7;

/// What a rescue of an address comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rescue {
    /// A bridge takes the packets to it: this helps.
    Needed(Box<Plan>),
    /// An earlier rescue holds it.
    Held(RouteRef),
    /// No bridge takes the packets to it; where they go, if anywhere.
    Elsewhere(Option<RouteRef>),
}

/// What will be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Who is locked out.
    pub address: IpAddr,
    /// The bridge that takes the packets, by name. Hostile text.
    pub bridge: String,
    /// Its index.
    pub inside: u32,
    /// The docker network behind it, if one is known.
    pub network: Option<NetworkRef>,
    /// The route they take.
    pub taken: RouteRef,
    /// The route they should take.
    pub expected: RouteRef,
    /// Index of the device they should leave by.
    pub uplink: u32,
    /// The host's own addresses on that device: replies have one of them as their source.
    pub sources: Vec<IpAddr>,
    /// The same in words and as a command: the remedy `host-route` of a finding.
    pub remedy: Remedy,
    /// What it breaks, each a plain sentence without its full stop. Hostile text.
    pub breaks: Vec<String>,
    /// What was not asked or is not sure, each a plain sentence without its full stop. Hostile text.
    pub unsure: Vec<String>,
}

impl Plan {
    /// The table the route has to stand in: that of the bridge's.
    #[must_use]
    pub const fn table(&self) -> u32 {
        self.taken.table
    }
}

/// Plans the rescue of `address` in the namespace that the session is in. `without_docker`: the operator
/// takes the risk where a daemon cannot be asked.
///
/// # Errors
/// It must not be done, or cannot.
pub fn plan(world: &World, address: IpAddr, without_docker: bool) -> Result<Rescue, Refusal> {
    let netns = world.session.netns;
    let namespace = world.namespace(netns).filter(|it| it.synced);
    let namespace = namespace.ok_or(Refusal::Unread)?;
    way::is_somebody(world, namespace, address)?;
    let Some(ways) = Ways::of(namespace, address) else {
        return Ok(way::elsewhere(namespace, address));
    };
    let bridge = namespace.link(ways.taken.ifindex).ok_or(Refusal::Unread)?;
    owner::is_free(world, namespace, bridge, address)?;
    let unsure = owner::unsure(world, bridge);
    if let Some(cause) = unsure.first().filter(|_| !without_docker) {
        return Err(Refusal::Blind(cause.clone()));
    }
    let expected = ways.expected.as_ref().ok_or(Refusal::NoOtherWay)?;
    let network = world.docker.network_of_bridge(netns, &bridge.name);
    let remedy = remedy(world, bridge, address, &ways, network)?;
    Ok(Rescue::Needed(Box::new(Plan {
        address,
        bridge: bridge.name.clone(),
        inside: bridge.ifindex,
        network: network.map(|(daemon, network)| network_ref(daemon, network)),
        taken: ways.taken.route.clone(),
        expected: expected.route.clone(),
        uplink: expected.ifindex,
        sources: way::sources(namespace, expected.ifindex, address),
        breaks: breaks(namespace, bridge, &ways, &remedy),
        remedy,
        unsure,
    })))
}

/// The remedy that a finding about the address has.
fn remedy(
    world: &World,
    bridge: &Link,
    address: IpAddr,
    ways: &Ways,
    network: Option<(&str, &DockerNetwork)>,
) -> Result<Remedy, Refusal> {
    let taken = &ways.taken.route;
    if taken.prefix.prefix_len() == taken.prefix.max_prefix_len() {
        return Err(Refusal::AsSpecific(taken.clone()));
    }
    let case = Case {
        world,
        netns: world.session.netns,
        victims: &[address],
        route: Some(taken),
        expected: ways.expected.as_ref().map(|answer| &answer.route),
        network,
        bridge: Some(bridge),
        inhabitant: None,
        rival: false,
    };
    let mut remedies = remedy::remedies(&case).into_iter();
    let found = remedies.find(|remedy| remedy.id == "host-route");
    found.ok_or(Refusal::Unspeakable)
}

/// What the route takes from somebody.
fn breaks(namespace: &Namespace, bridge: &Link, ways: &Ways, remedy: &Remedy) -> Vec<String> {
    let mut breaks = vec![remedy.risk.clone()];
    let taken = &ways.taken.route;
    if let Some(gateway) = taken.gateway {
        breaks.push(format!(
            "it is not reached any more by {gateway} behind {}, which the route to {} was set for",
            bridge.name, taken.prefix
        ));
    }
    for other in way::others(namespace, ways) {
        breaks.push(format!(
            "the route to {} by {} is not used for it either",
            other.prefix, other.device
        ));
    }
    breaks
}

#[cfg(test)]
mod tests;

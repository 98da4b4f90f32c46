//! Address space nobody here uses: checked against routes of every table, gateways, addresses, docker
//! networks, whoever is connected or logged in, nameservers and the like, and `--peer`.

use std::net::Ipv4Addr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::{
    input::DockerNetwork,
    prefix::overlaps,
    world::{World, fib::DEFAULT_LIKE, peers::Peers},
};

use super::Case;

/// Everything in use that bridgetrace knows of, default routes aside.
pub(super) fn used(case: &Case<'_>) -> Vec<IpNet> {
    let mut used = used_in(case.world, case.netns);
    used.extend(case.victims.iter().map(|ip| IpNet::from(*ip)));
    used
}

/// The same where nobody in particular is the victim.
pub(super) fn used_in(world: &World, netns: u32) -> Vec<IpNet> {
    let mut used: Vec<IpNet> = world.outsiders(netns).map(IpNet::from).collect();
    used.extend(world.session.protected.iter().copied());
    let peers = world.peers(netns).into_iter();
    used.extend(peers.flat_map(Peers::addresses).map(IpNet::from));
    if let Some(namespace) = world.namespace(netns) {
        used.extend(namespace.routes().iter().map(|route| route.destination));
        used.extend(namespace.addresses().map(|address| address.address));
        let gateways = namespace.routes().iter().flat_map(|route| &route.nexthops);
        used.extend(gateways.filter_map(|hop| hop.gateway).map(IpNet::from));
    }
    let subnets = |(_, network): (&str, &DockerNetwork)| network.subnets.clone();
    used.extend(
        world
            .docker
            .networks()
            .flat_map(subnets)
            .map(|subnet| subnet.subnet),
    );
    used.retain(|prefix| prefix.prefix_len() > DEFAULT_LIKE);
    used
}

/// Prefixes to try: corners of 10.0.0.0/8 that organisations rarely route, then the rest of it, and
/// where all of that is routed, 172.16.0.0/12, where docker's own pools are.
fn candidates() -> impl Iterator<Item = Ipv4Net> {
    let ten = (201..=254).chain(128..=200).chain(1..=127);
    let ten = ten.map(|second| (10, second));
    let docker = (16..=31).map(|second| (172, second));
    let sixteen = |(first, second)| Ipv4Net::new(Ipv4Addr::new(first, second, 0, 0), 16).ok();
    ten.chain(docker).filter_map(sixteen)
}

/// A /16 that overlaps nothing in `used`.
pub(super) fn free_sixteen(used: &[IpNet]) -> Option<Ipv4Net> {
    candidates().find(|candidate| is_free(IpNet::V4(*candidate), used))
}

/// A /24 that overlaps nothing in `used`, other than the first ones of [`free_sixteen`], which
/// are left for the pool.
pub(super) fn free_twentyfour(used: &[IpNet]) -> Option<Ipv4Net> {
    let pool = free_sixteen(used)?;
    let mut with_pool = used.to_vec();
    with_pool.push(IpNet::V4(pool));
    candidates()
        .filter_map(|sixteen| sixteen.subnets(24).ok())
        .flatten()
        .find(|candidate| is_free(IpNet::V4(*candidate), &with_pool))
}

/// A unique local /64 (RFC 4193 §3.2), its global id taken from the network's, which is random.
pub(super) fn unique_local(network: &DockerNetwork, used: &[IpNet]) -> Option<Ipv6Net> {
    let id = u64::from_str_radix(network.id.get(..10)?, 16).ok()?;
    let address = (0xfd << 120) | (u128::from(id) << 80);
    let prefix = Ipv6Net::new(address.into(), 64).ok()?;
    is_free(IpNet::V6(prefix), used).then_some(prefix)
}

fn is_free(candidate: IpNet, used: &[IpNet]) -> bool {
    !used.iter().any(|prefix| overlaps(prefix, &candidate))
}

/// The caveat every choice of a subnet carries.
pub(super) const UNKNOWABLE: &str = "this host cannot see what lies behind its gateways: ask whoever runs your network whether \
     that range is free";

#[cfg(test)]
mod tests;

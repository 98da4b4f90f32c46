//! The way back in, now: a more specific route than the bridge's.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Net};

use crate::{
    finding::{Remedy, RouteRef},
    input::{DockerNetwork, NetnsOwner},
    world::World,
};

use super::{Case, shell::quote};

/// `main` (`include/uapi/linux/rtnetlink.h`): the table `ip route` uses unless told otherwise.
const RT_TABLE_MAIN: u32 = 254;
/// Single routes offered; beyond that one prefix has to do.
const SINGLE: usize = 3;

/// A route for each of the worst victims and, if there are several, one prefix over all.
pub(super) fn remedies(case: &Case<'_>) -> Vec<Remedy> {
    let (Some(expected), Some(taken)) = (case.expected, case.route) else {
        return Vec::new();
    };
    let over = common_prefix(case, taken).map(|prefix| ("prefix-route", prefix));
    let victims = case.victims.iter().take(SINGLE).map(|ip| IpNet::from(*ip));
    // The same prefix again would be refused: the bridge's route is there already.
    let singles = victims.filter(|prefix| prefix.prefix_len() > taken.prefix.prefix_len());
    let prefixes = over
        .into_iter()
        .chain(singles.map(|prefix| ("host-route", prefix)));
    prefixes
        .filter_map(|(id, prefix)| remedy(case, expected, prefix, id))
        .collect()
}

fn remedy(case: &Case<'_>, expected: &RouteRef, prefix: IpNet, id: &'static str) -> Option<Remedy> {
    let enter = enter(case.world, case.netns)?;
    let via = expected
        .gateway
        .map_or_else(String::new, |gateway| format!(" via {gateway}"));
    // The route has to stand where the bridge's stands: an earlier table would be found first.
    let table = case.route.map_or(RT_TABLE_MAIN, |route| route.table);
    let table = if matches!(table, RT_TABLE_MAIN | 255) {
        String::new()
    } else {
        format!(" table {table}")
    };
    let route = format!("{prefix}{via} dev {}{table}", quote(&expected.device)?);
    let undo = format!("{enter}ip route del {route}");
    Some(Remedy {
        id,
        command: format!("{enter}ip route add {route}"),
        undo,
        effect: format!(
            "packets to {} leave by {} again at once, open connections included; gone after a \
             reboot",
            people(prefix),
            expected.device
        ),
        risk: risk(case, prefix),
    })
}

fn people(prefix: IpNet) -> String {
    if prefix.prefix_len() == prefix.max_prefix_len() {
        prefix.addr().to_string()
    } else {
        prefix.to_string()
    }
}

fn risk(case: &Case<'_>, prefix: IpNet) -> String {
    let network = case.network.map_or_else(
        || "on the bridge".to_owned(),
        |(_, network)| format!("of network {}", network.name),
    );
    format!(
        "a container {network} that is given {} later cannot be reached from this host",
        if prefix.prefix_len() == prefix.max_prefix_len() {
            "that address".to_owned()
        } else {
            format!("an address in {prefix}")
        }
    )
}

/// How to run a command in the namespace: nothing for the host's own, `None` if there is no way.
fn enter(world: &World, netns: u32) -> Option<String> {
    if netns == world.session.netns {
        return Some(String::new());
    }
    match world.namespace(netns)?.owner.as_ref()? {
        NetnsOwner::Named(name) => {
            let file = quote(&format!("/run/netns/{name}"))?;
            Some(format!("nsenter --net={file} "))
        }
        NetnsOwner::Process(process) | NetnsOwner::Container { process, .. } => {
            Some(format!("nsenter --net -t {} ", process.pid))
        }
        NetnsOwner::Host | NetnsOwner::Unknown => None,
    }
}

/// The shortest prefix over all victims that is more specific than the bridge's and takes no
/// address of a container or the bridge itself; `None` for a single victim.
fn common_prefix(case: &Case<'_>, taken: &RouteRef) -> Option<IpNet> {
    let (first, rest) = case.victims.split_first()?;
    let (IpAddr::V4(first), false) = (*first, rest.is_empty()) else {
        return None;
    };
    let addresses = rest.iter().filter_map(|ip| match ip {
        IpAddr::V4(ip) => Some(*ip),
        IpAddr::V6(_) => None,
    });
    let length = addresses.map(|ip| common_bits(first, ip)).min()?;
    let prefix = IpNet::V4(Ipv4Net::new(first, length).ok()?.trunc());
    let taken_addresses = case
        .network
        .map_or_else(Vec::new, |(_, network)| addresses_of(network));
    let harmless = taken_addresses.iter().all(|ip| !prefix.contains(ip));
    (length > taken.prefix.prefix_len() && harmless).then_some(prefix)
}

fn common_bits(a: Ipv4Addr, b: Ipv4Addr) -> u8 {
    u8::try_from((u32::from(a) ^ u32::from(b)).leading_zeros()).unwrap_or(32)
}

fn addresses_of(network: &DockerNetwork) -> Vec<IpAddr> {
    let gateways = network.subnets.iter().filter_map(|subnet| subnet.gateway);
    let endpoints = network.endpoints.iter().flat_map(|e| e.addresses.clone());
    gateways.chain(endpoints).collect()
}

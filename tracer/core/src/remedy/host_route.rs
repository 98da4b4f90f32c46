//! The way back in, now: a more specific route than the bridge's.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::{
    finding::{Remedy, RouteRef},
    input::DockerNetwork,
};

use super::{Case, enter, shell::quote};

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
    let enter = enter::enter(case.world, case.netns)?;
    let via = expected
        .gateway
        .map_or_else(String::new, |gateway| format!(" via {gateway}"));
    // The route has to stand where the bridge's stands.
    let table = enter::table(case);
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
    if let Some(container) = case.inhabitant {
        return format!("container {container}, which has that address, is cut off from this host");
    }
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

/// The shortest prefix over all victims that is more specific than the bridge's and takes no
/// address of a container or the bridge itself; `None` for a single victim.
fn common_prefix(case: &Case<'_>, taken: &RouteRef) -> Option<IpNet> {
    let (first, rest) = case.victims.split_first()?;
    let length = rest
        .iter()
        .filter_map(|ip| common_bits(*first, *ip))
        .min()?;
    let prefix = IpNet::new(*first, length).ok()?.trunc();
    let taken_addresses = case
        .network
        .map_or_else(Vec::new, |(_, network)| addresses_of(network));
    let harmless = taken_addresses.iter().all(|ip| !prefix.contains(ip));
    (length > taken.prefix.prefix_len() && harmless).then_some(prefix)
}

/// How many bits two addresses of a family have in common.
fn common_bits(a: IpAddr, b: IpAddr) -> Option<u8> {
    let zeros = match (a, b) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (u32::from(a) ^ u32::from(b)).leading_zeros(),
        (IpAddr::V6(a), IpAddr::V6(b)) => (u128::from(a) ^ u128::from(b)).leading_zeros(),
        _ => return None,
    };
    u8::try_from(zeros).ok()
}

fn addresses_of(network: &DockerNetwork) -> Vec<IpAddr> {
    let gateways = network.subnets.iter().filter_map(|subnet| subnet.gateway);
    let endpoints = network.endpoints.iter().flat_map(|e| e.addresses.clone());
    gateways.chain(endpoints).collect()
}

//! Where packets to the address go, and where they should.

use std::{iter::once, net::IpAddr};

use ipnet::IpNet;

use crate::{
    finding::RouteRef,
    input::{Address, Route, RouteKind},
    world::{
        World, bridge,
        fib::{self, Answer, FlowKey},
        namespace::Namespace,
    },
};

use super::{PROTOCOL, Refusal, Rescue};

/// The way taken, and the one that should be.
#[derive(Debug)]
pub(super) struct Ways {
    pub(super) taken: Answer,
    /// None if there is no other.
    pub(super) expected: Option<Answer>,
}

impl Ways {
    /// The ways to `address` if a bridge takes its packets: those of a sender that leaves the choice of
    /// its address to the kernel, or of one that has an address already, as in a reply.
    pub(super) fn of(namespace: &Namespace, address: IpAddr) -> Option<Self> {
        let outside = |own: &&Address| !bridge::swallows(namespace, own.ifindex);
        let own = namespace.addresses().filter(outside);
        let own = own.map(|own| own.address.addr());
        let own = own.filter(|own| own.is_ipv4() == address.is_ipv4() && !own.is_loopback());
        let mut keys = once(None).chain(own.map(Some)).map(|source| FlowKey {
            source,
            ..FlowKey::to(address)
        });
        keys.find_map(|key| {
            let taken = fib::lookup(namespace, key, |_| false)?;
            let swallows = |ifindex: u32| bridge::swallows(namespace, ifindex);
            swallows(taken.ifindex).then(|| Self {
                taken,
                expected: fib::lookup(namespace, key, swallows),
            })
        })
    }
}

/// Refuses what nobody outside can have.
pub(super) fn is_somebody(
    world: &World,
    namespace: &Namespace,
    address: IpAddr,
) -> Result<(), Refusal> {
    if let Some(what) = nobodys(address) {
        return Err(Refusal::Nobody(what));
    }
    let name = |ifindex| {
        let link = namespace.link(ifindex);
        link.map_or_else(|| format!("ifindex {ifindex}"), |link| link.name.clone())
    };
    if let Some(ifindex) = namespace.own_address(address) {
        return Err(Refusal::Own(name(ifindex)));
    }
    let mut networks = world.docker.bridges_in(world.session.netns);
    let gateway = networks.find(|(_, network)| {
        let mut subnets = network.subnets.iter();
        subnets.any(|subnet| subnet.gateway == Some(address))
    });
    if let Some((_, network)) = gateway {
        return Err(Refusal::Gateway(network.name.clone()));
    }
    let everybody = namespace
        .addresses()
        .find(|own| is_everybody(own.address.trunc(), address));
    everybody.map_or(Ok(()), |own| {
        Err(Refusal::Everybody(own.address.trunc(), name(own.ifindex)))
    })
}

fn nobodys(address: IpAddr) -> Option<&'static str> {
    let link_local = match address {
        IpAddr::V4(ip) if ip.is_broadcast() => return Some("a broadcast"),
        IpAddr::V4(ip) => ip.octets()[0] == 0 || ip.is_link_local(),
        IpAddr::V6(ip) => ip.to_ipv4_mapped().is_some() || ip.is_unicast_link_local(),
    };
    match address {
        _ if address.is_unspecified() => Some("an unspecified"),
        _ if address.is_loopback() => Some("a loopback"),
        _ if address.is_multicast() => Some("a multicast"),
        _ if link_local => Some("a link-local or reserved"),
        _ => None,
    }
}

/// Whether `address` is the first or the last of a prefix that has room for more than two: those of IPv4
/// are broadcast addresses, the first of IPv6 is every router's.
fn is_everybody(prefix: IpNet, address: IpAddr) -> bool {
    let roomy = prefix.max_prefix_len() - prefix.prefix_len() > 1;
    let last = address.is_ipv4() && address == prefix.broadcast();
    roomy && (address == prefix.network() || last)
}

/// Where packets to `address` go although no bridge takes them.
pub(super) fn elsewhere(namespace: &Namespace, address: IpAddr) -> Rescue {
    let Some(answer) = fib::lookup(namespace, FlowKey::to(address), |_| false) else {
        return Rescue::Elsewhere(None);
    };
    let held = |route: &Route| {
        route.protocol == PROTOCOL
            && route.destination == IpNet::from(address)
            && route.table == answer.route.table
    };
    if namespace.routes().iter().any(held) {
        Rescue::Held(answer.route)
    } else {
        Rescue::Elsewhere(Some(answer.route))
    }
}

/// The host's own addresses of the same family on the device.
pub(super) fn sources(namespace: &Namespace, device: u32, address: IpAddr) -> Vec<IpAddr> {
    let there = namespace.addresses().filter(|own| own.ifindex == device);
    let sources = there.map(|own| own.address.addr());
    sources
        .filter(|own| own.is_ipv4() == address.is_ipv4() && nobodys(*own).is_none())
        .collect()
}

/// Routes into other bridges that hold the address too, in the table of the one that is taken.
pub(super) fn others(namespace: &Namespace, ways: &Ways) -> Vec<RouteRef> {
    let taken = &ways.taken.route;
    let same = |route: &&Route| {
        route.kind == RouteKind::Unicast
            && route.table == taken.table
            && route.destination.contains(&taken.prefix)
    };
    let routes = namespace.routes().iter().filter(same);
    let hops = routes.flat_map(|route| route.nexthops.iter().map(move |hop| (route, hop)));
    let others = hops.filter(|(_, hop)| {
        hop.ifindex != ways.taken.ifindex && bridge::swallows(namespace, hop.ifindex)
    });
    others
        .filter_map(|(route, hop)| {
            Some(RouteRef {
                prefix: route.destination,
                gateway: hop.gateway,
                device: namespace.link(hop.ifindex)?.name.clone(),
                table: route.table,
            })
        })
        .collect()
}

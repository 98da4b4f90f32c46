//! Netlink messages as changes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use netlink_packet_core::{Nla as _, ParseableParametrized as _};
use netlink_packet_route::{
    AddressFamily, RouteNetlinkMessage,
    address::{AddressAttribute, AddressMessage},
    neighbour::{NeighbourAddress, NeighbourAttribute, NeighbourFlags, NeighbourMessage},
    route::{
        RouteAddress, RouteAttribute, RouteFlags, RouteMessage, RouteNextHop, RouteNextHopFlags,
        RouteType, RouteVia,
    },
    rule::{RuleAction as Action, RuleAttribute, RuleFlags, RuleMessage},
};
use tracer_core::input::{
    Address, Neighbour, NetChange, Nexthop, Route, RouteKind, Rule, RuleAction,
};

use super::link;

pub(super) const RTM_NEWLINK: u16 = 16;
pub(super) const RTM_DELLINK: u16 = 17;
/// First and last of the address, route, neighbour and rule messages.
const UNDERSTOOD: std::ops::RangeInclusive<u16> = 20..=34;
/// `FRA_PAD`: alignment, selects nothing.
const FRA_PAD: u16 = 18;

/// What a message says has changed, if it is any of our business.
pub(crate) fn change(kind: u16, payload: &[u8]) -> Option<NetChange> {
    if matches!(kind, RTM_NEWLINK | RTM_DELLINK) {
        return link::change(kind, payload);
    }
    UNDERSTOOD.contains(&kind).then_some(())?;
    match RouteNetlinkMessage::parse_with_param(payload, kind) {
        Ok(message) => typed(message),
        Err(error) => {
            log::warn!("a netlink message of type {kind} cannot be read and is missing: {error}");
            None
        }
    }
}

/// The same for a decoded message.
fn typed(message: RouteNetlinkMessage) -> Option<NetChange> {
    use RouteNetlinkMessage as M;
    Some(match message {
        M::NewAddress(message) => NetChange::Address(address(&message)?),
        M::DelAddress(message) => NetChange::AddressGone(address(&message)?),
        M::NewRoute(message) => NetChange::Route(route(&message)?),
        M::DelRoute(message) => NetChange::RouteGone(route(&message)?),
        M::NewRule(message) => NetChange::Rule(rule(&message)?),
        M::DelRule(message) => NetChange::RuleGone(rule(&message)?),
        M::NewNeighbour(message) => NetChange::Neighbour(neighbour(&message)?),
        M::DelNeighbour(message) => NetChange::NeighbourGone(neighbour(&message)?),
        _ => return None,
    })
}

/// `IFA_LOCAL` is the interface's own address; `IFA_ADDRESS` is the peer's on a point-to-point
/// link, and the only one there is for IPv6.
fn address(message: &AddressMessage) -> Option<Address> {
    let mut own = None;
    let mut other = None;
    for attribute in &message.attributes {
        match attribute {
            AddressAttribute::Local(ip) => own = Some(*ip),
            AddressAttribute::Address(ip) => other = Some(*ip),
            _ => {}
        }
    }
    let address = IpNet::new(own.or(other)?, message.header.prefix_len).ok()?;
    Some(Address {
        ifindex: message.header.index,
        address,
    })
}

/// Cached results of lookups are no routes.
fn route(message: &RouteMessage) -> Option<Route> {
    let header = &message.header;
    let any = unspecified(header.address_family)?;
    if header.flags.contains(RouteFlags::Cloned) {
        return None;
    }
    let kind = route_kind(header.kind);
    let mut route = Route {
        table: header.table.into(),
        destination: prefix(any, header.destination_prefix_length)?,
        kind,
        tos: header.tos,
        scope: header.scope.into(),
        protocol: header.protocol.into(),
        nexthops: nexthops(message, kind),
        ..Route::default()
    };
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Table(table) => route.table = *table,
            RouteAttribute::Priority(metric) => route.metric = *metric,
            RouteAttribute::PrefSource(ip) => route.prefsrc = ip_of(ip),
            RouteAttribute::Destination(ip) => {
                route.destination = prefix(ip_of(ip)?, header.destination_prefix_length)?;
            }
            _ => {}
        }
    }
    Some(route)
}

fn route_kind(kind: RouteType) -> RouteKind {
    match kind {
        RouteType::Unicast => RouteKind::Unicast,
        RouteType::Local => RouteKind::Local,
        RouteType::BlackHole | RouteType::Unreachable | RouteType::Prohibit => RouteKind::Drop,
        RouteType::Throw => RouteKind::Throw,
        _ => RouteKind::Other,
    }
}

/// The kernel spells nexthop objects out too (`RTA_OIF`, `RTA_MULTIPATH`) unless
/// `net.ipv4.nexthop_compat_mode` was switched off.
fn nexthops(message: &RouteMessage, kind: RouteKind) -> Vec<Nexthop> {
    if matches!(kind, RouteKind::Drop | RouteKind::Throw) {
        return Vec::new();
    }
    let several = message
        .attributes
        .iter()
        .find_map(|attribute| match attribute {
            RouteAttribute::MultiPath(hops) => Some(hops.iter().filter_map(nexthop).collect()),
            _ => None,
        });
    several.unwrap_or_else(|| single(message).into_iter().collect())
}

/// The one nexthop of a route that is not multipath.
fn single(message: &RouteMessage) -> Option<Nexthop> {
    let ifindex = message
        .attributes
        .iter()
        .find_map(|attribute| match attribute {
            RouteAttribute::Oif(ifindex) => Some(*ifindex),
            _ => None,
        })?;
    Some(Nexthop {
        ifindex,
        gateway: gateway(&message.attributes),
        linkdown: message.header.flags.contains(RouteFlags::Linkdown),
    })
}

/// One of several; a dead one is not chosen by any lookup.
fn nexthop(hop: &RouteNextHop) -> Option<Nexthop> {
    (!hop.flags.contains(RouteNextHopFlags::Dead)).then(|| Nexthop {
        ifindex: hop.interface_index,
        gateway: gateway(&hop.attributes),
        linkdown: hop.flags.contains(RouteNextHopFlags::Linkdown),
    })
}

fn gateway(attributes: &[RouteAttribute]) -> Option<IpAddr> {
    attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Gateway(ip) => ip_of(ip),
        RouteAttribute::Via(RouteVia::Inet(ip)) => Some(IpAddr::V4(*ip)),
        RouteAttribute::Via(RouteVia::Inet6(ip)) => Some(IpAddr::V6(*ip)),
        _ => None,
    })
}

fn rule(message: &RuleMessage) -> Option<Rule> {
    let header = &message.header;
    unspecified(header.family)?;
    let mut rule = Rule {
        ipv6: header.family == AddressFamily::Inet6,
        invert: header.flags.contains(RuleFlags::Invert),
        fwmark: fwmark(&message.attributes),
        other_selectors: header.tos != 0 || message.attributes.iter().any(is_other_selector),
        action: rule_action(message),
        ..Rule::default()
    };
    for attribute in &message.attributes {
        match attribute {
            RuleAttribute::Priority(priority) => rule.priority = *priority,
            RuleAttribute::Source(ip) => rule.from = prefix(*ip, header.src_len),
            RuleAttribute::Destination(ip) => rule.to = prefix(*ip, header.dst_len),
            RuleAttribute::Iifname(name) => rule.iif = Some(name.clone()),
            RuleAttribute::Oifname(name) => rule.oif = Some(name.clone()),
            // All ones stands for "not set".
            RuleAttribute::SuppressPrefixLen(length) => {
                rule.suppress_prefixlen = u8::try_from(*length).ok();
            }
            _ => {}
        }
    }
    Some(rule)
}

/// Without a mask every bit of the mark counts.
fn fwmark(attributes: &[RuleAttribute]) -> Option<(u32, u32)> {
    let find = |pick: fn(&RuleAttribute) -> Option<u32>| attributes.iter().find_map(pick);
    let mark = find(|attribute| match attribute {
        RuleAttribute::FwMark(mark) => Some(*mark),
        _ => None,
    });
    let mask = find(|attribute| match attribute {
        RuleAttribute::FwMask(mask) => Some(*mask),
        _ => None,
    });
    (mark.is_some() || mask.is_some()).then(|| (mark.unwrap_or(0), mask.unwrap_or(u32::MAX)))
}

fn rule_action(message: &RuleMessage) -> RuleAction {
    match message.header.action {
        Action::ToTable => RuleAction::Table(rule_table(message)),
        Action::Goto => message
            .attributes
            .iter()
            .find_map(|attribute| match attribute {
                RuleAttribute::Goto(priority) => Some(RuleAction::Goto(*priority)),
                _ => None,
            })
            .unwrap_or(RuleAction::Nop),
        Action::Blackhole | Action::Unreachable | Action::Prohibit => RuleAction::Drop,
        _ => RuleAction::Nop,
    }
}

fn rule_table(message: &RuleMessage) -> u32 {
    let wide = message
        .attributes
        .iter()
        .find_map(|attribute| match attribute {
            RuleAttribute::Table(table) => Some(*table),
            _ => None,
        });
    wide.unwrap_or_else(|| message.header.table.into())
}

/// Whether an attribute narrows the rule down in a way [`Rule`] has no field for. An attribute
/// nobody knew when this was written counts as one.
fn is_other_selector(attribute: &RuleAttribute) -> bool {
    use RuleAttribute as A;
    match attribute {
        A::Destination(_) | A::Source(_) | A::Iifname(_) | A::Oifname(_) => false,
        A::FwMark(_) | A::FwMask(_) | A::SuppressPrefixLen(_) => false,
        A::Priority(_) | A::Goto(_) | A::Table(_) | A::Protocol(_) | A::Realm(_) => false,
        A::SuppressIfGroup(group) => *group != u32::MAX,
        A::L3MDev(on) => *on,
        A::Other(other) => other.kind() != FRA_PAD,
        _ => true,
    }
}

/// Entries of bridges' forwarding tables and of ARP proxies come the same way and are not meant.
fn neighbour(message: &NeighbourMessage) -> Option<Neighbour> {
    let header = &message.header;
    if header.flags.contains(NeighbourFlags::Proxy) {
        return None;
    }
    let mut address = None;
    let mut lladdr = None;
    for attribute in &message.attributes {
        match attribute {
            NeighbourAttribute::Destination(NeighbourAddress::Inet(ip)) => {
                address = Some(IpAddr::V4(*ip));
            }
            NeighbourAttribute::Destination(NeighbourAddress::Inet6(ip)) => {
                address = Some(IpAddr::V6(*ip));
            }
            NeighbourAttribute::LinkLayerAddress(bytes) => lladdr = hardware_address(bytes),
            _ => {}
        }
    }
    Some(Neighbour {
        ifindex: header.ifindex,
        address: address?,
        lladdr,
        state: header.state.into(),
    })
}

fn hardware_address(bytes: &[u8]) -> Option<String> {
    let octets: Vec<String> = bytes.iter().map(|octet| format!("{octet:02x}")).collect();
    (!octets.is_empty()).then(|| octets.join(":"))
}

fn unspecified(family: AddressFamily) -> Option<IpAddr> {
    match family {
        AddressFamily::Inet => Some(Ipv4Addr::UNSPECIFIED.into()),
        AddressFamily::Inet6 => Some(Ipv6Addr::UNSPECIFIED.into()),
        _ => None,
    }
}

fn ip_of(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(ip) => Some(IpAddr::V4(*ip)),
        RouteAddress::Inet6(ip) => Some(IpAddr::V6(*ip)),
        _ => None,
    }
}

fn prefix(ip: IpAddr, length: u8) -> Option<IpNet> {
    IpNet::new(ip, length).ok().map(|net| net.trunc())
}

#[cfg(test)]
mod tests;

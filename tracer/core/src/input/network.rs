//! What rtnetlink and sysctl tell of a network namespace: its links, addresses, routes, rules and neighbours.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// Kernel settings of a network namespace
/// (<https://docs.kernel.org/networking/ip-sysctl.html>).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sysctls {
    /// `net.ipv4.tcp_retries2`: retransmissions of data before a connection is given up.
    pub tcp_retries2: u32,
}

/// A change in a network namespace, from rtnetlink.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NetChange {
    /// A full dump follows: forget everything about the namespace.
    Resync,
    /// The dump is complete.
    Synced,
    /// A link appeared or changed.
    Link(Link),
    /// A link is gone (ifindex).
    LinkGone(u32),
    /// An address appeared or changed.
    Address(Address),
    /// An address is gone.
    AddressGone(Address),
    /// A route appeared or changed.
    Route(Route),
    /// A route is gone.
    RouteGone(Route),
    /// A policy rule appeared.
    Rule(Rule),
    /// A policy rule is gone.
    RuleGone(Rule),
    /// A neighbour entry appeared or changed.
    Neighbour(Neighbour),
    /// A neighbour entry is gone.
    NeighbourGone(Neighbour),
    /// The namespace's settings, read before its dump.
    Sysctls(Sysctls),
}

impl NetChange {
    /// Whether it is about neighbours, who come and go by the thousand and change no route.
    #[must_use]
    pub const fn is_about_neighbours(&self) -> bool {
        matches!(self, Self::Neighbour(_) | Self::NeighbourGone(_))
    }
}

/// A network interface.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Index within its namespace.
    pub ifindex: u32,
    /// Name. Hostile: anyone with `CAP_NET_ADMIN` in a namespace chooses it.
    pub name: String,
    /// `IFLA_INFO_KIND` (`bridge`, `veth`, …); absent for hardware.
    pub kind: Option<String>,
    /// ifindex of the bridge, bond or VRF it belongs to.
    pub master: Option<u32>,
    /// `IFF_UP`.
    pub up: bool,
    /// `IFF_LOWER_UP`.
    pub carrier: bool,
    /// The other end of a veth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<Peer>,
}

/// The other end of a veth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    /// ifindex within its namespace.
    pub ifindex: u32,
    /// The namespace, by the number that the one of this end has for it; none if it is the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nsid: Option<i32>,
}

/// An interface address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Address {
    /// Interface.
    pub ifindex: u32,
    /// Address with the length of its prefix.
    pub address: IpNet,
}

/// A route.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Route {
    /// Routing table (254 is `main`).
    pub table: u32,
    /// Destination prefix; of length 0 for a default route.
    pub destination: IpNet,
    /// What it does.
    pub kind: RouteKind,
    /// Priority; lower wins.
    pub metric: u32,
    /// Type of service it is limited to; 0 is any.
    pub tos: u8,
    /// `RT_SCOPE_*`: 0 universe, 253 link, 254 host.
    pub scope: u8,
    /// `RTPROT_*`: 2 is the kernel.
    pub protocol: u8,
    /// Preferred source address.
    pub prefsrc: Option<IpAddr>,
    /// Nexthops; none for a route that drops.
    pub nexthops: Vec<Nexthop>,
}

/// What a route does (`RTN_*`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RouteKind {
    /// Forwards or sends.
    #[default]
    Unicast,
    /// Delivers here.
    Local,
    /// Drops silently (`blackhole`), with an error (`unreachable`, `prohibit`).
    Drop,
    /// Ends the search in this table.
    Throw,
    /// Broadcast, multicast, anycast and whatever else has no part in replies.
    Other,
}

/// Where a route leads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Nexthop {
    /// Outgoing interface.
    pub ifindex: u32,
    /// Gateway; none when the destination is on the link.
    pub gateway: Option<IpAddr>,
    /// The interface has no carrier (`RTNH_F_LINKDOWN`).
    pub linkdown: bool,
}

/// A policy rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Rule {
    /// Priority; lower is looked at first.
    pub priority: u32,
    /// IPv6 rule (else IPv4).
    pub ipv6: bool,
    /// `not`: the selectors must fail.
    pub invert: bool,
    /// Source prefix.
    pub from: Option<IpNet>,
    /// Destination prefix.
    pub to: Option<IpNet>,
    /// Incoming interface (`lo` for local packets).
    pub iif: Option<String>,
    /// Interface the sender is bound to.
    pub oif: Option<String>,
    /// fwmark value and mask.
    pub fwmark: Option<(u32, u32)>,
    /// Selectors bridgetrace does not evaluate (ports, uid, tos, l3mdev…) are present.
    pub other_selectors: bool,
    /// What it does.
    pub action: RuleAction,
    /// Routes of this prefix length or shorter do not count.
    pub suppress_prefixlen: Option<u8>,
}

/// What a policy rule does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RuleAction {
    /// Look the destination up in this table.
    Table(u32),
    /// Go on at the rule with this priority.
    Goto(u32),
    /// Drop.
    Drop,
    /// Nothing.
    #[default]
    Nop,
}

/// A neighbour (ARP) entry.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Neighbour {
    /// Interface.
    pub ifindex: u32,
    /// Protocol address.
    pub address: IpAddr,
    /// Link-layer address, if known.
    pub lladdr: Option<String>,
    /// `NUD_*` bits.
    pub state: u16,
}

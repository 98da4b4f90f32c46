//! Two docker networks with one subnet: of two equal routes the older wins, and whoever is on the
//! other bridge cannot be reached.

use std::collections::BTreeMap;

use ipnet::IpNet;

use crate::{
    finding::{Evidence, EvidenceKind, Finding, Ghost, GhostClass},
    input::{DockerNetwork, Link},
    remedy::ghost as remedy,
    time::Timestamp,
    world::{World, namespace::Namespace},
};

use super::{
    Purpose, SETTLED, Situation, finding,
    group::{is_alive, network_left},
    with_network,
};

/// A bridge of a network that a daemon knows.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) link: &'a Link,
    daemon: &'a str,
    pub(super) network: &'a DockerNetwork,
}

pub(super) fn find(situation: Situation<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for (inum, namespace) in situation.world.namespaces() {
        // Two that share an IPv4 and an IPv6 prefix are one ghost.
        let mut pairs = BTreeMap::new();
        for (prefix, sharers) in sharers(situation, inum, namespace) {
            for (one, other) in sharers.iter().zip(sharers.iter().skip(1)) {
                let pair = (one.link.ifindex, other.link.ifindex);
                pairs.entry(pair).or_insert((prefix, *one, *other));
            }
        }
        let pairs = pairs.into_values();
        found.extend(pairs.map(|(prefix, one, other)| {
            let ordered = ordered(namespace, &one, &other);
            tell(situation, inum, prefix, ordered)
        }));
    }
    found
}

/// Prefixes that bridges are connected to, and which.
pub(super) fn sharers<'a>(
    situation: Situation<'a>,
    inum: u32,
    namespace: &'a Namespace,
) -> BTreeMap<IpNet, Vec<Known<'a>>> {
    let mut prefixes: BTreeMap<IpNet, Vec<Known<'a>>> = BTreeMap::new();
    let known = known(situation, inum, namespace);
    let known: BTreeMap<u32, Known<'a>> = known.map(|it| (it.link.ifindex, it)).collect();
    for (ifindex, prefix) in namespace.all_connected() {
        if let Some(known) = known.get(&ifindex) {
            prefixes.entry(prefix).or_default().push(*known);
        }
    }
    prefixes
}

fn known<'a>(
    situation: Situation<'a>,
    inum: u32,
    namespace: &'a Namespace,
) -> impl Iterator<Item = Known<'a>> {
    let settled = move |link: &&Link| {
        let seen = namespace.seen(link.ifindex);
        let old = seen.is_some_and(|seen| situation.now >= seen.plus(SETTLED));
        old || situation.purpose == Purpose::Check
    };
    let networks = situation.world.docker.bridges_in(inum);
    let networks = networks.map(|(daemon, it)| (it.bridge_name(), (daemon, it)));
    let networks: BTreeMap<String, (&str, &DockerNetwork)> = networks.collect();
    let bridges = namespace.bridges().filter(settled);
    bridges.filter_map(move |link| {
        let (daemon, network) = *networks.get(&link.name)?;
        Some(Known {
            link,
            daemon,
            network,
        })
    })
}

/// The one whose route wins first.
fn ordered<'a>(
    namespace: &Namespace,
    one: &'a Known<'a>,
    other: &'a Known<'a>,
) -> (&'a Known<'a>, &'a Known<'a>) {
    if wins(namespace, other.link, one.link) {
        (other, one)
    } else {
        (one, other)
    }
}

/// Whether the route of `one` wins against the same of `other`: the older does.
pub(super) fn wins(namespace: &Namespace, one: &Link, other: &Link) -> bool {
    let position = |link: &Link| {
        let leads = |hop: &crate::input::Nexthop| hop.ifindex == link.ifindex;
        let mut routes = namespace.routes().iter();
        routes.position(|route| route.scope == 253 && route.nexthops.iter().any(leads))
    };
    // Without a route nothing is won: a bridge that is down has none.
    position(one).is_some_and(|first| position(other).is_none_or(|second| first <= second))
}

/// That the route of one bridge wins against the same of another.
pub(super) fn evidence(at: Timestamp, prefix: IpNet, wins: &Link, loses: &Link) -> Evidence {
    Evidence {
        kind: EvidenceKind::DuplicateRoute,
        at,
        detail: [
            ("prefix", prefix.to_string().into()),
            ("wins", wins.name.clone().into()),
            ("loses", loses.name.clone().into()),
        ]
        .into(),
    }
}

fn tell(
    situation: Situation<'_>,
    inum: u32,
    prefix: IpNet,
    (wins, loses): (&Known<'_>, &Known<'_>),
) -> Finding {
    let ghost = Ghost {
        class: GhostClass::DuplicateSubnet,
        since: loses.network.created.max(wins.network.created),
        holds: vec![prefix],
        leftovers: [wins, loses].map(|it| network_left(it.network)).into(),
        creator: None,
        working_dir: None,
    };
    let reason = format!(
        "Networks {} and {} both have {prefix}: the route of {} wins, and nobody on {} can be \
         reached from this host.",
        wins.network.name, loses.network.name, wins.link.name, loses.link.name
    );
    let key = format!("{}-{}", wins.link.ifindex, loses.link.ifindex);
    let told = finding(situation, inum, &key, ghost, reason);
    let evidence = evidence(told.start, prefix, wins.link, loses.link);
    let idle = [wins, loses]
        .into_iter()
        .find(|it| is_idle(situation.world, it));
    let remedy = idle.and_then(|it| remedy::network(it.daemon, it.network));
    let told = Finding {
        evidence: vec![evidence],
        remedies: remedy.into_iter().collect(),
        ..told
    };
    with_network(situation, wins.daemon, wins.network, told)
}

fn is_idle(world: &World, known: &Known<'_>) -> bool {
    let mut endpoints = known.network.endpoints.iter();
    !endpoints.any(|endpoint| is_alive(world, known.daemon, endpoint))
}

//! Two docker networks with one subnet: of two equal routes the older wins, and whoever is on the
//! other bridge cannot be reached.

use std::collections::BTreeMap;

use ipnet::IpNet;

use crate::{
    finding::{Evidence, EvidenceKind, Finding, Ghost, GhostClass},
    input::{DockerNetwork, Link},
    remedy::ghost as remedy,
    world::{World, bridge, namespace::Namespace},
};

use super::{
    Purpose, SETTLED, Situation, finding,
    group::{is_alive, network_left},
    with_network,
};

/// A bridge of a network that a daemon knows.
#[derive(Clone, Copy)]
struct Known<'a> {
    link: &'a Link,
    daemon: &'a str,
    network: &'a DockerNetwork,
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
fn sharers<'a>(
    situation: Situation<'a>,
    inum: u32,
    namespace: &'a Namespace,
) -> BTreeMap<IpNet, Vec<Known<'a>>> {
    let mut prefixes: BTreeMap<IpNet, Vec<Known<'a>>> = BTreeMap::new();
    for known in known(situation, inum, namespace) {
        for prefix in namespace.connected(known.link.ifindex) {
            prefixes.entry(prefix).or_default().push(known);
        }
    }
    prefixes
}

fn known<'a>(situation: Situation<'a>, inum: u32, namespace: &'a Namespace) -> Vec<Known<'a>> {
    let docker = &situation.world.docker;
    let settled = |link: &&Link| {
        let seen = namespace.seen(link.ifindex);
        let old = seen.is_some_and(|seen| situation.now >= seen.plus(SETTLED));
        old || situation.purpose == Purpose::Check
    };
    let bridges = namespace
        .links()
        .filter(|it| bridge::can_swallow(namespace, it));
    let known = bridges.filter(settled).filter_map(|link| {
        let (daemon, network) = docker.network_of_bridge(inum, &link.name)?;
        Some(Known {
            link,
            daemon,
            network,
        })
    });
    known.collect()
}

/// The one whose route wins first: the older.
fn ordered<'a>(
    namespace: &Namespace,
    one: &'a Known<'a>,
    other: &'a Known<'a>,
) -> (&'a Known<'a>, &'a Known<'a>) {
    let position = |link: &Link| {
        let leads = |hop: &crate::input::Nexthop| hop.ifindex == link.ifindex;
        let mut routes = namespace.routes().iter();
        routes.position(|route| route.scope == 253 && route.nexthops.iter().any(leads))
    };
    if position(one.link) <= position(other.link) {
        (one, other)
    } else {
        (other, one)
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
    let evidence = Evidence {
        kind: EvidenceKind::DuplicateRoute,
        at: told.start,
        detail: [
            ("prefix", prefix.to_string().into()),
            ("wins", wins.link.name.clone().into()),
            ("loses", loses.link.name.clone().into()),
        ]
        .into(),
    };
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

//! Two docker networks with one subnet: of two equal routes the older wins, and whoever is on the
//! other bridge cannot be reached.

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
struct Known<'a> {
    link: &'a Link,
    daemon: &'a str,
    network: &'a DockerNetwork,
}

pub(super) fn find(situation: Situation<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for (inum, namespace) in situation.world.namespaces() {
        let known = known(situation, inum, namespace);
        for (nth, one) in known.iter().enumerate() {
            for other in known.iter().skip(nth + 1) {
                if let Some(prefix) = shared(namespace, one.link, other.link) {
                    found.push(tell(
                        situation,
                        inum,
                        prefix,
                        ordered(namespace, one, other),
                    ));
                }
            }
        }
    }
    found
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

/// A prefix that both are connected to.
fn shared(namespace: &Namespace, one: &Link, other: &Link) -> Option<IpNet> {
    let others: Vec<IpNet> = namespace.connected(other.ifindex).collect();
    let mut ours = namespace.connected(one.ifindex);
    ours.find(|prefix| others.contains(prefix))
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

//! Who is in use and covered by a network.
//!
//! An address counts when packets to it would go into the bridge, by the routing policy as it is, and
//! nobody on the bridge is known by it: a container is no peer.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::{
    finding::{Covered, Role},
    input::{Connection, Landmark, LandmarkRole, Link, Login, Route, RouteKind},
    prefix::overlaps,
    time::SECOND,
    world::{
        bridge,
        fib::{self, DEFAULT_LIKE, FlowKey},
    },
};

use super::{
    super::{Purpose, Situation},
    leads_somewhere,
    subjects::Subject,
    words,
};

/// A login older than this is none of somebody who will be missed.
const LATELY: u64 = 7 * 24 * 3600 * SECOND;
/// Candidates of one role looked at: a prefix may cover thousands.
const CANDIDATES: usize = 256;
/// `RT_TABLE_LOCAL` (`include/uapi/linux/rtnetlink.h`).
const RT_TABLE_LOCAL: u32 = 255;

/// Everybody whom the network covers, a role at a time.
pub(super) fn all(situation: Situation<'_>, subject: &Subject<'_>) -> Vec<Covered> {
    let mut all = Vec::new();
    for prefix in &subject.prefixes {
        all.extend(connections(situation, subject, *prefix));
        all.extend(logins(situation, subject, *prefix));
        all.extend(landmarks(situation, subject, *prefix));
        all.extend(protected(situation, subject, *prefix));
        all.extend(routes(situation, subject, *prefix));
    }
    // Somebody connected is no less there for having logged in.
    let connected: Vec<IpNet> = all
        .iter()
        .filter(|it| it.role == Role::Peer)
        .map(|it| it.prefix)
        .collect();
    all.retain(|it| it.role != Role::Login || !connected.contains(&it.prefix));
    all
}

/// Whether packets to the address go into the bridge, and nobody there is known by it.
pub(super) fn is_cut_off(situation: Situation<'_>, subject: &Subject<'_>, address: IpAddr) -> bool {
    leads_in(subject, address) && !is_inside(situation, subject, address)
}

fn leads_in(subject: &Subject<'_>, address: IpAddr) -> bool {
    fib::find(&subject.routed, FlowKey::to(address), |_| false)
        .is_some_and(|found| found.hop.ifindex == subject.device)
}

/// Whether the address is the host's own or a container's, or was.
fn is_inside(situation: Situation<'_>, subject: &Subject<'_>, address: IpAddr) -> bool {
    let docker = &situation.world.docker;
    let known = subject.network.is_some_and(|(daemon, network)| {
        docker.endpoint_known(situation.now, daemon, network, address)
            || network.subnets.iter().any(|it| it.gateway == Some(address))
    });
    let alive = subject
        .link
        .is_some_and(|link| subject.namespace.was_alive(link.ifindex, address));
    known || alive || subject.namespace.own_address(address).is_some()
}

fn connections<'a>(
    situation: Situation<'a>,
    subject: &'a Subject<'a>,
    prefix: IpNet,
) -> impl Iterator<Item = Covered> + 'a {
    let peers = situation.world.peers(subject.netns);
    let candidates = peers
        .into_iter()
        .flat_map(move |peers| peers.connections_in(prefix));
    candidates
        .take(CANDIDATES)
        .filter(move |it| {
            !speaks_to_a_bridge(subject, it) && is_cut_off(situation, subject, it.remote.ip())
        })
        .map(move |it| {
            let process = situation.world.owner(it.inode);
            Covered {
                role: Role::Peer,
                prefix: it.remote.ip().into(),
                what: words::connection(it, process),
                socket: Some(it.inode),
                process: process.cloned(),
            }
        })
}

/// Whoever speaks to an address that the host has for its containers is one.
fn speaks_to_a_bridge(subject: &Subject<'_>, connection: &Connection) -> bool {
    let by = subject.namespace.own_address(connection.local.ip());
    by.is_some_and(|ifindex| bridge::swallows(subject.namespace, ifindex))
}

fn logins<'a>(
    situation: Situation<'a>,
    subject: &'a Subject<'a>,
    prefix: IpNet,
) -> impl Iterator<Item = Covered> + 'a {
    let peers = situation.world.peers(subject.netns);
    let candidates = peers
        .into_iter()
        .flat_map(move |peers| peers.logins_in(prefix));
    let lately = move |login: &&Login| situation.now.since(login.at) < LATELY;
    candidates
        .filter(lately)
        .take(CANDIDATES)
        .filter(move |it| is_cut_off(situation, subject, it.address))
        .map(|it| covered(Role::Login, it.address.into(), words::login(it)))
}

fn landmarks<'a>(
    situation: Situation<'a>,
    subject: &'a Subject<'a>,
    prefix: IpNet,
) -> impl Iterator<Item = Covered> + 'a {
    let candidates = situation.world.landmarks_in(subject.netns, prefix);
    candidates
        .filter_map(|it| Some((role(it)?, it)))
        .take(CANDIDATES)
        .filter(move |(_, it)| is_cut_off(situation, subject, it.address))
        .map(|(role, it)| covered(role, it.address.into(), words::landmark(it)))
}

/// A name in `/etc/hosts` may be that of a container which does not run at the moment.
const fn role(landmark: &Landmark) -> Option<Role> {
    match landmark.role {
        LandmarkRole::Nameserver => Some(Role::Nameserver),
        LandmarkRole::RegistryMirror(_) => Some(Role::Mirror),
        LandmarkRole::Proxy(_) => Some(Role::Proxy),
        LandmarkRole::Host(_) => None,
    }
}

/// The operator's word counts whoever lives on the bridge.
fn protected<'a>(
    situation: Situation<'a>,
    subject: &'a Subject<'a>,
    prefix: IpNet,
) -> impl Iterator<Item = Covered> + 'a {
    let all = situation.world.session.protected.iter();
    all.filter(move |it| overlaps(&prefix, it))
        .filter_map(move |it| {
            let common = if prefix.prefix_len() > it.prefix_len() {
                prefix
            } else {
                *it
            };
            let cut = leads_in(subject, common.network()) || leads_in(subject, common.broadcast());
            cut.then(|| {
                covered(
                    Role::Protected,
                    *it,
                    "to be kept reachable (--peer)".to_owned(),
                )
            })
        })
}

/// Routes to a part of the network or to more than it. A watcher wants to know only of a network that
/// comes and takes the way from a route that is there.
fn routes<'a>(
    situation: Situation<'a>,
    subject: &'a Subject<'a>,
    prefix: IpNet,
) -> impl Iterator<Item = Covered> + 'a {
    let watching = situation.purpose == Purpose::Watch;
    let wanted = !watching || subject.is_young();
    // Of a network that is none of that no route is looked at: there may be as many as there are networks.
    let routes = wanted.then(|| subject.namespace.routes().iter());
    routes
        .into_iter()
        .flatten()
        .filter(move |route| {
            let destination = route.destination;
            overlaps(&prefix, &destination)
                && leads_somewhere(route.kind)
                // Whole private ranges are dropped out of caution: nobody is cut off by a network there.
                && !(watching && route.kind == RouteKind::Drop)
                && route.table != RT_TABLE_LOCAL
                && destination.prefix_len() > DEFAULT_LIKE
                && !(watching && destination.prefix_len() > prefix.prefix_len())
                && !is_anothers_equal(subject, route, prefix)
                && !route
                    .nexthops
                    .iter()
                    .any(|hop| hop.ifindex == subject.device)
        })
        .take(CANDIDATES)
        .map(move |route| {
            covered(
                Role::Route,
                route.destination,
                words::route(subject.namespace, route, prefix),
            )
        })
}

/// Two bridges with the same subnet are told of as such.
fn is_anothers_equal(subject: &Subject<'_>, route: &Route, prefix: IpNet) -> bool {
    let on_a_bridge = || {
        let hops = route.nexthops.iter();
        let mut links = hops.filter_map(|hop| subject.namespace.link(hop.ifindex));
        links.any(|link: &Link| bridge::can_swallow(subject.namespace, link))
    };
    route.destination == prefix && on_a_bridge()
}

const fn covered(role: Role, prefix: IpNet, what: String) -> Covered {
    Covered {
        role,
        prefix,
        what,
        socket: None,
        process: None,
    }
}

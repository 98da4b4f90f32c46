//! Networks that could cover somebody: bridges that docker claims, and such as nobody has claimed yet.

use std::{ops::Deref, rc::Rc};

use ipnet::IpNet;

use crate::{
    finding::{Covered, RouteRef},
    input::{DockerNetwork, Link, Nexthop, Route, RouteKind},
    prefix::overlaps,
    time::{SECOND, Timestamp},
    world::{World, bridge, namespace::Namespace},
};

use super::super::Situation;

/// `RT_TABLE_LOCAL` (`include/uapi/linux/rtnetlink.h`): addresses of the host itself.
const RT_TABLE_LOCAL: u32 = 255;
/// `RT_TABLE_MAIN`: where the kernel puts the route of a bridge's address.
const RT_TABLE_MAIN: u32 = 254;
/// The kernel tells of a new network's bridge within this time of docker; without a bridge by then there
/// is none.
const COMING: u64 = 2 * SECOND;
/// Stands for a bridge that is not there yet.
const HYPOTHETICAL: u32 = u32::MAX;

/// One network.
pub(super) struct Subject<'a> {
    pub(super) world: &'a World,
    pub(super) netns: u32,
    pub(super) namespace: &'a Namespace,
    /// The namespace with the network's routes, whether or not they are there yet.
    pub(super) routed: Routed<'a>,
    /// The bridge's index in `routed`.
    pub(super) device: u32,
    /// What the bridge is or will be called.
    pub(super) name: String,
    pub(super) link: Option<&'a Link>,
    pub(super) network: Option<(&'a str, &'a DockerNetwork)>,
    pub(super) prefixes: Vec<IpNet>,
    /// The daemon whose pools have it, while no network does.
    pub(super) slot: Option<String>,
}

/// A namespace as it is, or with routes that may come.
pub(super) enum Routed<'a> {
    AsIs(&'a Namespace),
    With(Rc<Namespace>),
}

impl Deref for Routed<'_> {
    type Target = Namespace;

    fn deref(&self) -> &Namespace {
        match self {
            Self::AsIs(namespace) => namespace,
            Self::With(namespace) => namespace,
        }
    }
}

/// Every network of every namespace.
pub(super) fn all(situation: Situation<'_>) -> Vec<Subject<'_>> {
    let mut subjects = Vec::new();
    for (netns, namespace) in situation.world.namespaces().filter(|(_, it)| it.synced) {
        let links = namespace.bridges();
        subjects
            .extend(links.filter_map(|link| bridge_of(situation.world, netns, namespace, link)));
        let networks = situation.world.docker.bridges_in(netns);
        subjects
            .extend(networks.filter_map(|network| coming(situation, netns, namespace, network)));
    }
    subjects
}

/// A bridge with routes that is docker's, or that came just now and is nobody else's.
fn bridge_of<'a>(
    world: &'a World,
    netns: u32,
    namespace: &'a Namespace,
    link: &'a Link,
) -> Option<Subject<'a>> {
    let network = world.docker.network_of_bridge(netns, &link.name);
    let may_be_dockers = match bridge::owner_by_name(&link.name) {
        "docker" => true,
        "unknown" => namespace.appeared(link.ifindex).is_some(),
        _ => false,
    };
    let prefixes = routes_into(namespace, link.ifindex);
    (!prefixes.is_empty() && (network.is_some() || may_be_dockers)).then(|| Subject {
        world,
        netns,
        namespace,
        routed: Routed::AsIs(namespace),
        slot: None,
        device: link.ifindex,
        name: link.name.clone(),
        link: Some(link),
        network,
        prefixes,
    })
}

/// A network that docker made a moment ago and whose bridge has not been seen yet.
fn coming<'a>(
    situation: Situation<'a>,
    netns: u32,
    namespace: &'a Namespace,
    (daemon, network): (&'a str, &'a DockerNetwork),
) -> Option<Subject<'a>> {
    let name = network.bridge_name();
    let new = |at| situation.now.since(at) < COMING && at > situation.world.started;
    if !network.created.is_some_and(new)
        || namespace.link_named(&name).is_some()
        || namespace.went(&name, situation.now)
        || network.subnets.is_empty()
    {
        return None;
    }
    let prefixes: Vec<IpNet> = network.subnets.iter().map(|it| it.subnet).collect();
    Some(Subject {
        world: situation.world,
        netns,
        namespace,
        routed: Routed::With(Rc::new(with_routes(namespace, prefixes.iter().copied()))),
        slot: None,
        device: HYPOTHETICAL,
        name,
        link: None,
        network: Some((daemon, network)),
        prefixes,
    })
}

/// Subnets that docker may still give to networks, by the pools of every daemon.
pub(super) fn slots(situation: Situation<'_>) -> Vec<Subject<'_>> {
    let mut subjects = Vec::new();
    for pool in situation.world.pools() {
        let Some(namespace) = situation.world.namespace(pool.netns) else {
            continue;
        };
        let prefixes = pool.remaining.iter().copied().map(IpNet::V4);
        // All at once: they overlap nobody's way but those of whom they cover.
        let routed = Rc::new(with_routes(namespace, prefixes.clone()));
        subjects.extend(prefixes.map(|prefix| Subject {
            world: situation.world,
            netns: pool.netns,
            namespace,
            routed: Routed::With(Rc::clone(&routed)),
            device: HYPOTHETICAL,
            name: "a bridge".to_owned(),
            link: None,
            network: None,
            prefixes: vec![prefix],
            slot: Some(pool.daemon.clone()),
        }));
    }
    subjects
}

fn with_routes(namespace: &Namespace, prefixes: impl Iterator<Item = IpNet>) -> Namespace {
    let routes: Vec<Route> = prefixes.map(hypothetical).collect();
    namespace.with_routes(&routes)
}

/// The route the kernel makes of a bridge's address.
fn hypothetical(prefix: IpNet) -> Route {
    Route {
        table: RT_TABLE_MAIN,
        destination: prefix,
        nexthops: vec![Nexthop {
            ifindex: HYPOTHETICAL,
            gateway: None,
            linkdown: false,
        }],
        ..Route::default()
    }
}

/// Prefixes routed into the bridge, link-local ones aside: those are on every link.
fn routes_into(namespace: &Namespace, ifindex: u32) -> Vec<IpNet> {
    let into = |route: &&Route| {
        route.kind == RouteKind::Unicast
            && route.table != RT_TABLE_LOCAL
            && !is_link_local(route.destination)
    };
    let mut prefixes: Vec<IpNet> = namespace
        .routes()
        .by(ifindex)
        .filter(into)
        .map(|route| route.destination)
        .collect();
    prefixes.sort();
    prefixes.dedup();
    prefixes
}

fn is_link_local(prefix: IpNet) -> bool {
    match prefix {
        IpNet::V4(prefix) => prefix.addr().is_link_local() || prefix.addr().is_multicast(),
        IpNet::V6(prefix) => prefix.addr().is_unicast_link_local() || prefix.addr().is_multicast(),
    }
}

impl Subject<'_> {
    /// Stable: by the bridge's name, which docker and the kernel both tell, or by the subnet.
    pub(super) fn id(&self) -> String {
        let kind = crate::finding::Kind::SubnetOverlap.name();
        match (&self.slot, self.prefixes.first()) {
            (Some(_), Some(prefix)) => format!("{kind}-{}-slot-{prefix}", self.netns),
            _ => format!("{kind}-{}-{}", self.netns, self.name),
        }
    }

    /// Which of its prefixes covers that.
    pub(super) fn prefix_over(&self, covered: &Covered) -> Option<IpNet> {
        let mut prefixes = self.prefixes.iter();
        prefixes
            .find(|prefix| overlaps(prefix, &covered.prefix))
            .copied()
    }

    /// The network's route to whoever is covered first.
    pub(super) fn route_to(&self, with: &[Covered]) -> Option<RouteRef> {
        let prefix = self.prefix_over(with.first()?)?;
        let mut into = self.routed.routes().by(self.device);
        let route = into.find(|route| route.destination == prefix)?;
        Some(RouteRef {
            prefix,
            gateway: None,
            device: self.name.clone(),
            table: route.table,
        })
    }

    pub(super) fn appeared(&self) -> Option<Timestamp> {
        self.namespace.appeared(self.link?.ifindex)
    }

    /// When the network came, as far as anybody knows.
    pub(super) fn began(&self) -> Option<Timestamp> {
        let created = self.network.and_then(|(_, network)| network.created);
        self.appeared().or(created)
    }

    /// Whether the network came during the run.
    pub(super) fn is_young(&self) -> bool {
        self.began().is_some_and(|at| at > self.world.started)
    }

    pub(super) fn owner(&self) -> &'static str {
        match self.network {
            Some(_) => "docker",
            None => bridge::owner_by_name(&self.name),
        }
    }
}

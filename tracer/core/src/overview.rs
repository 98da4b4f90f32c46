//! What the host is like at the moment, for somebody who looks at it: bridges and whose they are,
//! address pools, daemons, and what is not seen.

use ipnet::IpNet;

use crate::{
    finding::NetnsRef,
    input::{DaemonStatus, Link},
    summary,
    time::Timestamp,
    world::{World, bridge, namespace::Namespace, pools::PoolUse},
};

/// The host at a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overview {
    /// Name of the host. Hostile text, like every name below.
    pub hostname: String,
    /// Since when it is watched; 0 as long as nothing is.
    pub since: Timestamp,
    /// Bridges that packets could vanish in: those of the host first, then by namespace and name.
    pub bridges: Vec<BridgeView>,
    /// The address pools of every daemon that answers.
    pub pools: Vec<PoolUse>,
    /// Each daemon and whether it answers.
    pub daemons: Vec<(String, DaemonStatus)>,
    /// What cannot be seen, each a sentence in plain words.
    pub unseen: Vec<String>,
    /// Events that were lost and may be missing in what is told of the host.
    pub lost_events: u64,
}

/// A bridge and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BridgeView {
    /// Where it is.
    pub netns: NetnsRef,
    /// Whether that is the namespace bridgetrace runs in.
    pub is_host: bool,
    /// Index within its namespace.
    pub ifindex: u32,
    /// Name.
    pub name: String,
    /// Whether it has carrier: without, no running container uses it.
    pub carrier: bool,
    /// Who makes bridges of this name, where no daemon claims it: `docker`, `libvirt`, … or `unknown`.
    pub maker: &'static str,
    /// Prefixes that its addresses connect.
    pub prefixes: Vec<IpNet>,
    /// The docker network behind it, if a daemon claims it.
    pub network: Option<NetworkView>,
}

/// A docker network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkView {
    /// Name.
    pub name: String,
    /// Compose project it is of.
    pub project: Option<String>,
    /// Names of the containers attached.
    pub containers: Vec<String>,
}

impl Overview {
    /// What `world` holds.
    pub(crate) fn of(world: &World, lost_events: u64) -> Self {
        let daemons = world.docker.daemons();
        Self {
            hostname: world.session.hostname.clone(),
            since: world.started,
            bridges: bridges(world),
            pools: world.pools(),
            daemons: daemons
                .map(|(endpoint, status)| (endpoint.to_owned(), status.clone()))
                .collect(),
            unseen: summary::unseen(world),
            lost_events,
        }
    }
}

fn bridges(world: &World) -> Vec<BridgeView> {
    let all = world.namespaces().flat_map(|(inum, namespace)| {
        let bridges = namespace.bridges();
        bridges.map(move |link| view(world, inum, namespace, link))
    });
    let mut all: Vec<BridgeView> = all.collect();
    all.sort_by(|a, b| {
        let key = |it: &BridgeView| (!it.is_host, it.netns.inum);
        (key(a), &a.name).cmp(&(key(b), &b.name))
    });
    all
}

fn view(world: &World, inum: u32, namespace: &Namespace, link: &Link) -> BridgeView {
    let network = world.docker.network_of_bridge(inum, &link.name);
    let network = network.map(|(_, network)| NetworkView {
        name: network.name.clone(),
        project: network.compose_project().map(str::to_owned),
        containers: network
            .endpoints
            .iter()
            .map(|it| it.container_name.clone())
            .collect(),
    });
    BridgeView {
        netns: world.netns_ref(inum),
        is_host: inum == world.session.netns,
        ifindex: link.ifindex,
        name: link.name.clone(),
        carrier: link.carrier,
        maker: bridge::owner_by_name(&link.name),
        prefixes: namespace.connected(link.ifindex).collect(),
        network,
    }
}

#[cfg(test)]
mod tests {
    use crate::input::{Address, Body, NetChange, Session};

    use super::*;

    fn link(ifindex: u32, name: &str) -> NetChange {
        NetChange::Link(Link {
            ifindex,
            name: name.to_owned(),
            kind: Some("bridge".to_owned()),
            master: None,
            up: true,
            carrier: false,
            peer: None,
        })
    }

    #[test]
    fn bridges_of_the_host_come_first_and_those_of_unread_namespaces_not_at_all() {
        let mut world = World::default();
        let session = Session {
            netns: 9,
            hostname: "r550".to_owned(),
            ..Session::default()
        };
        world.apply(Timestamp(7), &Body::Session(session));
        let address = NetChange::Address(Address {
            ifindex: 8,
            address: "172.22.0.1/16".parse().unwrap(),
        });
        let changes = [
            (3, NetChange::Resync),
            (3, link(2, "docker0")),
            (3, NetChange::Synced),
            (9, NetChange::Resync),
            (9, link(8, "br-80cb5a0c07bc")),
            (9, address),
            (9, link(4, "virbr0")),
            (9, NetChange::Synced),
            (5, link(2, "docker0")),
        ];
        for (netns, change) in changes {
            world.apply(Timestamp(8), &Body::Net { netns, change });
        }
        let overview = Overview::of(&world, 4);
        let seen: Vec<_> = overview.bridges.iter().collect();
        let names: Vec<_> = seen.iter().map(|it| (it.netns.inum, &*it.name)).collect();
        assert_eq!(
            names,
            [(9, "br-80cb5a0c07bc"), (9, "virbr0"), (3, "docker0")]
        );
        assert_eq!(seen[0].prefixes, ["172.22.0.0/16".parse().unwrap()]);
        assert_eq!(
            (seen[0].maker, seen[1].maker, seen[0].network.as_ref()),
            ("docker", "libvirt", None)
        );
        assert_eq!((overview.since, overview.lost_events), (Timestamp(7), 4));
    }
}

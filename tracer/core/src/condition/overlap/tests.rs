use std::net::IpAddr;

use crate::{
    Core,
    finding::{Finding, Kind, Particulars, Phase, Role},
    input::{
        Address, Body, Connection, DockerEndpoint, DockerNetwork, DockerSubnet, Input, Landmark,
        LandmarkRole, Link, Login, Neighbour, NetChange, Netns, NetnsOwner, Nexthop, Peers, Route,
        Session,
    },
    time::{SECOND, Timestamp},
};

const HOST: u32 = 1;
const UPLINK: u32 = 2;
const BRIDGE: u32 = 8;
const NAME: &str = "br-80cb5a0c07bc";
const DAEMON: &str = "unix:///run/docker.sock";
const PC: &str = "172.22.10.119";

/// A host with a default route, told one thing after the other, a second apart.
struct Host {
    core: Core,
    now: Timestamp,
    said: Vec<Finding>,
}

impl Host {
    fn new() -> Self {
        let mut host = Self {
            core: Core::default(),
            now: Timestamp(1000 * SECOND),
            said: Vec::new(),
        };
        host.tell(Body::Session(Session {
            netns: HOST,
            protected: vec!["172.22.99.0/24".parse().expect("prefix")],
            ..Session::default()
        }));
        host.tell(Body::Netns(Netns {
            inum: HOST,
            owner: NetnsOwner::Host,
            unreadable: None,
            variables: std::collections::BTreeMap::new(),
        }));
        host.net(NetChange::Resync);
        host.link(UPLINK, "eno8303", None);
        host.route("0.0.0.0/0", Some("172.42.10.1"), UPLINK, 254);
        host.net(NetChange::Synced);
        host
    }

    fn tell(&mut self, body: Body) {
        self.now = self.now.plus(SECOND);
        let at = self.now;
        self.said.extend(self.core.observe(&Input { at, body }));
        let tick = Input {
            at,
            body: Body::Tick,
        };
        self.said.extend(self.core.observe(&tick));
    }

    fn net(&mut self, change: NetChange) {
        self.tell(Body::Net {
            netns: HOST,
            change,
        });
    }

    fn link(&mut self, ifindex: u32, name: &str, kind: Option<&str>) {
        self.net(NetChange::Link(Link {
            ifindex,
            name: name.to_owned(),
            kind: kind.map(str::to_owned),
            up: true,
            carrier: true,
            ..Link::default()
        }));
    }

    fn route(&mut self, prefix: &str, gateway: Option<&str>, ifindex: u32, table: u32) {
        self.net(NetChange::Route(Route {
            table,
            destination: prefix.parse().expect("prefix"),
            nexthops: vec![Nexthop {
                ifindex,
                gateway: gateway.map(|it| it.parse().expect("gateway")),
                linkdown: false,
            }],
            ..Route::default()
        }));
    }

    /// I-1's network: its link, address and route, as the kernel tells of them.
    fn collide(&mut self) {
        self.link(BRIDGE, NAME, Some("bridge"));
        self.net(NetChange::Address(Address {
            ifindex: BRIDGE,
            address: "172.22.0.1/16".parse().expect("address"),
        }));
        self.route("172.22.0.0/16", None, BRIDGE, 254);
    }

    fn docker(&mut self, endpoints: &[&str]) {
        let endpoint = |address: &&str| DockerEndpoint {
            network: "80cb5a0c07bc".to_owned(),
            container: "c".to_owned(),
            container_name: "openldap".to_owned(),
            addresses: vec![address.parse().expect("address")],
            mac: None,
        };
        self.tell(Body::DockerNetwork {
            daemon: DAEMON.to_owned(),
            network: DockerNetwork {
                id: "80cb5a0c07bc".to_owned(),
                name: "ldap_default".to_owned(),
                driver: "bridge".to_owned(),
                subnets: vec![DockerSubnet {
                    subnet: "172.22.0.0/16".parse().expect("prefix"),
                    gateway: Some("172.22.0.1".parse().expect("address")),
                }],
                created: Some(self.now),
                endpoints: endpoints.iter().map(endpoint).collect(),
                ..DockerNetwork::default()
            },
        });
    }

    fn connected(&mut self, remotes: &[&str], local: &str) {
        let connections = remotes.iter().map(|remote| Connection {
            proto: 6,
            local: format!("{local}:22").parse().expect("local"),
            remote: format!("{remote}:51514").parse().expect("remote"),
            inode: 99,
        });
        self.tell(Body::Peers {
            netns: HOST,
            peers: Peers {
                connections: connections.collect(),
                ..Peers::default()
            },
        });
    }

    /// What the live stream said of overlaps: the phase and who is covered.
    fn heard(&mut self) -> Vec<(Phase, Vec<(Role, String)>)> {
        let said = std::mem::take(&mut self.said);
        said.iter()
            .filter(is_overlap)
            .map(|it| (it.phase, with(it)))
            .collect()
    }

    /// Who is covered, as an operator is told who asks.
    fn found(&self) -> Vec<(Role, String)> {
        let found = self.core.check(self.now);
        found.iter().filter(is_overlap).flat_map(with).collect()
    }
}

fn is_overlap(finding: &&Finding) -> bool {
    finding.kind == Kind::SubnetOverlap
}

fn with(finding: &Finding) -> Vec<(Role, String)> {
    let Some(Particulars::Overlap(overlap)) = &finding.particulars else {
        return Vec::new();
    };
    let one = |it: &crate::finding::Covered| (it.role, it.prefix.to_string());
    overlap.with.iter().map(one).collect()
}

fn pc() -> Vec<(Role, String)> {
    vec![(Role::Peer, format!("{PC}/32"))]
}

fn protected() -> (Role, String) {
    (Role::Protected, "172.22.99.0/24".to_owned())
}

/// The PC and whom every test's operator protects.
fn both() -> Vec<(Role, String)> {
    [pc(), vec![protected()]].concat()
}

#[test]
fn a_route_over_a_live_peer_is_told_at_once_and_ends_with_the_network() {
    let mut host = Host::new();
    host.connected(&[PC, "192.0.2.1"], "172.42.10.112");
    host.collide();
    assert_eq!(host.heard(), [(Phase::Opened, both())]);
    host.docker(&[]);
    assert_eq!(host.heard(), [(Phase::Updated, both())]);
    // The connection dies of it: no reason to say that all is well.
    host.connected(&[], "172.42.10.112");
    assert_eq!(host.heard(), []);
    host.net(NetChange::LinkGone(BRIDGE));
    assert_eq!(host.heard(), [(Phase::Resolved, both())]);
}

#[test]
fn a_network_whose_bridge_went_is_not_about_to_come() {
    let mut host = Host::new();
    host.connected(&[PC, "192.0.2.1"], "172.42.10.112");
    host.collide();
    host.docker(&[]);
    assert_eq!(host.heard().len(), 2);
    host.net(NetChange::LinkGone(BRIDGE));
    assert_eq!(host.heard(), [(Phase::Resolved, both())]);
    // What docker says of it by the way, before it says that it is gone.
    host.docker(&[]);
    assert_eq!(host.heard(), []);
}

#[test]
fn who_connects_later_is_told_when_it_is_known() {
    let mut host = Host::new();
    host.tell(Body::Session(Session {
        netns: HOST,
        ..Session::default()
    }));
    host.collide();
    assert_eq!(host.heard(), []);
    host.connected(&[PC], "172.42.10.112");
    assert_eq!(host.heard(), [(Phase::Opened, pc())]);
}

#[test]
fn a_route_of_its_own_keeps_a_peer_reachable() {
    let mut host = Host::new();
    host.connected(&[PC], "172.42.10.112");
    host.collide();
    host.route(&format!("{PC}/32"), Some("172.42.10.1"), UPLINK, 254);
    assert_eq!(
        host.heard().last(),
        Some(&(Phase::Updated, vec![protected()]))
    );
}

#[test]
fn containers_are_no_peers() {
    let mut host = Host::new();
    host.tell(Body::Session(Session {
        netns: HOST,
        ..Session::default()
    }));
    host.collide();
    host.docker(&["172.22.0.2"]);
    host.connected(&["172.22.0.2"], "172.42.10.112");
    assert_eq!((host.heard(), host.found()), (vec![], vec![]));
    // One that docker says nothing of, but that answers on the bridge,
    host.net(NetChange::Neighbour(Neighbour {
        ifindex: BRIDGE,
        address: "172.22.0.3".parse::<IpAddr>().expect("address"),
        lladdr: Some("02:42:ac:16:00:03".to_owned()),
        state: 2,
    }));
    host.connected(&["172.22.0.3"], "172.42.10.112");
    // and one that speaks to the bridge's own address.
    host.connected(&["172.22.0.4"], "172.22.0.1");
    assert_eq!((host.heard(), host.found()), (vec![], vec![]));
}

#[test]
fn nameservers_and_logins_are_told_names_of_hosts_are_not() {
    let mut host = Host::new();
    let landmark = |address: &str, role| Landmark {
        address: address.parse().expect("address"),
        role,
        source: "/etc/resolv.conf".to_owned(),
    };
    host.tell(Body::Landmarks(vec![
        landmark("172.22.7.7", LandmarkRole::Nameserver),
        landmark("172.22.7.8", LandmarkRole::Host("db".to_owned())),
    ]));
    host.now = Timestamp(100 * 24 * 3600 * SECOND);
    let login = |address: &str, at: Timestamp| Login {
        address: address.parse().expect("address"),
        user: "dev".to_owned(),
        at,
    };
    // The second is too long ago.
    let logins = vec![login(PC, host.now), login("172.22.10.1", Timestamp(0))];
    host.tell(Body::Peers {
        netns: HOST,
        peers: Peers {
            logins,
            ..Peers::default()
        },
    });
    host.collide();
    let expected = vec![
        protected(),
        (Role::Nameserver, "172.22.7.7/32".to_owned()),
        (Role::Login, format!("{PC}/32")),
    ];
    assert_eq!(host.heard(), [(Phase::Opened, expected.clone())]);
    assert_eq!(host.found(), expected);
}

#[test]
fn a_watcher_hears_of_routes_only_when_a_network_takes_their_way() {
    let route = |prefix: &str| (Role::Route, prefix.to_owned());
    let mut host = Host::new();
    host.tell(Body::Session(Session {
        netns: HOST,
        ..Session::default()
    }));
    // A VPN that means to be the default, a wide route, a narrow one.
    host.route("128.0.0.0/1", Some("172.42.10.9"), UPLINK, 254);
    host.route("172.20.0.0/14", Some("172.42.10.9"), UPLINK, 100);
    host.route("172.22.5.0/24", Some("172.42.10.9"), UPLINK, 254);
    host.collide();
    assert_eq!(
        host.heard(),
        [(Phase::Opened, vec![route("172.20.0.0/14")])]
    );
    assert_eq!(
        host.found(),
        [route("172.20.0.0/14"), route("172.22.5.0/24")]
    );
}

#[test]
fn networks_that_are_there_already_over_routes_are_for_who_asks() {
    let mut host = Host::new();
    host.net(NetChange::Resync);
    host.link(UPLINK, "eno8303", None);
    host.route("0.0.0.0/0", Some("172.42.10.1"), UPLINK, 254);
    host.route("172.20.0.0/14", Some("172.42.10.9"), UPLINK, 254);
    host.link(BRIDGE, NAME, Some("bridge"));
    host.route("172.22.0.0/16", None, BRIDGE, 254);
    host.net(NetChange::Synced);
    let all = host.heard();
    assert!(
        all.iter().all(|(_, with)| *with == [protected()]),
        "{all:?}"
    );
    assert!(
        host.found()
            .contains(&(Role::Route, "172.20.0.0/14".to_owned()))
    );
}

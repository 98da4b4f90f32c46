use super::*;
use crate::{
    Core,
    input::{
        Address, AddressPool, Daemon, DaemonStatus, DockerNetwork, DockerSubnet, Input, Landmark,
        Link, NetworkEvent, Nexthop, Session,
    },
    time::Timestamp,
};

const HOST: u32 = 7;
const DAEMON: &str = "unix:///var/run/docker.sock";

fn prefix(text: &str) -> IpNet {
    text.parse().expect("a prefix")
}

fn network(name: &str, subnet: &str, created: u64) -> DockerNetwork {
    let subnet = prefix(subnet);
    DockerNetwork {
        id: format!("{name:0<64}"),
        name: name.to_owned(),
        driver: "bridge".to_owned(),
        subnets: vec![DockerSubnet {
            subnet,
            gateway: subnet.hosts().next(),
        }],
        created: Some(Timestamp(created)),
        ..DockerNetwork::default()
    }
}

fn id(name: &str) -> String {
    network(name, "10.0.0.0/8", 0).id
}

fn event(at: u64, name: &str, created: bool) -> NetworkEvent {
    NetworkEvent {
        at: Timestamp(at),
        id: id(name),
        created,
    }
}

fn link(ifindex: u32, name: &str) -> NetChange {
    NetChange::Link(Link {
        ifindex,
        name: name.to_owned(),
        ..Link::default()
    })
}

fn route(destination: &str, ifindex: u32, scope: u8) -> NetChange {
    NetChange::Route(Route {
        table: MAIN,
        destination: prefix(destination),
        scope,
        nexthops: vec![Nexthop {
            ifindex,
            gateway: None,
            linkdown: false,
        }],
        ..Route::default()
    })
}

/// A core that is told things.
struct Told(Core);

impl Told {
    /// A host with a daemon of this version.
    fn host(version: &str) -> Self {
        let mut told = Self(Core::default());
        told.tell(Body::Session(Session {
            netns: HOST,
            ..Session::default()
        }));
        for change in [
            NetChange::Resync,
            link(1, "lo"),
            link(2, "eth0"),
            route("10.0.0.0/24", 2, ON_LINK),
            NetChange::Synced,
        ] {
            told.net(change);
        }
        told.daemon(version, Vec::new());
        told
    }

    fn daemon(&mut self, version: &str, pools: Vec<AddressPool>) {
        let info = DaemonInfo {
            version: version.to_owned(),
            netns: Some(HOST),
            pools,
            ..DaemonInfo::default()
        };
        self.tell(Body::Daemon(Daemon {
            endpoint: DAEMON.to_owned(),
            status: DaemonStatus::Reachable(Box::new(info)),
        }));
    }

    fn tell(&mut self, body: Body) {
        let at = Timestamp(0);
        self.0.observe(&Input { at, body });
    }

    fn net(&mut self, change: NetChange) {
        let netns = HOST;
        self.tell(Body::Net { netns, change });
    }

    fn history(&mut self, complete: bool, events: Vec<NetworkEvent>) {
        let daemon = DAEMON.to_owned();
        self.tell(Body::DockerHistory {
            daemon,
            complete,
            events,
        });
    }

    fn listing(&mut self, networks: &[DockerNetwork]) {
        let mut networks = networks.to_vec();
        networks.insert(0, network("bridge", "172.17.0.0/16", 1));
        self.tell(Body::DockerListing {
            daemon: DAEMON.to_owned(),
            networks,
            containers: Vec::new(),
        });
    }

    fn made(&mut self, name: &str) {
        let (daemon, id) = (DAEMON.to_owned(), id(name));
        self.tell(Body::DockerNetworkMade { daemon, id });
    }

    fn found(&mut self, network: DockerNetwork) {
        let daemon = DAEMON.to_owned();
        self.tell(Body::DockerNetwork { daemon, network });
    }

    fn gone(&mut self, name: &str) {
        let (daemon, id) = (DAEMON.to_owned(), id(name));
        self.tell(Body::DockerNetworkGone { daemon, id });
    }

    fn pools(&self) -> PoolUse {
        let mut pools = self.0.pools();
        assert_eq!(pools.len(), 1, "{pools:?}");
        pools.remove(0)
    }

    /// The next subnet, and whether it is sure.
    fn next(&self) -> (String, bool) {
        let pools = self.pools();
        let first = pools.next.first().map(ToString::to_string);
        (first.unwrap_or_default(), pools.certain)
    }
}

fn sure(subnet: &str) -> (String, bool) {
    (subnet.to_owned(), true)
}

fn likely(subnet: &str) -> (String, bool) {
    (subnet.to_owned(), false)
}

#[test]
fn a_daemon_that_has_just_started_has_thirty_left() {
    for version in ["20.10.24", "26.1.5", "28.5.2"] {
        let mut host = Told::host(version);
        host.history(true, Vec::new());
        host.listing(&[]);
        let pools = host.pools();
        assert_eq!((pools.total, pools.used, pools.free), (31, 1, 30));
        assert_eq!(pools.remaining.len(), 30);
        assert_eq!(host.next(), sure("172.18.0.0/16"), "{version}");
    }
}

#[test]
fn of_pools_with_room_nothing_is_told_to_who_asks_for_short_ones() {
    let mut host = Told::host("28.5.2");
    host.listing(&[network("a", "172.18.0.0/16", 5)]);
    assert!(host.0.world().pools_with(|room| room.free <= 3).is_empty());
    let all = host.0.world().pools_with(|room| {
        assert_eq!((room.total, room.free), (31, 29));
        true
    });
    assert_eq!(all, [host.pools()]);
}

#[test]
fn what_is_not_sure_is_named() {
    let mut host = Told::host("26.1.5");
    let texts =
        |subnets: &[Ipv4Net]| -> Vec<String> { subnets.iter().map(ToString::to_string).collect() };
    // Gone before anybody could ask: it got a subnet of the pools, or one it asked for.
    host.history(true, vec![event(5, "a", true), event(6, "a", false)]);
    host.listing(&[]);
    let pools = host.pools();
    assert!(!pools.certain);
    assert_eq!(texts(&pools.possible), ["172.19.0.0/16", "172.18.0.0/16"]);
    assert_eq!(pools.possible_more, 0);

    // Nothing is known of what was before: any that is free.
    host.history(false, Vec::new());
    host.listing(&[network("b", "172.20.0.0/16", 0)]);
    let pools = host.pools();
    assert!(!pools.certain && pools.possible[0] == pools.next[0]);
    let mut all = pools.possible.clone();
    all.sort();
    assert_eq!(all, pools.remaining);

    // Of millions not all are named, but how many there are is.
    host.daemon(
        "26.1.5",
        vec![AddressPool {
            base: prefix("10.0.0.0/8"),
            size: 30,
        }],
    );
    let pools = host.pools();
    assert_eq!(pools.possible.len(), POSSIBLE);
    assert_eq!(
        pools.possible.len() as u64 + pools.possible_more,
        pools.free
    );
}

#[test]
fn the_engine_decides_whether_a_gap_is_filled() {
    for (version, next) in [("26.1.5", "172.20.0.0/16"), ("28.5.2", "172.18.0.0/16")] {
        let mut host = Told::host(version);
        let events = vec![
            event(5, "a", true),
            event(6, "b", true),
            event(7, "a", false),
        ];
        host.history(true, events);
        host.listing(&[network("b", "172.19.0.0/16", 6)]);
        assert_eq!(host.next(), sure(next), "{version}");
    }
}

#[test]
fn the_newest_network_marks_where_a_daemon_of_unknown_past_stands() {
    let mut host = Told::host("20.10.24");
    // Others may have come and gone since: the daemon has forgotten.
    host.history(false, Vec::new());
    host.listing(&[network("a", "172.22.0.0/16", 5)]);
    assert_eq!(host.next(), likely("172.23.0.0/16"));
    // Not so if it remembers that one.
    host.history(false, vec![event(5, "a", true)]);
    host.listing(&[network("a", "172.22.0.0/16", 5)]);
    assert_eq!(host.next(), sure("172.23.0.0/16"));
}

#[test]
fn the_routes_of_the_daemons_own_networks_are_no_obstacles() {
    let mut host = Told::host("20.10.24");
    for (ifindex, name, subnet) in [(3, "a", "172.18.0.0/16"), (4, "c", "172.20.0.0/16")] {
        let bridge = network(name, subnet, 5).bridge_name();
        host.net(link(ifindex, &bridge));
        host.net(route(subnet, ifindex, ON_LINK));
    }
    let names = ["a", "b", "c"].into_iter().zip(5..);
    let mut events: Vec<_> = names.map(|(name, at)| event(at, name, true)).collect();
    events.push(event(8, "b", false));
    host.history(true, events);
    host.listing(&[
        network("a", "172.18.0.0/16", 5),
        network("c", "172.20.0.0/16", 7),
    ]);
    // Only if the one in between was given a subnet could the last one get this.
    assert_eq!(host.next(), sure("172.21.0.0/16"));
    assert_eq!(host.pools().free, 28);
}

#[test]
fn restored_networks_do_not_move_the_next_one() {
    let mut host = Told::host("20.10.24");
    host.history(true, Vec::new());
    host.listing(&[network("a", "172.22.0.0/16", 0)]);
    assert_eq!(host.next(), sure("172.18.0.0/16"));
}

#[test]
fn what_came_and_went_unseen_makes_the_forecast_a_guess() {
    let mut host = Told::host("20.10.24");
    host.history(true, vec![event(5, "a", true), event(6, "a", false)]);
    host.listing(&[]);
    // It was hardly one with a subnet of its own, but it may have been.
    assert_eq!(host.next(), likely("172.19.0.0/16"));
    host.made("b");
    host.found(network("b", "172.19.0.0/16", 7));
    assert_eq!(host.next(), sure("172.20.0.0/16"));
}

#[test]
fn a_bridge_tells_what_a_network_had_that_nobody_could_ask_for() {
    let mut host = Told::host("20.10.24");
    host.history(true, Vec::new());
    host.listing(&[]);
    host.made("a");
    host.net(link(3, "br-a00000000000"));
    host.net(NetChange::Address(Address {
        ifindex: 3,
        address: prefix("172.18.0.1/16"),
    }));
    host.net(NetChange::LinkGone(3));
    host.gone("a");
    assert_eq!(host.next(), sure("172.19.0.0/16"));
}

#[test]
fn answers_may_come_late_and_out_of_order() {
    let mut host = Told::host("20.10.24");
    host.history(true, Vec::new());
    host.listing(&[]);
    host.made("a");
    host.made("b");
    host.found(network("b", "172.19.0.0/16", 6));
    host.gone("b");
    host.found(network("a", "172.18.0.0/16", 5));
    assert_eq!(host.next(), sure("172.20.0.0/16"));
    // The same again, as a stream of events that overlaps the listing does.
    host.made("a");
    host.gone("b");
    assert_eq!(host.next(), sure("172.20.0.0/16"));
}

#[test]
fn a_subnet_that_was_asked_for_moves_nothing() {
    let mut host = Told::host("20.10.24");
    host.history(true, Vec::new());
    host.listing(&[]);
    host.made("a");
    let mut asked = network("a", "172.25.0.0/16", 5);
    asked.subnets[0].gateway = None;
    host.found(asked);
    assert_eq!(host.next(), sure("172.18.0.0/16"));
    assert_eq!(host.pools().free, 29);
}

#[test]
fn what_was_newer_than_the_listing_comes_again() {
    let mut host = Told::host("20.10.24");
    let events = vec![
        event(5, "a", true),
        event(6, "a", false),
        event(7, "b", true),
    ];
    host.history(true, events);
    // Listed before both of the last events.
    host.listing(&[network("a", "172.18.0.0/16", 5)]);
    assert_eq!(host.next(), sure("172.19.0.0/16"));
    host.gone("a");
    host.made("b");
    host.found(network("b", "172.19.0.0/16", 7));
    assert_eq!(host.next(), sure("172.20.0.0/16"));
}

#[test]
fn routes_on_a_link_and_nameservers_are_passed_over_and_shown() {
    let mut host = Told::host("28.5.2");
    host.listing(&[]);
    host.net(route("172.18.4.0/24", 2, ON_LINK));
    host.net(route("172.19.0.0/16", 2, 0));
    host.tell(Body::Landmarks(vec![Landmark {
        address: IpAddr::from([172, 20, 0, 53]),
        role: LandmarkRole::Nameserver,
        source: "/etc/resolv.conf".to_owned(),
    }]));
    let pools = host.pools();
    let next: Vec<String> = pools.next.iter().map(ToString::to_string).collect();
    assert_eq!(next[..2], ["172.19.0.0/16", "172.21.0.0/16"]);
    assert_eq!(pools.free, 28);
    let held = |holder: &Holder| match &holder.by {
        HeldBy::Network { name, .. } => format!("{} {name}", holder.prefix),
        HeldBy::Route(device) => format!("{} dev {device}", holder.prefix),
        HeldBy::Nameserver => format!("{} nameserver", holder.prefix),
    };
    let holders: Vec<String> = pools.holders.iter().map(held).collect();
    assert_eq!(
        holders,
        [
            "172.17.0.0/16 bridge",
            "172.18.4.0/24 dev eth0",
            "172.20.0.53/32 nameserver"
        ]
    );
}

#[test]
fn a_daemons_own_pools_count_in_its_own_order() {
    let pool = |base: &str, size| AddressPool {
        base: prefix(base),
        size,
    };
    let own = vec![pool("10.202.0.0/23", 24), pool("10.201.0.0/24", 24)];
    for (version, next) in [("26.1.5", "10.202.0.0/24"), ("28.5.2", "10.201.0.0/24")] {
        let mut host = Told::host(version);
        host.daemon(version, own.clone());
        host.history(true, Vec::new());
        host.listing(&[]);
        assert_eq!(host.next(), sure(next), "{version}");
        let pools = host.pools();
        assert_eq!((pools.total, pools.free), (3, 3));
    }
}

#[test]
fn what_is_not_known_is_not_called_sure() {
    let mut host = Told(Core::default());
    host.daemon("28.5.2", Vec::new());
    host.listing(&[]);
    assert_eq!(host.next(), likely("172.18.0.0/16"));
    // Podman speaks docker's language, and has pools of its own.
    host.daemon("4.9.3", Vec::new());
    assert!(host.0.pools().is_empty());
}

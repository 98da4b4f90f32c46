use std::net::{IpAddr, SocketAddr};

use proptest::prelude::*;

use super::*;
use crate::{
    input::{
        self, Body, Connection, Landmark, LandmarkRole, Login, NetChange, Nexthop, Route, Session,
    },
    time::Timestamp,
};

const HOST: u32 = 7;

#[test]
fn a_free_prefix_overlaps_nothing_in_either_direction() {
    let used: Vec<IpNet> = ["10.201.5.0/24", "10.202.0.0/15", "172.22.0.0/16"]
        .map(|p| p.parse().unwrap())
        .into();
    let pool = free_sixteen(&used).unwrap();
    assert_eq!(pool.to_string(), "10.204.0.0/16");
    let subnet = free_twentyfour(&used).unwrap();
    assert_eq!(subnet.to_string(), "10.201.0.0/24");
}

#[test]
fn a_unique_local_prefix_comes_from_the_networks_id() {
    let network = DockerNetwork {
        id: "80cb5a0c07bc80cb".to_owned(),
        ..DockerNetwork::default()
    };
    let prefix = unique_local(&network, &[]).unwrap();
    assert_eq!(prefix.to_string(), "fd80:cb5a:c07::/64");
    assert_eq!(unique_local(&network, &[prefix.into()]), None);
}

#[test]
fn no_space_left_is_no_suggestion() {
    let used = ["10.0.0.0/8", "172.16.0.0/12"].map(|p| p.parse().unwrap());
    assert_eq!(
        free_sixteen(&used[..1]).unwrap().to_string(),
        "172.16.0.0/16"
    );
    assert_eq!(free_sixteen(&used), None);
    assert_eq!(free_twentyfour(&used), None);
}

/// Somebody or something in use.
#[derive(Clone, Debug)]
enum Used {
    Route(IpNet, u32),
    Gateway(IpAddr),
    Nameserver(IpAddr),
    Connected(IpAddr),
    LoggedIn(IpAddr),
    Protected(IpNet),
}

impl Used {
    fn prefix(&self) -> IpNet {
        match self {
            Self::Route(prefix, _) | Self::Protected(prefix) => *prefix,
            Self::Gateway(ip) | Self::Nameserver(ip) => (*ip).into(),
            Self::Connected(ip) | Self::LoggedIn(ip) => (*ip).into(),
        }
    }
}

/// In 10.0.0.0/8, mostly where suggestions begin.
fn used_one() -> impl Strategy<Value = Used> {
    let ip = || {
        let second = prop_oneof![3 => 201_u8..=210, 1 => any::<u8>()];
        (second, any::<[u8; 2]>()).prop_map(|(b, [c, d])| IpAddr::from([10, b, c, d]))
    };
    let prefix = || {
        (ip(), 10_u8..=32)
            .prop_map(|(ip, length)| IpNet::new(ip, length).expect("a prefix").trunc())
    };
    prop_oneof![
        (prefix(), prop_oneof![Just(254_u32), Just(100)])
            .prop_map(|(it, table)| Used::Route(it, table)),
        ip().prop_map(Used::Gateway),
        ip().prop_map(Used::Nameserver),
        ip().prop_map(Used::Connected),
        ip().prop_map(Used::LoggedIn),
        prefix().prop_map(Used::Protected),
    ]
}

fn route(destination: IpNet, table: u32, gateway: Option<IpAddr>) -> Body {
    let nexthops = vec![Nexthop {
        ifindex: 2,
        gateway,
        linkdown: false,
    }];
    let route = Route {
        table,
        destination,
        nexthops,
        ..Route::default()
    };
    Body::Net {
        netns: HOST,
        change: NetChange::Route(route),
    }
}

/// A host on which all of that is in use.
fn host(used: &[Used]) -> World {
    let mut protected = Vec::new();
    let mut landmarks = Vec::new();
    let mut peers = input::Peers::default();
    let mut routes = vec![route("0.0.0.0/0".parse().expect("a prefix"), 254, None)];
    for it in used {
        match it {
            Used::Route(prefix, table) => routes.push(route(*prefix, *table, None)),
            Used::Gateway(ip) => {
                // A VPN's way to be the default route.
                let half = "128.0.0.0/1".parse().expect("a prefix");
                routes.push(route(half, 254, Some(*ip)));
            }
            Used::Nameserver(address) => landmarks.push(Landmark {
                address: *address,
                role: LandmarkRole::Nameserver,
                source: "/etc/resolv.conf".to_owned(),
            }),
            Used::Connected(ip) => peers.connections.push(Connection {
                proto: 6,
                local: SocketAddr::from(([10, 0, 0, 2], 22)),
                remote: SocketAddr::new(*ip, 50_000),
                inode: 1,
            }),
            Used::LoggedIn(address) => peers.logins.push(Login {
                user: "root".to_owned(),
                address: *address,
                at: Timestamp(0),
            }),
            Used::Protected(prefix) => protected.push(*prefix),
        }
    }
    let session = Session {
        netns: HOST,
        protected,
        ..Session::default()
    };
    let mut world = World::default();
    let first = [
        Body::Session(session),
        Body::Landmarks(landmarks),
        Body::Peers { netns: HOST, peers },
    ];
    for body in first.iter().chain(&routes) {
        world.apply(Timestamp(0), body);
    }
    world
}

proptest! {
    #[test]
    fn what_is_suggested_is_used_by_nobody(used in prop::collection::vec(used_one(), 0..40)) {
        let known = used_in(&host(&used), HOST);
        for suggested in [free_sixteen(&known), free_twentyfour(&known)].into_iter().flatten() {
            for it in &used {
                let prefix = it.prefix();
                prop_assert!(!overlaps(&prefix, &suggested.into()), "{suggested} is in use: {it:?}");
            }
        }
        // There is always something: nothing above is outside of 10.0.0.0/8.
        prop_assert!(free_sixteen(&known).is_some(), "nothing is suggested");
    }
}

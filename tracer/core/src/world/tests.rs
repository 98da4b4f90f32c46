use crate::{
    input::{
        Body, Daemon, DaemonInfo, DaemonStatus, DockerContainer, Landmark, LandmarkRole, Neighbour,
        NetChange, Netns, NetnsOwner, Nexthop, Process, Route, RouteKind, Session,
    },
    time::Timestamp,
    world::{SOCKET_OWNERS, World},
};

const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const DAEMON: &str = "unix:///run/docker.sock";
const HOST: u32 = 1;

fn process() -> Process {
    Process {
        pid: 812,
        name: "curl".to_owned(),
    }
}

fn landmark(address: &str, source: &str) -> Landmark {
    Landmark {
        address: address.parse().expect("address"),
        role: LandmarkRole::Nameserver,
        source: source.to_owned(),
    }
}

fn owner(inode: u64, landmarks: Vec<Landmark>) -> Body {
    Body::SocketOwner {
        inode,
        process: process(),
        landmarks,
    }
}

fn world(bodies: impl IntoIterator<Item = Body>) -> World {
    let mut world = World::default();
    let session = Session {
        netns: HOST,
        ..Session::default()
    };
    world.apply(Timestamp(1), &Body::Session(session));
    for body in bodies {
        world.apply(Timestamp(1), &body);
    }
    world
}

fn container_netns() -> Body {
    Body::Netns(Netns {
        inum: 7,
        owner: NetnsOwner::Container {
            pod: None,
            id: ID.to_owned(),
            process: process(),
        },
        unreadable: None,
        variables: std::collections::BTreeMap::new(),
    })
}

#[test]
fn neighbours_that_nobody_hears_of_are_no_news() {
    let mut world = world([]);
    // Whether that is news, and whether it may change where packets go.
    let mut told = |state, lladdr: Option<&str>| {
        let neighbour = Neighbour {
            ifindex: 3,
            address: [172, 22, 10, 119].into(),
            lladdr: lladdr.map(str::to_owned),
            state,
        };
        let before = (world.inputs, world.ways);
        let change = NetChange::Neighbour(neighbour);
        world.apply(
            Timestamp(1),
            &Body::Net {
                netns: HOST,
                change,
            },
        );
        (world.inputs > before.0, world.ways > before.1)
    };
    const INCOMPLETE: u16 = 0x01;
    const REACHABLE: u16 = 0x02;
    const FAILED: u16 = 0x20;
    assert_eq!(told(INCOMPLETE, None), (false, false));
    assert_eq!(told(FAILED, None), (false, false));
    assert_eq!(told(REACHABLE, Some("02:42:ac:16:00:02")), (true, false));
    assert_eq!(told(REACHABLE, Some("02:42:ac:16:00:02")), (false, false));
    assert_eq!(told(FAILED, None), (true, false));
}

#[test]
fn a_containers_namespace_has_the_containers_name() {
    let labels = [("com.docker.compose.service".to_owned(), "db".to_owned())];
    let known = Body::DockerContainer {
        daemon: DAEMON.to_owned(),
        container: DockerContainer {
            id: ID.to_owned(),
            name: "project-db-1".to_owned(),
            labels: labels.into(),
            ..DockerContainer::default()
        },
    };
    let netns = world([container_netns(), known]).netns_ref(7);
    assert_eq!(netns.owner, "container project-db-1");
    let container = netns.container.expect("container");
    assert_eq!(
        (&*container.id, container.service.as_deref()),
        (ID, Some("db"))
    );
}

#[test]
fn a_container_nobody_knows_goes_by_its_id() {
    let world = world([container_netns()]);
    let netns = world.netns_ref(7);
    assert_eq!(netns.owner, "container 0123456789ab");
    assert_eq!(netns.container, None);
    assert_eq!(world.netns_ref(1).owner, "host");
    assert_eq!(world.netns_ref(8).owner, "unknown");
}

#[test]
fn landmarks_come_from_the_socket_then_the_host_then_daemons() {
    let info = DaemonInfo {
        landmarks: vec![
            landmark("10.0.0.1", "daemon"),
            landmark("10.0.0.2", "daemon"),
        ],
        ..DaemonInfo::default()
    };
    let daemon = Body::Daemon(Daemon {
        endpoint: DAEMON.to_owned(),
        status: DaemonStatus::Reachable(Box::new(info)),
    });
    let own = ["10.0.0.1", "10.0.0.2", "10.0.0.3"].map(|address| landmark(address, "socket"));
    let host = Body::Landmarks(vec![landmark("10.0.0.1", "host")]);
    let world = world([daemon, host, owner(5, own.into()), owner(6, Vec::new())]);
    let sources = |netns, inode| {
        ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"].map(|address| {
            let found = world.landmark_for(netns, inode, address.parse().expect("address"));
            found.map(|it| it.source.clone()).unwrap_or_default()
        })
    };
    assert_eq!(sources(HOST, Some(5)), ["socket", "socket", "socket", ""]);
    assert_eq!(sources(HOST, Some(6)), ["host", "daemon", "", ""]);
    // What the host is configured to use says nothing of another namespace.
    assert_eq!(sources(HOST + 1, Some(6)), ["daemon", "daemon", "", ""]);
}

#[test]
fn landmarks_of_forgotten_sockets_are_forgotten() {
    let mut world = world([owner(1, vec![landmark("10.0.0.1", "first")])]);
    for inode in 2..SOCKET_OWNERS as u64 + 2 {
        world.apply(
            Timestamp(1),
            &owner(inode, vec![landmark("10.0.0.1", "later")]),
        );
    }
    let found = world.landmark_for(HOST, Some(1), "10.0.0.1".parse().expect("address"));
    assert_eq!(found, None);
}

/// A route by the interface, of a kind.
fn route(kind: RouteKind, ifindex: Option<u32>) -> NetChange {
    let hop = |ifindex| Nexthop {
        ifindex,
        gateway: None,
        linkdown: false,
    };
    NetChange::Route(Route {
        table: 255,
        destination: "172.18.0.1/32".parse().expect("prefix"),
        kind,
        metric: 0,
        tos: 0,
        scope: 254,
        protocol: 2,
        prefsrc: None,
        nexthops: ifindex.map(hop).into_iter().collect(),
    })
}

#[test]
fn all_routes_of_a_link_go_with_it_and_those_that_led_nowhere_stay() {
    let changes = [
        route(RouteKind::Local, Some(4)),
        route(RouteKind::Unicast, Some(4)),
        route(RouteKind::Local, Some(5)),
        route(RouteKind::Drop, None),
        NetChange::LinkGone(4),
    ];
    let world = world(changes.map(|change| Body::Net {
        netns: HOST,
        change,
    }));
    let namespace = world.namespace(HOST).expect("it is known");
    let left: Vec<RouteKind> = namespace.routes().iter().map(|it| it.kind).collect();
    assert_eq!(left, [RouteKind::Local, RouteKind::Drop]);
}

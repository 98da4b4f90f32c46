//! What one input costs the core, and how that grows with what it knows: networks, routes, containers, open
//! incidents. `cargo bench -p tracer-core` leaves plots below `target/criterion`.

use std::net::{IpAddr, Ipv4Addr};

use criterion::{BenchmarkId, Criterion};
use tracer_common::{Event, Flow, Hook, event_flags, v4_mapped};
use tracer_core::{
    Core,
    input::{
        Body, Daemon, DaemonStatus, DockerEndpoint, DockerNetwork, DockerSubnet, Input, Link,
        Neighbour, NetChange, Nexthop, Route, Session,
    },
    time::{SECOND, Timestamp},
};
use zerocopy::IntoBytes as _;

const NOW: Timestamp = Timestamp(1_700_000_000 * SECOND);
const HOST: u32 = 100;
const ENDPOINT: &str = "unix:///var/run/docker.sock";
const UPLINK: u32 = 2;
/// The bridge that swallows replies; others follow.
const BRIDGE: u32 = 3;
const PC: Ipv4Addr = Ipv4Addr::new(172, 22, 10, 119);
const SIZES: [u32; 5] = [10, 100, 1000, 10_000, 100_000];

/// A host in the making.
struct Host(Core);

impl Host {
    /// An uplink, and a docker network that covers the PC.
    fn new() -> Self {
        let mut host = Self(Core::default());
        host.tell(Body::Session(Session {
            netns: HOST,
            ..Session::default()
        }));
        host.net(NetChange::Resync);
        host.link(UPLINK, "eno8303", None);
        host.route("0.0.0.0/0", UPLINK, Some([172, 42, 10, 1].into()));
        host.net(NetChange::Synced);
        host.tell(Body::Daemon(Daemon {
            endpoint: ENDPOINT.to_owned(),
            status: DaemonStatus::Reachable(Box::default()),
        }));
        host.network(BRIDGE, "172.22.0.0/16", Vec::new());
        host
    }

    fn tell(&mut self, body: Body) {
        self.0.observe(&Input { at: NOW, body });
    }

    fn net(&mut self, change: NetChange) {
        self.tell(net(change));
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

    fn route(&mut self, prefix: &str, ifindex: u32, gateway: Option<IpAddr>) {
        self.net(NetChange::Route(Route {
            table: 254,
            destination: prefix.parse().expect("a prefix"),
            scope: 253,
            protocol: 2,
            nexthops: vec![Nexthop {
                ifindex,
                gateway,
                linkdown: false,
            }],
            ..Route::default()
        }));
    }

    /// A docker network with its bridge and its route.
    fn network(&mut self, ifindex: u32, subnet: &str, endpoints: Vec<DockerEndpoint>) {
        let id = id(ifindex);
        self.link(ifindex, &format!("br-{}", &id[..12]), Some("bridge"));
        self.route(subnet, ifindex, None);
        let network = DockerNetwork {
            name: format!("network-{ifindex}"),
            driver: "bridge".to_owned(),
            subnets: vec![DockerSubnet {
                subnet: subnet.parse().expect("a prefix"),
                gateway: None,
            }],
            endpoints,
            id,
            ..DockerNetwork::default()
        };
        self.tell(Body::DockerNetwork {
            daemon: ENDPOINT.to_owned(),
            network,
        });
    }

    fn networks(mut self, count: u32) -> Self {
        for number in 0..count {
            self.network(BRIDGE + 1 + number, &small_subnet(number), Vec::new());
        }
        self
    }

    fn routes(mut self, count: u32) -> Self {
        for number in 0..count {
            self.route(&small_subnet(number), UPLINK, Some([172, 42, 10, 1].into()));
        }
        self
    }

    fn containers(mut self, count: u32) -> Self {
        let endpoint = |number: u32| DockerEndpoint {
            network: id(BRIDGE + 1),
            container: format!("{number:064x}"),
            container_name: format!("container-{number}"),
            addresses: vec![Ipv4Addr::from(0x0a00_0002 + number).into()],
            mac: None,
        };
        self.network(BRIDGE + 1, "10.0.0.0/8", (0..count).map(endpoint).collect());
        self
    }

    /// As many remotes, each with an outage of its own: in a bridge of its own.
    fn incidents(mut self, count: u32) -> Self {
        self = self.networks(count);
        for number in 0..count {
            let remote = Ipv4Addr::from(0x0a00_0000 + number * 16 + 5);
            self.tell(lost(BRIDGE + 1 + number, remote));
        }
        self
    }
}

fn id(ifindex: u32) -> String {
    // The name of a bridge is the id's beginning.
    format!("{ifindex:012x}{ifindex:052x}")
}

fn small_subnet(number: u32) -> String {
    format!("{}/28", Ipv4Addr::from(0x0a00_0000 + number * 16))
}

fn net(change: NetChange) -> Body {
    Body::Net {
        netns: HOST,
        change,
    }
}

/// A segment of sshd met an unresolved neighbour.
fn lost(bridge: u32, remote: Ipv4Addr) -> Body {
    let remote = v4_mapped(remote.octets());
    let flow = Flow {
        saddr: v4_mapped([172, 42, 10, 112]),
        daddr: remote,
        sport: 22,
        dport: 43_848,
        proto: 6,
        tcp_flags: 0x10,
        ..Flow::default()
    };
    let event = Event {
        hook: Hook::NeighSend as u8,
        netns: HOST,
        ifindex: bridge,
        remote,
        flags: event_flags::FLOW,
        flow,
        ..Event::default()
    };
    Body::Kernel(event.as_bytes().to_vec())
}

fn neighbour() -> Body {
    net(NetChange::Neighbour(Neighbour {
        ifindex: UPLINK,
        address: [172, 42, 10, 1].into(),
        lladdr: Some("02:42:ac:16:00:02".to_owned()),
        state: 2,
    }))
}

fn observe(criterion: &mut Criterion) {
    type Grow = fn(Host, u32) -> Host;
    let worlds: [(&str, Grow); 4] = [
        ("networks", Host::networks),
        ("routes", Host::routes),
        ("containers", Host::containers),
        ("incidents", Host::incidents),
    ];
    for (what, grow) in worlds {
        let mut group = criterion.benchmark_group(what);
        for size in SIZES {
            let mut host = grow(Host::new(), size);
            host.tell(lost(BRIDGE, PC));
            for (name, body) in [
                ("lost-packet", lost(BRIDGE, PC)),
                ("neighbour", neighbour()),
            ] {
                let input = Input { at: NOW, body };
                group.bench_with_input(BenchmarkId::new(name, size), &input, |bencher, input| {
                    bencher.iter(|| host.0.observe(input));
                });
            }
        }
        group.finish();
    }
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    observe(&mut criterion);
    criterion.final_summary();
}

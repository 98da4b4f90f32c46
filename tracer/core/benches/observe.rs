//! What one input costs the core, and how that grows with what it knows: networks, routes, containers, open
//! incidents. `cargo bench -p tracer-core` leaves plots below `target/criterion`.

use std::net::{IpAddr, Ipv4Addr};

use criterion::{BatchSize, BenchmarkGroup, BenchmarkId, Criterion, measurement::WallTime};
use ipnet::IpNet;
use tracer_common::{Event, Flow, Hook, event_flags, v4_mapped};
use tracer_core::{
    Core,
    finding::{Finding, Kind},
    input::{
        Address, Body, Counter, Daemon, DaemonStatus, DockerEndpoint, DockerNetwork, DockerSubnet,
        Input, Link, Neighbour, NetChange, Nexthop, Route, Session,
    },
    time::{SECOND, Timestamp},
};
use zerocopy::IntoBytes as _;

const NOW: Timestamp = Timestamp(1_700_000_000 * SECOND);
/// Between two inputs.
const STEP: u64 = SECOND / 1_000_000;
const HOST: u32 = 100;
const ENDPOINT: &str = "unix:///var/run/docker.sock";
const UPLINK: u32 = 2;
/// The bridge that swallows replies; others follow.
const BRIDGE: u32 = 3;
/// The first remote that is cut off; others follow.
const PC: Ipv4Addr = Ipv4Addr::new(172, 22, 10, 119);
const REMOTES: u32 = 64;
const OWN: [u8; 4] = [172, 42, 10, 112];
/// Bridges of a namespace where incidents are many.
const BRIDGES: u32 = 1000;
const SIZES: [u32; 5] = [10, 100, 1000, 10_000, 100_000];

/// A host in the making, and what time it is there.
struct Host(Core, Timestamp);

type Grow = fn(&mut Host, u32);

impl Host {
    /// An uplink, a docker network that covers the remotes, and what `grow` adds.
    fn new(grow: Grow, size: u32) -> Self {
        let mut host = Self(Core::default(), NOW);
        host.tell(Body::Session(Session {
            netns: HOST,
            ..Session::default()
        }));
        host.tell(Body::Daemon(Daemon {
            endpoint: ENDPOINT.to_owned(),
            status: DaemonStatus::Reachable(Box::default()),
        }));
        host.namespace(HOST, |host| {
            host.network(BRIDGE, "172.22.0.0/16", Vec::new());
            grow(host, size);
        });
        host
    }

    /// A moment later.
    fn tell(&mut self, body: Body) -> Vec<Finding> {
        let input = self.at(body);
        self.0.observe(&input)
    }

    fn at(&mut self, body: Body) -> Input {
        self.1 = self.1.plus(STEP);
        Input { at: self.1, body }
    }

    /// A namespace is dumped: an uplink, the own address, and what `fill` tells of.
    fn namespace(&mut self, netns: u32, fill: impl FnOnce(&mut Self)) {
        self.tell(net(netns, NetChange::Resync));
        self.link(netns, UPLINK, "eno8303", None);
        let address = IpNet::new(OWN.into(), 24).expect("a prefix");
        let address = Address {
            ifindex: UPLINK,
            address,
        };
        self.tell(net(netns, NetChange::Address(address)));
        self.route(netns, "0.0.0.0/0", UPLINK, Some([172, 42, 10, 1].into()));
        fill(self);
        self.tell(net(netns, NetChange::Synced));
    }

    fn link(&mut self, netns: u32, ifindex: u32, name: &str, kind: Option<&str>) {
        let link = Link {
            ifindex,
            name: name.to_owned(),
            kind: kind.map(str::to_owned),
            up: true,
            carrier: true,
            ..Link::default()
        };
        self.tell(net(netns, NetChange::Link(link)));
    }

    fn route(&mut self, netns: u32, prefix: &str, ifindex: u32, gateway: Option<IpAddr>) {
        let route = Route {
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
        };
        self.tell(net(netns, NetChange::Route(route)));
    }

    /// A docker network with its bridge and its route.
    fn network(&mut self, ifindex: u32, subnet: &str, endpoints: Vec<DockerEndpoint>) {
        self.bridge(ifindex, subnet);
        self.tell(Body::DockerNetwork {
            daemon: ENDPOINT.to_owned(),
            network: network(ifindex, subnet, endpoints),
        });
    }

    fn bridge(&mut self, ifindex: u32, subnet: &str) {
        let name = format!("br-{}", &id(ifindex)[..12]);
        self.link(HOST, ifindex, &name, Some("bridge"));
        self.route(HOST, subnet, ifindex, None);
    }

    /// As a daemon lists them.
    fn networks(&mut self, count: u32) {
        let mut networks = vec![network(BRIDGE, "172.22.0.0/16", Vec::new())];
        for number in 0..count {
            let (ifindex, subnet) = (BRIDGE + 1 + number, small_subnet(number));
            self.bridge(ifindex, &subnet);
            networks.push(network(ifindex, &subnet, Vec::new()));
        }
        self.tell(Body::DockerListing {
            daemon: ENDPOINT.to_owned(),
            networks,
            containers: Vec::new(),
        });
    }

    fn routes(&mut self, count: u32) {
        let gateway = Some([172, 42, 10, 1].into());
        for number in 0..count {
            self.route(HOST, &small_subnet(number), UPLINK, gateway);
        }
    }

    fn containers(&mut self, count: u32) {
        let endpoint = |number: u32| DockerEndpoint {
            network: id(BRIDGE + 1),
            container: format!("{number:064x}"),
            container_name: format!("container-{number}"),
            addresses: vec![Ipv4Addr::from(0x0a00_0002 + number).into()],
            mac: None,
        };
        self.network(BRIDGE + 1, "10.0.0.0/8", (0..count).map(endpoint).collect());
    }

    /// As many remotes, each with an outage of its own: in a bridge of its own, of nobody's. Spread over
    /// namespaces, so that outages are what there is more of, and not routes of one namespace.
    fn incidents(&mut self, count: u32) {
        for first in (0..count).step_by(BRIDGES as usize) {
            let netns = HOST + 1 + first / BRIDGES;
            let numbers = first..count.min(first + BRIDGES);
            self.namespace(netns, |host| {
                for number in numbers.clone() {
                    let (bridge, name) = (BRIDGE + 1 + number, format!("br{number}"));
                    host.link(netns, bridge, &name, Some("bridge"));
                    host.route(netns, &small_subnet(number), bridge, None);
                }
            });
            for number in numbers {
                let remote = Ipv4Addr::from(0x0a00_0000 + number * 16 + 5);
                let bridge = BRIDGE + 1 + number;
                self.tell(event(Hook::NeighSend, netns, bridge, remote, 0));
                // Nobody says whose the bridge is: the packet waits for a moment.
                self.1 = self.1.plus(SECOND / 10);
            }
        }
    }

    /// Outages that were told of and are not over.
    fn open(&self) -> usize {
        self.0.lost().count()
    }
}

fn id(ifindex: u32) -> String {
    // The name of a bridge is the id's beginning.
    format!("{ifindex:012x}{ifindex:052x}")
}

fn network(ifindex: u32, subnet: &str, endpoints: Vec<DockerEndpoint>) -> DockerNetwork {
    DockerNetwork {
        name: format!("network-{ifindex}"),
        driver: "bridge".to_owned(),
        subnets: vec![DockerSubnet {
            subnet: subnet.parse().expect("a prefix"),
            gateway: None,
        }],
        endpoints,
        id: id(ifindex),
        ..DockerNetwork::default()
    }
}

fn small_subnet(number: u32) -> String {
    format!("{}/28", Ipv4Addr::from(0x0a00_0000 + number * 16))
}

fn net(netns: u32, change: NetChange) -> Body {
    Body::Net { netns, change }
}

/// A remote that is cut off.
fn remote(number: u32) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(PC) + number % REMOTES)
}

/// What a hook says of a segment of sshd, after `before` others.
fn event(hook: Hook, netns: u32, bridge: u32, remote: Ipv4Addr, before: u32) -> Body {
    let remote = v4_mapped(remote.octets());
    let flow = Flow {
        saddr: v4_mapped(OWN),
        daddr: remote,
        sport: 22,
        dport: 43_848,
        proto: 6,
        tcp_flags: 0x10,
        ..Flow::default()
    };
    let event = Event {
        hook: hook as u8,
        netns,
        ifindex: bridge,
        remote,
        flags: event_flags::FLOW,
        flow,
        before: before.into(),
        ..Event::default()
    };
    Body::Kernel(event.as_bytes().to_vec())
}

/// It met an unresolved neighbour.
fn lost_packet(number: u32) -> Body {
    event(
        Hook::NeighSend,
        HOST,
        BRIDGE,
        remote(number),
        number / REMOTES,
    )
}

/// Nobody answered for the remote.
fn neighbour_failed(number: u32) -> Body {
    event(Hook::NeighTimer, HOST, BRIDGE, remote(number), 0)
}

/// A neighbour of the uplink answered.
fn neighbour(number: u32) -> Body {
    net(
        HOST,
        NetChange::Neighbour(Neighbour {
            ifindex: UPLINK,
            address: Ipv4Addr::from(0xac2a_0a01 + number % REMOTES).into(),
            lladdr: Some("02:42:ac:16:00:02".to_owned()),
            state: 2,
        }),
    )
}

/// One more packet of one remote was counted.
fn counters(number: u32) -> Body {
    Body::Counters(vec![Counter {
        unresolved: u64::from(number) + 1,
        ..Counter::zero(HOST, BRIDGE, remote(number).into())
    }])
}

fn tick(_: u32) -> Body {
    Body::Tick
}

/// An input by its number.
type Make = fn(u32) -> Body;

/// No two inputs of a kind are alike: a moment has passed, and another remote is meant.
const INPUTS: [(&str, Make); 5] = [
    ("lost-packet", lost_packet),
    ("neighbour-failed", neighbour_failed),
    ("neighbour", neighbour),
    ("counters", counters),
    ("tick", tick),
];

const WORLDS: [(&str, Grow); 4] = [
    ("networks", Host::networks),
    ("routes", Host::routes),
    ("containers", Host::containers),
    ("incidents", |_, _| {}),
];

/// The host, in which the remotes are cut off. What is timed is an outage, or nothing would be shown.
fn host(what: &str, grow: Grow, size: u32) -> Host {
    let mut host = Host::new(grow, size);
    if what == "incidents" {
        host.incidents(size);
    }
    // What is new to the core is looked at now, and not while something is timed.
    host.tell(Body::Tick);
    if what == "incidents" {
        let open = host.open();
        assert!(
            open == size as usize,
            "{open} outages are open instead of {size}"
        );
    }
    let before = host.open();
    let findings = host.tell(lost_packet(0));
    let opened = findings.iter().any(|it| it.kind == Kind::ReplyBlackhole);
    assert!(
        opened && host.open() == before + 1,
        "{size} {what}: the lost packet opens no outage: {findings:?}"
    );
    (1..REMOTES).for_each(|number| drop(host.tell(lost_packet(number))));
    host
}

fn time(group: &mut BenchmarkGroup<'_, WallTime>, host: &mut Host, size: u32) {
    for (name, body) in INPUTS {
        let mut number = 0;
        group.bench_function(BenchmarkId::new(name, size), |bencher| {
            let Host(core, now) = host;
            let input = || {
                number += 1;
                *now = now.plus(STEP);
                Input {
                    at: *now,
                    body: body(number),
                }
            };
            bencher.iter_batched_ref(input, |input| core.observe(input), BatchSize::SmallInput);
        });
    }
    // Asked on every turn of the loop.
    group.bench_function(BenchmarkId::new("deadline", size), |bencher| {
        bencher.iter(|| host.0.deadline());
    });
}

fn observe(criterion: &mut Criterion) {
    for (what, grow) in WORLDS {
        let mut group = criterion.benchmark_group(what);
        for size in SIZES {
            let mut host = host(what, grow, size);
            time(&mut group, &mut host, size);
            assert!(host.open() > 0, "{size} {what}: the outage is over");
        }
        group.finish();
    }
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    observe(&mut criterion);
    criterion.final_summary();
}

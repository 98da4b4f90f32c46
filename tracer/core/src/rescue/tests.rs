use std::net::IpAddr;

use ipnet::IpNet;

use crate::{
    input::{
        Address, Body, Cause, Daemon, DaemonInfo, DaemonStatus, DockerContainer, DockerEndpoint,
        DockerNetwork, DockerSubnet, Link, Neighbour, NetChange, Nexthop, Route, RouteKind, Rule,
        RuleAction, Session, Unreachable,
    },
    time::Timestamp,
    world::World,
};

use super::{PROTOCOL, Plan, Refusal, Rescue, plan};

const HOST: u32 = 1;
const UPLINK: u32 = 2;
const BRIDGE: u32 = 8;
const BR: &str = "br-80cb5a0c07bc";
const DAEMON: &str = "unix:///var/run/docker.sock";
const PC: &str = "172.22.10.119";

/// I-1's server, its docker network included.
struct Host(World);

impl Host {
    fn bare() -> Self {
        let mut host = Self(World::default());
        host.tell(Body::Session(Session {
            netns: HOST,
            ..Session::default()
        }));
        host.net(NetChange::Resync);
        host.link(UPLINK, "eno8303", None);
        host.address(UPLINK, "172.42.10.112/24");
        host.route(254, "0.0.0.0/0", Some("172.42.10.1"), UPLINK);
        host.route(254, "172.42.10.0/24", None, UPLINK);
        host.net(NetChange::Synced);
        host
    }

    fn collided() -> Self {
        let mut host = Self::bare();
        host.bridge();
        host.docker(&[("openldap", "172.22.0.2")], "running");
        host
    }

    fn bridge(&mut self) {
        self.link(BRIDGE, BR, Some("bridge"));
        self.address(BRIDGE, "172.22.0.1/16");
        self.route(254, "172.22.0.0/16", None, BRIDGE);
    }

    fn tell(&mut self, body: Body) {
        self.0.apply(Timestamp(1), &body);
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

    fn address(&mut self, ifindex: u32, address: &str) {
        let address = address.parse().expect("prefix");
        self.net(NetChange::Address(Address { ifindex, address }));
    }

    fn route(&mut self, table: u32, prefix: &str, gateway: Option<&str>, ifindex: u32) {
        self.route_by(0, table, prefix, gateway, ifindex);
    }

    fn route_by(
        &mut self,
        protocol: u8,
        table: u32,
        prefix: &str,
        gateway: Option<&str>,
        ifindex: u32,
    ) {
        self.net(NetChange::Route(Route {
            table,
            protocol,
            destination: prefix.parse().expect("prefix"),
            kind: RouteKind::Unicast,
            nexthops: vec![Nexthop {
                ifindex,
                gateway: gateway.map(ip),
                linkdown: false,
            }],
            ..Route::default()
        }));
    }

    fn daemon(&mut self, status: DaemonStatus) {
        let endpoint = DAEMON.to_owned();
        self.tell(Body::Daemon(Daemon { endpoint, status }));
    }

    fn silent(&mut self, cause: Cause) {
        let why = Unreachable::new(cause, "it says nothing".to_owned());
        self.daemon(DaemonStatus::Unreachable(why));
    }

    fn docker(&mut self, containers: &[(&str, &str)], state: &str) {
        self.daemon(DaemonStatus::Reachable(Box::default()));
        let endpoint = |(name, address): &(&str, &str)| DockerEndpoint {
            network: "80cb5a0c07bc".to_owned(),
            container: format!("0123456789ab{name}"),
            container_name: (*name).to_owned(),
            addresses: vec![ip(address)],
            mac: None,
        };
        let endpoints: Vec<DockerEndpoint> = containers.iter().map(endpoint).collect();
        let container = |endpoint: &DockerEndpoint| DockerContainer {
            id: endpoint.container.clone(),
            name: endpoint.container_name.clone(),
            state: state.to_owned(),
            ..DockerContainer::default()
        };
        self.tell(Body::DockerListing {
            daemon: DAEMON.to_owned(),
            containers: endpoints.iter().map(container).collect(),
            networks: vec![DockerNetwork {
                id: "80cb5a0c07bc".to_owned(),
                name: "ldap_default".to_owned(),
                driver: "bridge".to_owned(),
                subnets: vec![DockerSubnet {
                    subnet: "172.22.0.0/16".parse().expect("prefix"),
                    gateway: Some(ip("172.22.0.1")),
                }],
                endpoints,
                ..DockerNetwork::default()
            }],
        });
    }

    fn answers(&mut self, address: &str) {
        self.net(NetChange::Neighbour(Neighbour {
            ifindex: BRIDGE,
            address: ip(address),
            lladdr: Some("02:42:ac:16:00:02".to_owned()),
            state: 2,
        }));
    }

    fn plan(&self, address: &str) -> Plan {
        match plan(&self.0, ip(address), false) {
            Ok(Rescue::Needed(plan)) => *plan,
            other => panic!("{other:?}"),
        }
    }

    fn refuses(&self, address: &str) -> Refusal {
        plan(&self.0, ip(address), false).expect_err("refused")
    }
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("address")
}

#[test]
fn the_plan_is_the_remedy_of_a_finding() {
    let plan = Host::collided().plan(PC);
    let wanted = "ip route add 172.22.10.119/32 via 172.42.10.1 dev eno8303";
    assert_eq!(plan.remedy.command, wanted);
    assert_eq!((plan.uplink, plan.inside), (UPLINK, BRIDGE));
    assert_eq!(plan.table(), 254);
    assert_eq!(plan.sources, [ip("172.42.10.112")]);
    assert_eq!(
        plan.network.map(|it| it.name).as_deref(),
        Some("ldap_default")
    );
    assert_eq!(
        plan.breaks,
        [
            "a container of network ldap_default that is given that address later cannot be reached \
          from this host"
        ]
    );
    assert!(plan.unsure.is_empty());
}

#[test]
fn ipv6_has_the_same_plan() {
    let mut host = Host::collided();
    host.route(254, "::/0", Some("fe80::1"), UPLINK);
    host.address(UPLINK, "fd00:42::112/64");
    host.route(254, "fd00:22::/64", None, BRIDGE);
    let plan = host.plan("fd00:22::119");
    let wanted = "ip route add fd00:22::119/128 via fe80::1 dev eno8303";
    assert_eq!(plan.remedy.command, wanted);
    assert_eq!(plan.sources, [ip("fd00:42::112")]);
}

#[test]
fn the_route_goes_into_the_table_that_replies_are_looked_up_in() {
    let mut host = Host::bare();
    host.bridge();
    host.docker(&[], "running");
    host.net(NetChange::RouteGone(Route {
        table: 254,
        destination: "172.22.0.0/16".parse().expect("prefix"),
        nexthops: vec![Nexthop {
            ifindex: BRIDGE,
            gateway: None,
            linkdown: false,
        }],
        ..Route::default()
    }));
    host.route(100, "172.22.0.0/16", None, BRIDGE);
    for (priority, from, table) in [
        (0, None, 255),
        (9, Some("172.42.10.112/32"), 100),
        (99, None, 254),
    ] {
        host.net(NetChange::Rule(Rule {
            priority,
            from: from.map(|it| it.parse().expect("prefix")),
            action: RuleAction::Table(table),
            ..Rule::default()
        }));
    }
    let plan = host.plan(PC);
    assert_eq!(plan.table(), 100);
    assert!(plan.remedy.command.ends_with(" table 100"), "{plan:?}");
}

#[test]
fn a_way_that_no_bridge_takes_is_left_alone() {
    let mut host = Host::collided();
    let elsewhere = |host: &Host, address| match plan(&host.0, ip(address), false) {
        Ok(Rescue::Elsewhere(route)) => route.map(|it| (it.prefix, it.device)),
        other => panic!("{other:?}"),
    };
    let uplink = "eno8303".to_owned();
    let default: IpNet = "0.0.0.0/0".parse().expect("prefix");
    assert_eq!(
        elsewhere(&host, "192.0.2.7"),
        Some((default, uplink.clone()))
    );
    assert_eq!(elsewhere(&host, "2001:db8::7"), None);
    host.route(254, "172.22.10.119/32", Some("172.42.10.1"), UPLINK);
    assert_eq!(elsewhere(&host, PC), Some((IpNet::from(ip(PC)), uplink)));
}

#[test]
fn an_earlier_rescue_is_known_by_its_number() {
    let mut host = Host::collided();
    host.route_by(
        PROTOCOL,
        254,
        "172.22.10.119/32",
        Some("172.42.10.1"),
        UPLINK,
    );
    let held = plan(&host.0, ip(PC), false).expect("no refusal");
    assert!(matches!(held, Rescue::Held(route) if route.device == "eno8303"));
}

#[test]
fn a_running_container_is_not_cut_off() {
    let mut host = Host::collided();
    host.docker(&[("usurper", PC)], "running");
    let refusal = host.refuses(PC);
    let text = refusal.to_string();
    assert!(text.starts_with("container usurper runs with that address in network ldap_default"));
    assert!(text.contains("docker stop 0123456789ab,"), "{text}");
    // Not even where docker may be passed over.
    assert_eq!(plan(&host.0, ip(PC), true), Err(refusal));
    // One that ended may be listed for a moment longer.
    host.docker(&[("usurper", PC)], "exited");
    host.plan(PC);
}

#[test]
fn whoever_answers_on_the_bridge_is_not_cut_off() {
    let mut host = Host::collided();
    host.answers(PC);
    let refusal = host.refuses(PC);
    assert!(matches!(refusal, Refusal::Answers { .. }), "{refusal}");
    assert!(
        refusal
            .to_string()
            .contains(&format!("ip neigh del {PC} dev {BR},"))
    );
    assert!(plan(&host.0, ip(PC), true).is_err());
    host.plan("172.22.10.120");
}

#[test]
fn a_daemon_that_cannot_be_asked_is_passed_over_only_on_request() {
    let mut host = Host::bare();
    host.bridge();
    host.silent(Cause::NoAnswer);
    let text = host.refuses(PC).to_string();
    assert!(
        text.contains("it says nothing; with --without-docker"),
        "{text}"
    );
    let Ok(Rescue::Needed(plan)) = plan(&host.0, ip(PC), true) else {
        panic!("not planned");
    };
    assert_eq!(
        plan.unsure,
        [format!("docker at {DAEMON}: it says nothing")]
    );
}

#[test]
fn a_bridge_of_somebody_else_needs_no_docker() {
    let mut host = Host::bare();
    host.silent(Cause::NoSocket);
    host.link(BRIDGE, "virbr0", Some("bridge"));
    host.route(254, "172.22.0.0/16", None, BRIDGE);
    host.plan(PC);
    // Its containers outlive a daemon.
    host.link(BRIDGE, BR, Some("bridge"));
    assert!(matches!(host.refuses(PC), Refusal::Blind(_)));
}

#[test]
fn another_daemon_may_know_the_bridge() {
    let mut host = Host::bare();
    host.bridge();
    let info = DaemonInfo {
        neighbours: vec![77],
        ..DaemonInfo::default()
    };
    host.daemon(DaemonStatus::Reachable(Box::new(info)));
    let text = host.refuses(PC).to_string();
    assert!(
        text.contains("another dockerd runs here (pid 77)"),
        "{text}"
    );
    host.docker(&[], "running");
    host.plan(PC);
}

#[test]
fn addresses_that_are_nobodys_are_refused() {
    let host = Host::collided();
    for address in [
        "127.0.0.1",
        "0.0.0.0",
        "0.1.2.3",
        "224.0.0.1",
        "255.255.255.255",
        "169.254.1.1",
        "::1",
        "::",
        "ff02::1",
        "fe80::1",
        "::ffff:172.22.10.119",
    ] {
        let refusal = host.refuses(address);
        assert!(
            matches!(refusal, Refusal::Nobody(_)),
            "{address}: {refusal}"
        );
    }
    for own in ["172.42.10.112", "172.22.0.1"] {
        assert!(matches!(host.refuses(own), Refusal::Own(_)), "{own}");
    }
    for everybody in ["172.22.255.255", "172.22.0.0", "172.42.10.255"] {
        let refusal = host.refuses(everybody);
        assert!(
            matches!(refusal, Refusal::Everybody(..)),
            "{everybody}: {refusal}"
        );
    }
}

#[test]
fn without_another_way_there_is_nothing_to_do() {
    let mut host = Host(World::default());
    assert_eq!(host.refuses(PC), Refusal::Unread);
    host = Host::collided();
    host.net(NetChange::RouteGone(Route {
        table: 254,
        destination: "0.0.0.0/0".parse().expect("prefix"),
        nexthops: vec![Nexthop {
            ifindex: UPLINK,
            gateway: Some(ip("172.42.10.1")),
            linkdown: false,
        }],
        ..Route::default()
    }));
    assert_eq!(host.refuses(PC), Refusal::NoOtherWay);
}

#[test]
fn a_route_for_the_address_alone_is_not_beaten() {
    let mut host = Host::collided();
    host.route(254, "172.22.10.119/32", None, BRIDGE);
    assert!(matches!(host.refuses(PC), Refusal::AsSpecific(_)));
}

#[test]
fn what_else_leads_there_is_told() {
    let mut host = Host::collided();
    host.link(9, "br-0123456789ab", Some("bridge"));
    host.route(254, "172.22.0.0/16", None, 9);
    let plan = host.plan(PC);
    assert_eq!(
        plan.breaks.last().map(String::as_str),
        Some("the route to 172.22.0.0/16 by br-0123456789ab is not used for it either")
    );
}

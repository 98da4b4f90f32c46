//! What is found by an index is what a look at everything finds.

use std::cmp::Reverse;

use proptest::prelude::*;

use super::*;
use crate::input::Nexthop;

const PREFIXES: [&str; 7] = [
    "0.0.0.0/0",
    "10.0.0.0/8",
    "10.1.0.0/16",
    "10.1.2.3/16",
    "10.1.2.3/32",
    "::/0",
    "fd00::/8",
];
const KINDS: [RouteKind; 3] = [RouteKind::Unicast, RouteKind::Drop, RouteKind::Throw];

fn route() -> impl Strategy<Value = Route> {
    let hops = proptest::collection::vec(1_u32..4, 0..3);
    let kind = proptest::sample::select(&KINDS[..]);
    let prefix = proptest::sample::select(&PREFIXES[..]);
    (prefix, 254_u32..256, 0_u32..2, kind, hops, 0_u8..3).prop_map(
        |(prefix, table, metric, kind, hops, protocol)| Route {
            destination: prefix.parse().expect("a prefix"),
            table,
            metric,
            kind,
            protocol,
            nexthops: hops.into_iter().map(hop).collect(),
            ..Route::default()
        },
    )
}

const fn hop(ifindex: u32) -> Nexthop {
    Nexthop {
        ifindex,
        gateway: None,
        linkdown: false,
    }
}

fn change() -> impl Strategy<Value = NetChange> {
    let address = |(ifindex, address): (u32, &str)| Address {
        ifindex,
        address: address.parse().expect("a prefix"),
    };
    let addresses = ["10.1.2.3/8", "10.1.2.3/32", "fd00::1/8"];
    let addresses = (0_u32..4, proptest::sample::select(addresses.to_vec())).prop_map(address);
    let link = |(ifindex, master)| Link {
        ifindex,
        master,
        name: format!("link{ifindex}"),
        ..Link::default()
    };
    let links = (0_u32..4, proptest::option::of(0_u32..4)).prop_map(link);
    prop_oneof![
        4 => route().prop_map(NetChange::Route),
        2 => route().prop_map(NetChange::RouteGone),
        2 => addresses.clone().prop_map(NetChange::Address),
        1 => addresses.prop_map(NetChange::AddressGone),
        2 => links.prop_map(NetChange::Link),
        1 => (0_u32..4).prop_map(NetChange::LinkGone),
    ]
}

/// The routes as a plain list.
fn follow(known: &mut Vec<Route>, change: &NetChange) {
    let of = |known: &[Route], route| known.iter().position(|it| routes::same_route(it, route));
    match change {
        NetChange::Route(route) => match of(known, route) {
            Some(place) => known[place] = route.clone(),
            None => known.push(route.clone()),
        },
        NetChange::RouteGone(route) => drop(of(known, route).map(|place| known.remove(place))),
        NetChange::LinkGone(ifindex) => known.retain_mut(|route| {
            let led = !route.nexthops.is_empty();
            route.nexthops.retain(|hop| hop.ifindex != *ifindex);
            !led || !route.nexthops.is_empty()
        }),
        _ => {}
    }
}

fn check_routes(namespace: &Namespace, known: &[Route]) {
    let routes = namespace.routes();
    assert!(routes.iter().eq(known));
    for ifindex in 0..4 {
        let by = |it: &&Route| it.nexthops.iter().any(|hop| hop.ifindex == ifindex);
        assert!(routes.by(ifindex).eq(known.iter().filter(by)));
    }
    let defaults = known.iter().filter(|it| it.destination.prefix_len() == 0);
    assert_eq!(routes.defaults().count(), defaults.count());
    for prefix in PREFIXES {
        let prefix: IpNet = prefix.parse().expect("a prefix");
        let mut holding: Vec<&Route> = known
            .iter()
            .filter(|it| it.table == 254 && it.destination.contains(&prefix.addr()))
            .collect();
        holding.sort_by_key(|it| (Reverse(it.destination.prefix_len()), it.metric));
        assert!(routes.holding(254, prefix.addr()).eq(holding));
        let same = known.iter();
        let same = same.filter(|it| it.table == 254 && it.destination == prefix);
        assert!(routes.exactly(254, prefix).eq(same));
    }
}

fn check_links(namespace: &Namespace) {
    for number in 0..4 {
        let ports = namespace.links().filter(|it| it.master == Some(number));
        assert!(namespace.ports(number).eq(ports));
    }
    for own in ["10.1.2.3", "fd00::1", "10.1.2.4"].map(|it| it.parse().expect("an address")) {
        let mut addresses = namespace.addresses();
        let first = addresses.find(|it| it.address.addr() == own);
        assert_eq!(namespace.own_address(own), first.map(|it| it.ifindex));
    }
}

proptest! {
    #[test]
    fn an_index_finds_what_a_look_at_everything_finds(
        changes in proptest::collection::vec(change(), 0..60),
    ) {
        let mut namespace = Namespace::default();
        let mut known = Vec::new();
        for change in &changes {
            namespace.apply(Timestamp(0), change);
            follow(&mut known, change);
            check_routes(&namespace, &known);
            check_links(&namespace);
        }
    }
}

#[test]
fn a_dump_counts_when_it_is_complete() {
    let route = NetChange::Route(Route::default());
    let mut namespace = Namespace::default();
    let mut after = |change: &NetChange| {
        namespace.apply(Timestamp(1), change);
        namespace.is_being_read()
    };
    assert!(!after(&route));
    assert!(after(&NetChange::Resync));
    assert!(after(&route));
    assert!(!after(&NetChange::Synced));
    assert!(!after(&route));
}

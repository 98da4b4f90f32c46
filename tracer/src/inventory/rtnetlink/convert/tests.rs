//! Messages are made by the encoder and read back from bytes, as they come from the kernel.

use netlink_packet_core::{DefaultNla, Emitable as _, NetlinkSerializable};
use netlink_packet_route::{
    link::{InfoKind, LinkAttribute, LinkFlags, LinkInfo, LinkMessage},
    neighbour::NeighbourState,
    rule::{RulePortRange, RuleUidRange},
};
use proptest::prelude::*;
use tracer_core::input::{Link, Peer};

use super::*;

fn told(message: &RouteNetlinkMessage) -> Option<NetChange> {
    let mut bytes = vec![0; NetlinkSerializable::buffer_len(message)];
    message.serialize(&mut bytes);
    change(message.message_type(), &bytes)
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("address")
}

fn new_route(attributes: Vec<RouteAttribute>) -> RouteMessage {
    let mut message = RouteMessage::default();
    message.header.address_family = AddressFamily::Inet;
    message.header.destination_prefix_length = 16;
    message.header.table = 254;
    message.header.kind = RouteType::Unicast;
    message.attributes = vec![RouteAttribute::Destination(RouteAddress::Inet(
        [172, 22, 0, 0].into(),
    ))];
    message.attributes.extend(attributes);
    message
}

fn route_told(message: RouteMessage) -> Route {
    match told(&RouteNetlinkMessage::NewRoute(message)) {
        Some(NetChange::Route(route)) => route,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_link_is_told_with_kind_master_and_carrier() {
    let mut message = LinkMessage::default();
    message.header.index = 8;
    message.header.flags = LinkFlags::Up | LinkFlags::LowerUp;
    message.attributes = vec![
        LinkAttribute::IfName("veth0".into()),
        LinkAttribute::Link(9),
        LinkAttribute::LinkNetNsId(-1),
        LinkAttribute::Controller(4),
        LinkAttribute::LinkInfo(vec![LinkInfo::Kind(InfoKind::Veth)]),
    ];
    let expected = Link {
        ifindex: 8,
        name: "veth0".into(),
        kind: Some("veth".into()),
        master: Some(4),
        up: true,
        carrier: true,
        peer: Some(Peer {
            ifindex: 9,
            nsid: Some(-1),
        }),
    };
    let message = RouteNetlinkMessage::NewLink(message);
    assert_eq!(told(&message), Some(NetChange::Link(expected)));
}

#[test]
fn a_link_with_a_name_that_is_no_text_is_not_hidden() {
    let mut message = LinkMessage::default();
    message.header.index = 8;
    let mut bytes = vec![0; message.buffer_len()];
    message.emit(&mut bytes);
    bytes.extend([8, 0, 3, 0, b'b', 0xff, b'r', 0]);
    let Some(NetChange::Link(link)) = change(RTM_NEWLINK, &bytes) else {
        panic!("hidden")
    };
    assert_eq!(link.name, "b\u{fffd}r");
}

#[test]
fn a_port_that_leaves_a_bridge_is_not_gone() {
    let mut message = LinkMessage::default();
    message.header.index = 8;
    assert_eq!(
        told(&RouteNetlinkMessage::DelLink(message.clone())),
        Some(NetChange::LinkGone(8))
    );
    message.header.interface_family = AddressFamily::Bridge;
    assert_eq!(told(&RouteNetlinkMessage::DelLink(message)), None);
}

#[test]
fn the_own_address_is_told_not_the_peers() {
    let mut message = AddressMessage::default();
    message.header.family = AddressFamily::Inet;
    message.header.prefix_len = 16;
    message.header.index = 8;
    message.attributes = vec![
        AddressAttribute::Address(ip("10.0.0.2")),
        AddressAttribute::Local(ip("10.0.0.1")),
    ];
    let expected = Address {
        ifindex: 8,
        address: "10.0.0.1/16".parse().expect("net"),
    };
    let message = RouteNetlinkMessage::NewAddress(message);
    assert_eq!(told(&message), Some(NetChange::Address(expected)));
}

#[test]
fn a_route_into_a_bridge_is_told_in_full() {
    let mut message = new_route(vec![
        RouteAttribute::Table(1000),
        RouteAttribute::Oif(8),
        RouteAttribute::PrefSource(RouteAddress::Inet([172, 22, 0, 1].into())),
        RouteAttribute::Priority(5),
    ]);
    message.header.flags = RouteFlags::Linkdown;
    let route = route_told(message);
    assert_eq!((route.table, route.metric), (1000, 5));
    assert_eq!(
        route.destination,
        "172.22.0.0/16".parse::<IpNet>().expect("net")
    );
    assert_eq!(route.prefsrc, Some(ip("172.22.0.1")));
    assert_eq!(
        route.nexthops,
        [Nexthop {
            ifindex: 8,
            gateway: None,
            linkdown: true
        }]
    );
}

#[test]
fn a_multipath_route_has_its_living_nexthops() {
    let hop = |ifindex, gateway: [u8; 4], flags| {
        let mut hop = RouteNextHop::default();
        hop.interface_index = ifindex;
        hop.flags = flags;
        hop.attributes = vec![RouteAttribute::Gateway(RouteAddress::Inet(gateway.into()))];
        hop
    };
    let route = route_told(new_route(vec![RouteAttribute::MultiPath(vec![
        hop(2, [10, 0, 0, 1], RouteNextHopFlags::empty()),
        hop(3, [10, 0, 1, 1], RouteNextHopFlags::Linkdown),
        hop(4, [10, 0, 2, 1], RouteNextHopFlags::Dead),
    ])]));
    let expected = [
        Nexthop {
            ifindex: 2,
            gateway: Some(ip("10.0.0.1")),
            linkdown: false,
        },
        Nexthop {
            ifindex: 3,
            gateway: Some(ip("10.0.1.1")),
            linkdown: true,
        },
    ];
    assert_eq!(route.nexthops, expected);
}

#[test]
fn an_ipv4_route_may_have_an_ipv6_gateway() {
    let via = RouteVia::Inet6("fe80::1".parse().expect("address"));
    let route = route_told(new_route(vec![
        RouteAttribute::Oif(2),
        RouteAttribute::Via(via),
    ]));
    assert_eq!(route.nexthops[0].gateway, Some(ip("fe80::1")));
}

#[test]
fn a_route_that_drops_leads_nowhere() {
    let mut message = new_route(vec![RouteAttribute::Oif(1)]);
    message.header.kind = RouteType::Unreachable;
    let route = route_told(message);
    assert_eq!(route.kind, RouteKind::Drop);
    assert!(route.nexthops.is_empty());
}

#[test]
fn a_default_route_has_length_zero() {
    let mut message = new_route(vec![RouteAttribute::Oif(2)]);
    message.header.destination_prefix_length = 0;
    message.attributes.remove(0);
    assert_eq!(
        route_told(message).destination,
        "0.0.0.0/0".parse::<IpNet>().expect("net")
    );
}

#[test]
fn cached_routes_are_skipped() {
    let mut message = new_route(vec![RouteAttribute::Oif(2)]);
    message.header.flags = RouteFlags::Cloned;
    assert_eq!(told(&RouteNetlinkMessage::NewRoute(message)), None);
}

fn rule_told(attributes: Vec<RuleAttribute>) -> Rule {
    let mut message = RuleMessage::default();
    message.header.family = AddressFamily::Inet;
    message.header.action = Action::ToTable;
    message.header.table = 254;
    message.header.src_len = 24;
    message.attributes = attributes;
    match told(&RouteNetlinkMessage::NewRule(message)) {
        Some(NetChange::Rule(rule)) => rule,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_rule_is_told_with_its_selectors() {
    let rule = rule_told(vec![
        RuleAttribute::Priority(100),
        RuleAttribute::Source(ip("10.1.2.0")),
        RuleAttribute::Iifname("eth0".into()),
        RuleAttribute::FwMark(0x10),
        RuleAttribute::FwMask(0xff),
        RuleAttribute::Table(1000),
        RuleAttribute::SuppressPrefixLen(0),
        RuleAttribute::SuppressIfGroup(u32::MAX),
    ]);
    assert_eq!((rule.priority, rule.action), (100, RuleAction::Table(1000)));
    assert_eq!(rule.from, Some("10.1.2.0/24".parse().expect("net")));
    assert_eq!(rule.iif.as_deref(), Some("eth0"));
    assert_eq!(rule.fwmark, Some((0x10, 0xff)));
    assert_eq!(rule.suppress_prefixlen, Some(0));
    assert!(!rule.other_selectors);
}

#[test]
fn all_ones_suppress_nothing() {
    let rule = rule_told(vec![RuleAttribute::SuppressPrefixLen(u32::MAX)]);
    assert_eq!(
        (rule.suppress_prefixlen, rule.other_selectors),
        (None, false)
    );
}

#[test]
fn selectors_that_are_not_understood_are_admitted() {
    for selector in [
        RuleAttribute::L3MDev(true),
        RuleAttribute::UidRange(RuleUidRange { start: 0, end: 0 }),
        RuleAttribute::DestinationPortRange(RulePortRange { start: 22, end: 22 }),
        RuleAttribute::Other(DefaultNla::new(99, vec![1])),
    ] {
        assert!(
            rule_told(vec![selector.clone()]).other_selectors,
            "{selector:?}"
        );
    }
    assert!(!rule_told(vec![RuleAttribute::L3MDev(false)]).other_selectors);
}

#[test]
fn a_neighbour_is_told_with_its_state() {
    let mut message = NeighbourMessage::default();
    message.header.family = AddressFamily::Inet;
    message.header.ifindex = 8;
    message.header.state = NeighbourState::Failed;
    message.attributes = vec![
        NeighbourAttribute::Destination(NeighbourAddress::Inet([172, 22, 10, 119].into())),
        NeighbourAttribute::LinkLayerAddress(vec![2, 0x42, 0, 0, 0, 0x1f]),
    ];
    let expected = Neighbour {
        ifindex: 8,
        address: ip("172.22.10.119"),
        lladdr: Some("02:42:00:00:00:1f".into()),
        state: 0x20,
    };
    let message = RouteNetlinkMessage::DelNeighbour(message);
    assert_eq!(told(&message), Some(NetChange::NeighbourGone(expected)));
}

/// A sequence of well-formed attributes of any kind with any content.
fn attributes() -> impl Strategy<Value = Vec<u8>> {
    let attribute = (0..32u16, proptest::collection::vec(any::<u8>(), 0..24));
    proptest::collection::vec(attribute, 0..8).prop_map(|all| {
        let mut bytes = Vec::new();
        for (kind, value) in all {
            let length = u16::try_from(value.len() + 4).expect("short");
            bytes.extend(length.to_ne_bytes());
            bytes.extend(kind.to_ne_bytes());
            bytes.extend(&value);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
        }
        bytes
    })
}

proptest! {
    #[test]
    fn attributes_of_any_content_never_panic(
        kind in 16..=36u16,
        family in prop_oneof![Just(0u8), Just(2), Just(10), any::<u8>()],
        header in proptest::collection::vec(any::<u8>(), 7..16),
        attributes in attributes(),
    ) {
        let mut payload = vec![family];
        payload.extend(header);
        payload.extend(attributes);
        let _ = change(kind, &payload);
    }

    #[test]
    fn bytes_of_any_kind_never_panic(kind in any::<u16>(), payload in any::<Vec<u8>>()) {
        let _ = change(kind, &payload);
    }
}

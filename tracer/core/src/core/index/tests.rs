//! Whatever comes, the index says what a look at every incident says.

use proptest::prelude::*;
use tracer_common::{Event, Flow, Hook, event_flags, v4_mapped};
use zerocopy::IntoBytes as _;

use super::*;
use crate::{
    core::{Core, ending},
    input::{Address, Body, Counter, Input, Link, Neighbour, NetChange, Nexthop, Route, Session},
    time::SECOND,
};

const OWN: [u8; 4] = [172, 42, 10, 112];
const BRIDGES: std::ops::Range<u32> = 3..6;

fn remote(number: u8) -> [u8; 4] {
    [172, 22, 10, number]
}

fn route(bridge: u32, number: u8) -> Route {
    Route {
        table: 254,
        destination: IpAddr::from(remote(number)).into(),
        nexthops: vec![Nexthop {
            ifindex: bridge,
            gateway: None,
            linkdown: false,
        }],
        ..Route::default()
    }
}

fn net(netns: u32, change: NetChange) -> Body {
    Body::Net { netns, change }
}

/// A namespace with an uplink and bridges.
fn namespace(netns: u32) -> Vec<Body> {
    let link = |ifindex: u32| {
        NetChange::Link(Link {
            ifindex,
            name: format!("device{ifindex}"),
            kind: BRIDGES.contains(&ifindex).then(|| "bridge".to_owned()),
            up: true,
            carrier: true,
            ..Link::default()
        })
    };
    let own = NetChange::Address(Address {
        ifindex: 2,
        address: IpAddr::from(OWN).into(),
    });
    let mut changes = vec![NetChange::Resync, own];
    changes.extend((2..6).map(link));
    changes.push(NetChange::Synced);
    changes
        .into_iter()
        .map(|change| net(netns, change))
        .collect()
}

fn event(hook: Hook, netns: u32, ifindex: u32, number: u8) -> Body {
    let flow = Flow {
        saddr: v4_mapped(OWN),
        daddr: v4_mapped(remote(number)),
        sport: 22,
        dport: 43_848,
        proto: 6,
        tcp_flags: 0x10,
        ..Flow::default()
    };
    let event = Event {
        hook: hook as u8,
        netns,
        ifindex,
        remote: v4_mapped(remote(number)),
        flags: event_flags::FLOW,
        flow,
        ..Event::default()
    };
    Body::Kernel(event.as_bytes().to_vec())
}

fn body() -> impl Strategy<Value = Body> {
    let hooks = [
        Hook::NeighSend,
        Hook::NeighSend,
        Hook::FibLookup,
        Hook::NeighTimer,
        Hook::DevQueue,
        Hook::DevReceive,
        Hook::TcpReset,
    ];
    let hook = proptest::sample::select(hooks.to_vec());
    let place = || (1_u32..3, BRIDGES, 0_u8..3);
    let counted = |((netns, bridge, number), unresolved)| Counter {
        unresolved,
        ..Counter::zero(netns, bridge, remote(number).into())
    };
    let answers = |(netns, ifindex, number)| {
        let neighbour = Neighbour {
            ifindex,
            address: remote(number).into(),
            lladdr: Some("02:42:ac:16:00:02".to_owned()),
            state: 2,
        };
        net(netns, NetChange::Neighbour(neighbour))
    };
    let leads = |(netns, bridge, number)| net(netns, NetChange::Route(route(bridge, number)));
    let led = |(netns, bridge, number)| net(netns, NetChange::RouteGone(route(bridge, number)));
    prop_oneof![
        6 => (hook, place()).prop_map(|(hook, (netns, bridge, number))| {
            event(hook, netns, bridge, number)
        }),
        2 => (place(), 0_u64..9).prop_map(move |it| Body::Counters(vec![counted(it)])),
        1 => place().prop_map(answers),
        2 => place().prop_map(leads),
        2 => place().prop_map(led),
        1 => (1_u32..3).prop_map(Body::NetnsGone),
        2 => Just(Body::Tick),
    ]
}

fn check(core: &Core) {
    let due = core.incidents.values().filter_map(|it| {
        let proof = it.rerouted.map(|since| since.plus(ending::PROOF));
        it.due().into_iter().chain(proof).min()
    });
    assert_eq!(core.index.deadline(), due.min());
    for netns in 1..3 {
        for address in (0..3).map(|number| IpAddr::from(remote(number))) {
            let has = |(key, it): (&Key, &crate::incident::Incident)| {
                (key.0.netns == netns && it.remotes.contains_key(&address)).then_some(*key)
            };
            let keys = core.incidents.iter().filter_map(has);
            assert!(core.index.of_remote(netns, address).eq(keys));
        }
    }
}

proptest! {
    #[test]
    fn the_index_says_what_a_look_at_everything_says(
        inputs in proptest::collection::vec((0_u64..4, body()), 0..80),
    ) {
        let mut core = Core::default();
        let mut at = Timestamp(1_700_000_000 * SECOND);
        let session = Session { netns: 1, ..Session::default() };
        let start = [Body::Session(session)].into_iter();
        let start = start.chain((1..3).flat_map(namespace)).map(|body| (0, body));
        for (pause, body) in start.chain(inputs) {
            at = at.plus(pause * pause * SECOND / 2 + 1);
            core.observe(&Input { at, body });
            check(&core);
        }
    }
}

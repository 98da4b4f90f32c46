//! Whatever comes in, in whatever order: no panic, and the life of a finding makes sense.

use std::{collections::BTreeMap, net::IpAddr};

use proptest::prelude::*;
use tracer_common::{Event, Exec, Flow, Hook, Lookup, Signal, Task, v4_mapped};
use tracer_core::{
    finding::{Finding, Phase},
    input::{
        Address, Body, Counter, Daemon, DaemonStatus, DockerContainer, HookLoss, Input, Landmark,
        LandmarkRole, Neighbour, NetChange, Netns, NetnsOwner, Process, ProcessInfo, Rule, Session,
        Sysctls, Unreachable,
    },
    time::Timestamp,
    world::World,
};
use zerocopy::IntoBytes as _;

use crate::common::{ENDPOINT, HOST, ID, healthy, link, network, route, run};

fn remote() -> impl Strategy<Value = [u8; 4]> {
    prop_oneof![
        Just([172, 22, 10, 119]),
        Just([172, 22, 0, 2]),
        Just([9, 9, 9, 9])
    ]
}

fn ifindex() -> impl Strategy<Value = u32> {
    1_u32..5
}

fn netns() -> impl Strategy<Value = u32> {
    prop_oneof![4 => Just(HOST), 1 => Just(HOST + 1)]
}

prop_compose! {
    fn event()(
        hook in 0_u8..7, netns in netns(), ifindex in ifindex(), remote in remote(),
        flags in 0_u32..8, proto in prop_oneof![Just(1_u8), Just(6), Just(17)],
        sport in prop_oneof![Just(22_u16), Just(40_000)], tcp_flags in 0_u8..32,
        reason in 0_u8..7, oif in ifindex(), ingress in ifindex(),
    ) -> Vec<u8> {
        let flow = Flow {
            saddr: v4_mapped([172, 42, 10, 112]), daddr: v4_mapped(remote), sport, dport: 50_000,
            proto, tcp_flags, ..Flow::default()
        };
        let lookup = Lookup { oif, ..Lookup::default() };
        let event = Event {
            hook, netns, ifindex, remote: v4_mapped(remote), flags, flow, lookup, reason,
            ingress_ifindex: ingress, socket_inode: 7, ..Event::default()
        };
        event.as_bytes().to_vec()
    }
}

/// Four processes that meet, of which three matter.
fn task() -> impl Strategy<Value = Task> {
    prop_oneof![
        Just((0, "")),
        Just((1, "systemd")),
        Just((2, "gitlab-runner")),
        Just((3, "docker-compose")),
        Just((4, "dockerd")),
    ]
    .prop_map(|(tgid, name)| {
        let mut comm = [0; 16];
        comm[..name.len()].copy_from_slice(name.as_bytes());
        Task { tgid, comm }
    })
}

prop_compose! {
    fn signal()(
        sender in proptest::array::uniform8(task()), target in proptest::array::uniform8(task()),
        number in prop_oneof![Just(2_u32), Just(9), Just(15)], flags in 0_u8..2,
        code in prop_oneof![Just(0_i32), Just(0x80)], netns in netns(),
    ) -> Vec<u8> {
        let hook = Hook::Signal as u8;
        let signal = Signal { hook, number, code, netns, flags, sender, target, ..Signal::default() };
        signal.as_bytes().to_vec()
    }
}

prop_compose! {
    fn exec()(task in task(), parent in 0_u32..5, length in 0_u32..300) -> Vec<u8> {
        let mut arguments = [0; tracer_common::ARGUMENTS];
        arguments[..27].copy_from_slice(b"docker-compose\0-p\0storm\0up\0");
        let hook = Hook::Exec as u8;
        let reserved = [0; 3];
        Exec { ktime_ns: 0, task, parent, length, hook, reserved, arguments }.as_bytes().to_vec()
    }
}

fn process() -> impl Strategy<Value = Body> {
    let info = |pid| {
        Body::Process(ProcessInfo {
            pid,
            name: "docker-compose".to_owned(),
            arguments: vec!["docker-compose".to_owned(), "up".to_owned()],
            directory: Some("/srv/storm".to_owned()),
            ..ProcessInfo::default()
        })
    };
    prop_oneof![
        (1_u32..5).prop_map(info),
        (1_u32..5).prop_map(Body::ProcessGone),
    ]
}

fn change() -> impl Strategy<Value = NetChange> {
    let gateway = Some(IpAddr::from([172, 42, 10, 1]));
    let address = Address {
        ifindex: 2,
        address: "172.42.10.112/24".parse().expect("valid"),
    };
    let bridge = || route("172.22.0.0/16", 3, None);
    let host = || route("172.22.10.119/32", 2, Some(IpAddr::from([172, 42, 10, 1])));
    let neighbour = |state| Neighbour {
        ifindex: 3,
        address: IpAddr::from([172, 22, 0, 2]),
        lladdr: Some("02:42:ac:16:00:02".to_owned()),
        state,
    };
    prop_oneof![
        Just(NetChange::Resync),
        Just(NetChange::Synced),
        ifindex().prop_map(|i| NetChange::Link(link(i))),
        ifindex().prop_map(NetChange::LinkGone),
        Just(NetChange::Address(address.clone())),
        Just(NetChange::AddressGone(address)),
        Just(NetChange::Route(bridge())),
        Just(NetChange::RouteGone(bridge())),
        Just(NetChange::Route(host())),
        Just(NetChange::RouteGone(host())),
        Just(NetChange::Route(route("0.0.0.0/0", 2, gateway))),
        any::<u16>().prop_map(move |state| NetChange::Neighbour(neighbour(state))),
        Just(NetChange::NeighbourGone(neighbour(0))),
        Just(NetChange::Rule(Rule::default())),
        (1_u32..20).prop_map(|tcp_retries2| NetChange::Sysctls(Sysctls { tcp_retries2 })),
    ]
}

fn docker() -> impl Strategy<Value = Body> {
    let daemon = |status| {
        Body::Daemon(Daemon {
            endpoint: ENDPOINT.to_owned(),
            status,
        })
    };
    let gone = Body::DockerNetworkGone {
        daemon: ENDPOINT.to_owned(),
        id: ID.to_owned(),
    };
    prop_oneof![
        Just(daemon(DaemonStatus::Reachable(Box::default()))),
        Just(daemon(DaemonStatus::Unreachable(Unreachable::not_yet()))),
        Just(gone),
        any::<bool>().prop_map(|endpoint| Body::DockerNetwork {
            daemon: ENDPOINT.to_owned(),
            network: network(endpoint),
        }),
        Just(Body::DaemonFound {
            daemon: ENDPOINT.to_owned(),
            netns: HOST + 1,
        }),
        (0_u8..3).prop_map(|number| Body::DockerContainer {
            daemon: ENDPOINT.to_owned(),
            container: DockerContainer {
                id: format!("c{number}"),
                ..DockerContainer::default()
            },
        }),
        (0_u8..3).prop_map(|number| Body::DockerContainerGone {
            daemon: ENDPOINT.to_owned(),
            id: format!("c{number}"),
        }),
        Just(Body::DockerListing {
            daemon: ENDPOINT.to_owned(),
            networks: Vec::new(),
            containers: Vec::new(),
        }),
    ]
}

prop_compose! {
    fn counter()(
        netns in netns(), ifindex in ifindex(), remote in remote(), unresolved in 0_u64..50,
        dropped in proptest::collection::btree_map(0_u8..8, 0_u64..50, 0..3),
    ) -> Body {
        Body::Counters(vec![Counter {
            unresolved, dropped, ..Counter::zero(netns, ifindex, IpAddr::from(remote))
        }])
    }
}

prop_compose! {
    fn landmarks()(last in 0_u8..4, count in 0_usize..3) -> Vec<Landmark> {
        let landmark = Landmark {
            address: IpAddr::from([172, 22, 10, last]),
            role: LandmarkRole::Nameserver,
            source: "/etc/resolv.conf".to_owned(),
        };
        vec![landmark; count]
    }
}

fn body() -> impl Strategy<Value = Body> {
    let owner = (7_u64..9, landmarks()).prop_map(|(inode, landmarks)| Body::SocketOwner {
        inode,
        process: Process {
            pid: 812,
            name: "sshd".to_owned(),
        },
        landmarks,
    });
    let loss = HookLoss {
        hook: "kfree_skb".to_owned(),
        rejected: 1,
        ..HookLoss::default()
    };
    let known = Netns {
        inum: HOST,
        owner: NetnsOwner::Host,
        unreadable: None,
        variables: std::collections::BTreeMap::new(),
    };
    prop_oneof![
        8 => event().prop_map(Body::Kernel),
        1 => proptest::collection::vec(any::<u8>(), 0..400).prop_map(Body::Kernel),
        2 => signal().prop_map(Body::Kernel),
        1 => exec().prop_map(Body::Kernel),
        2 => process(),
        6 => (netns(), change()).prop_map(|(netns, change)| Body::Net { netns, change }),
        3 => docker(),
        2 => counter(),
        2 => Just(Body::Tick),
        1 => owner,
        1 => Just(Body::Loss(loss)),
        1 => Just(Body::Netns(known)),
        1 => landmarks().prop_map(Body::Landmarks),
        1 => netns().prop_map(Body::NetnsGone),
    ]
}

fn inputs() -> impl Strategy<Value = Vec<Input>> {
    // Steps back in time included: sources differ.
    let step = prop_oneof![0_u64..100_000_000, Just(1_500_000_000), Just(4_000_000_000)];
    let one = (step, any::<bool>(), body());
    proptest::collection::vec(one, 0..120).prop_map(|steps| {
        let mut now = 1_700_000_000_000_000_000_u64;
        let session = Session {
            netns: HOST,
            ..Session::default()
        };
        let mut inputs = vec![Input {
            at: Timestamp(now),
            body: Body::Session(session),
        }];
        inputs.extend(healthy(now));
        for (step, back, body) in steps {
            now = if back { now - step / 4 } else { now + step };
            inputs.push(Input {
                at: Timestamp(now),
                body,
            });
        }
        inputs.push(Input {
            at: Timestamp(now + 1),
            body: Body::Stop,
        });
        inputs
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_findings_life_makes_sense(inputs in inputs()) {
        let mut last: BTreeMap<String, Finding> = BTreeMap::new();
        let mut sequence = 0;
        for finding in run(&inputs) {
            prop_assert_eq!(finding.sequence, sequence + 1, "steps are numbered without gaps");
            sequence = finding.sequence;
            match last.get(&finding.id) {
                None => prop_assert_eq!(finding.phase, Phase::Opened, "the first step opens"),
                Some(before) => {
                    prop_assert_ne!(finding.phase, Phase::Opened, "opened twice");
                    prop_assert_ne!(before.phase, Phase::Resolved, "nothing follows the end");
                    prop_assert!(finding.counts.packets >= before.counts.packets);
                    prop_assert!(finding.counts.remotes >= before.counts.remotes);
                    prop_assert!(finding.evidence.len() >= before.evidence.len());
                    prop_assert_eq!(finding.start, before.start);
                }
            }
            prop_assert_eq!(finding.end.is_some(), finding.phase == Phase::Resolved);
            last.insert(finding.id.clone(), finding);
        }
    }

    #[test]
    fn the_same_inputs_give_the_same_findings(inputs in inputs()) {
        prop_assert_eq!(run(&inputs), run(&inputs));
    }

    #[test]
    fn a_snapshot_tells_an_empty_world_everything(inputs in inputs()) {
        let mut world = World::default();
        let mut now = Timestamp(0);
        for input in &inputs {
            world.apply(input.at, &input.body);
            now = input.at;
        }
        // Whose a namespace is is always told before anything else of it.
        for inum in [HOST, HOST + 1] {
            if world.namespace(inum).is_some_and(|namespace| namespace.owner.is_none()) {
                let owner = NetnsOwner::Unknown;
                let variables = std::collections::BTreeMap::new();
                let netns = Netns { inum, owner, unreadable: None, variables };
                world.apply(now, &Body::Netns(netns));
                let change = NetChange::LinkGone(9);
                world.apply(now, &Body::Net { netns: inum, change });
            }
        }
        let mut other = World::default();
        for input in world.snapshot(now) {
            other.apply(input.at, &input.body);
        }
        prop_assert_eq!(other, world);
    }

    #[test]
    fn inputs_survive_being_written_down(inputs in inputs()) {
        let text = serde_json::to_string(&inputs).unwrap();
        prop_assert_eq!(serde_json::from_str::<Vec<Input>>(&text).unwrap(), inputs);
    }
}

#[test]
fn the_generator_reaches_every_phase() {
    // A property over inputs that open nothing would prove nothing.
    use proptest::{strategy::ValueTree as _, test_runner::TestRunner};
    let mut runner = TestRunner::deterministic();
    let mut phases = BTreeMap::new();
    for _ in 0..300 {
        let tree = inputs().new_tree(&mut runner).unwrap();
        for finding in run(&tree.current()) {
            if finding.kind == tracer_core::finding::Kind::ReplyBlackhole {
                *phases.entry(finding.phase.name()).or_insert(0) += 1;
            }
        }
    }
    assert_eq!(phases.len(), 3, "{phases:?}");
}

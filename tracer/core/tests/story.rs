//! A story: a host that is told of one thing after the other.

use std::net::IpAddr;

use tracer_common::{Event, Flow, Hook, event_flags, v4_mapped};
use tracer_core::{
    Core,
    finding::{EvidenceKind, Finding},
    input::{Body, Counter, Daemon, DaemonStatus, Input, Neighbour, NetChange, Session},
    time::{SECOND, Timestamp},
};
use zerocopy::IntoBytes as _;

use crate::common::{ENDPOINT, HOST, healthy, network};

pub(crate) const START: u64 = 1_700_000_000 * SECOND;
pub(crate) const PC: [u8; 4] = [172, 22, 10, 119];
pub(crate) const CONTAINER: [u8; 4] = [172, 22, 0, 2];
pub(crate) const SYN: u8 = 0x02;
pub(crate) const ACK: u8 = 0x10;

/// A core on the host of I-1, docker answering, at a time that only moves forward.
pub(crate) struct Story {
    pub(crate) core: Core,
    pub(crate) now: u64,
}

impl Story {
    pub(crate) fn begin() -> Self {
        let mut story = Self {
            core: Core::default(),
            now: START,
        };
        story.tell(Body::Session(Session {
            netns: HOST,
            ..Session::default()
        }));
        for input in healthy(START) {
            assert_eq!(story.core.observe(&input), Vec::new());
        }
        let status = DaemonStatus::Reachable(Box::default());
        story.tell(Body::Daemon(Daemon {
            endpoint: ENDPOINT.to_owned(),
            status,
        }));
        story.docker(false);
        story
    }

    pub(crate) fn tell(&mut self, body: Body) -> Vec<Finding> {
        self.core.observe(&Input {
            at: Timestamp(self.now),
            body,
        })
    }

    pub(crate) fn net(&mut self, change: NetChange) -> Vec<Finding> {
        self.tell(Body::Net {
            netns: HOST,
            change,
        })
    }

    pub(crate) fn docker(&mut self, endpoint: bool) -> Vec<Finding> {
        self.tell(Body::DockerNetwork {
            daemon: ENDPOINT.to_owned(),
            network: network(endpoint),
        })
    }

    /// Time passes.
    pub(crate) fn after(&mut self, nanos: u64) -> Vec<Finding> {
        self.now += nanos;
        self.tell(Body::Tick)
    }

    /// A segment of sshd to `remote` meets an unresolved neighbour on the bridge.
    pub(crate) fn lose_segment(&mut self, remote: [u8; 4]) -> Vec<Finding> {
        self.lose_segment_after(remote, 0)
    }

    /// The same, after so many others were lost.
    pub(crate) fn lose_segment_after(&mut self, remote: [u8; 4], before: u64) -> Vec<Finding> {
        let event = Event {
            before,
            ..segment(Hook::NeighSend, 3, remote, 22)
        };
        self.event(&event)
    }

    pub(crate) fn event(&mut self, event: &Event) -> Vec<Finding> {
        self.tell(Body::Kernel(event.as_bytes().to_vec()))
    }

    /// `remote` answers ARP on the bridge.
    pub(crate) fn answer(&mut self, remote: [u8; 4]) -> Vec<Finding> {
        let address = IpAddr::from(remote);
        let lladdr = Some("02:42:ac:16:00:02".to_owned());
        self.net(NetChange::Neighbour(Neighbour {
            ifindex: 3,
            address,
            lladdr,
            state: 2,
        }))
    }

    /// By the neighbour table the kernel gave `remote` up on the bridge, or nothing is known of it any more.
    pub(crate) fn neighbour_table(&mut self, remote: [u8; 4], gone: bool) -> Vec<Finding> {
        let neighbour = Neighbour {
            ifindex: 3,
            address: IpAddr::from(remote),
            lladdr: None,
            state: 0x20,
        };
        self.net(if gone {
            NetChange::NeighbourGone(neighbour)
        } else {
            NetChange::Neighbour(neighbour)
        })
    }

    pub(crate) fn kernel(
        &mut self,
        hook: Hook,
        ifindex: u32,
        remote: [u8; 4],
        sport: u16,
    ) -> Vec<Finding> {
        let event = segment(hook, ifindex, remote, sport);
        self.tell(Body::Kernel(event.as_bytes().to_vec()))
    }

    pub(crate) fn count(&mut self, unresolved: u64) -> Vec<Finding> {
        let remote = IpAddr::from(PC);
        let counter = Counter {
            unresolved,
            ..Counter::zero(HOST, 3, remote)
        };
        self.tell(Body::Counters(vec![counter]))
    }
}

/// A record about a segment of this host's `sport` to `remote`.
pub(crate) fn segment(hook: Hook, ifindex: u32, remote: [u8; 4], sport: u16) -> Event {
    let flow = Flow {
        saddr: v4_mapped([172, 42, 10, 112]),
        daddr: v4_mapped(remote),
        sport,
        dport: 43_848,
        proto: 6,
        tcp_flags: ACK,
        ..Flow::default()
    };
    Event {
        hook: hook as u8,
        netns: HOST,
        ifindex,
        remote: v4_mapped(remote),
        reason: 1,
        flags: event_flags::FLOW,
        flow,
        ..Event::default()
    }
}

pub(crate) fn only(findings: Vec<Finding>) -> Finding {
    let [finding] = <[Finding; 1]>::try_from(findings).expect("one finding");
    finding
}

pub(crate) fn has(finding: &Finding, kind: EvidenceKind) -> bool {
    finding
        .evidence
        .iter()
        .any(|evidence| evidence.kind == kind)
}

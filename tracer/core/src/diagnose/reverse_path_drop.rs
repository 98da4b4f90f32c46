//! `reverse-path-drop`: strict `rp_filter` kills a request on arrival, because the way back to its
//! sender leads into a bridge.
//!
//! Packets with a made-up source die by it too, and rightly: it is told if they go on.

use crate::{
    finding::Kind,
    world::{
        bridge,
        fib::{self, FlowKey},
    },
};

use super::{Judgement, Subject};

pub(super) fn judge(subject: &Subject<'_>) -> Judgement {
    let Some(ingress) = subject.event.ingress else {
        return Judgement::Silent("where it came in is not known");
    };
    if subject.leads_to_containers(ingress) {
        return Judgement::Silent("a container uses an address of another network");
    }
    if !is_accepted_without_bridges(subject, ingress) {
        return Judgement::Silent("rp_filter would drop it without the bridge, too");
    }
    if subject.was_a_container() {
        // Of another host, perhaps, whose containers have the same addresses: its packets leak.
        return Judgement::Excused("a container here has the sender's address");
    }
    Judgement::Doubtful {
        kind: Kind::ReversePathDrop,
        sure: true,
    }
}

/// Whether the way back would lead where the packet came in, were no bridge there.
fn is_accepted_without_bridges(subject: &Subject<'_>, ingress: u32) -> bool {
    let swallows = |ifindex| bridge::swallows(subject.namespace, ifindex);
    let back = FlowKey {
        source: Some(subject.packet.destination),
        ..FlowKey::to(subject.event.remote)
    };
    let is_ingress = |way: fib::Found<'_>| {
        let link = subject.namespace.link(way.hop.ifindex);
        // Of a device in a VRF the lookup knows the VRF only.
        way.hop.ifindex == ingress || link.is_some_and(|link| link.master == Some(ingress))
    };
    fib::find(subject.namespace, back, swallows).is_some_and(is_ingress)
}

//! `ghost-network`: what was left behind. A classifier a file.
//!
//! A network that nobody uses is no ghost: it may be wanted again. A ghost needs something that says
//! that nobody will come for it. The rules are pure, so what is only passing (a container between its
//! creation and its start, a daemon that is reading its state) is told from what stays by how long
//! ago the last thing happened.

mod bridge;
mod creator;
mod duplicate;
mod group;
mod leftover;
mod log;
mod phantom;
mod sandbox;
mod unused;
mod veth;

use std::net::{IpAddr, Ipv4Addr};

use crate::{
    describe::network_ref,
    finding::{
        Bridge, Counts, Evidence, EvidenceKind, Finding, Ghost, GhostClass, Kind, Particulars,
    },
    incident::Place,
    input::{DaemonStatus, DockerNetwork, Link},
    remote,
    time::{SECOND, Timestamp},
    world::World,
};

use super::{Purpose, Situation};

pub(crate) use self::unused::unused;

/// What one cause changes in the kernel and in docker comes within this time, on a busy host too.
const SETTLED: u64 = 3 * SECOND;

pub(super) fn find(situation: Situation<'_>) -> Vec<Finding> {
    let mut found = leftover::find(situation);
    found.extend(bridge::find(situation));
    found.extend(duplicate::find(situation));
    found.extend(phantom::find(situation));
    found.extend(veth::find(situation));
    found.extend(sandbox::find(situation));
    found
}

pub(super) fn over(told: &Finding) -> String {
    let Some(Particulars::Ghost(ghost)) = &told.particulars else {
        return "What was left behind is gone.".to_owned();
    };
    let what = told.docker_network.as_ref().map_or_else(
        || told.bridge.as_ref().map(|bridge| bridge.name.clone()),
        |network| Some(network.name.clone()),
    );
    let what = what.unwrap_or_else(|| "What was left behind".to_owned());
    match ghost.class {
        GhostClass::UnknownBridge => {
            format!("Bridge {what} is gone, or somebody uses or knows it again.")
        }
        GhostClass::DuplicateSubnet => format!("{what} has its subnet for itself again."),
        _ => format!("{what} is gone, or in use again."),
    }
}

/// Whether it would be seen that a ghost is gone, or none: most are ghosts by the word of the daemons
/// that live there.
pub(super) fn is_knowable(world: &World, told: &Finding) -> bool {
    told.bridge.is_some() && gone(world, told) || all_answer(world, told.netns.inum)
}

/// Whether the bridge itself is gone.
fn gone(world: &World, told: &Finding) -> bool {
    let namespace = world.namespace(told.netns.inum);
    let bridge = told.bridge.as_ref();
    bridge.is_none_or(|bridge| namespace.is_none_or(|it| it.link_named(&bridge.name).is_none()))
}

/// Whether every daemon of the namespace answers and has said what it has.
fn all_answer(world: &World, netns: u32) -> bool {
    world.docker.daemons_in(netns).all(|(daemon, status)| {
        matches!(status, DaemonStatus::Reachable(_)) && world.docker.listed(daemon).is_some()
    })
}

/// A finding about what was left in a namespace; `key` tells it from others there.
fn finding(
    situation: Situation<'_>,
    netns: u32,
    key: &str,
    ghost: Ghost,
    reason: String,
) -> Finding {
    let kind = Kind::GhostNetwork;
    let id = format!("{}-{netns:x}-{key}", kind.name());
    let place = situation.world.netns_ref(netns);
    let start = ghost.since.unwrap_or(situation.now);
    Finding {
        start,
        particulars: Some(Particulars::Ghost(ghost)),
        ..Finding::new(kind, id, place, reason, situation.now)
    }
}

/// Adds the network, its bridge, its job, and what the bridge swallows.
fn with_network(
    situation: Situation<'_>,
    daemon: &str,
    network: &DockerNetwork,
    finding: Finding,
) -> Finding {
    let world = situation.world;
    let netns = finding.netns.inum;
    let link = world
        .namespace(netns)
        .and_then(|namespace| namespace.link_named(&network.bridge_name()));
    let finding = Finding {
        docker_network: Some(network_ref(daemon, network)),
        ci: world.job_there(netns, Some((daemon, network))),
        ..finding
    };
    match link {
        Some(link) => with_bridge(situation, link, "docker", finding),
        None => finding,
    }
}

/// Adds the bridge, and what it swallows.
fn with_bridge(
    situation: Situation<'_>,
    link: &Link,
    owner: &str,
    mut finding: Finding,
) -> Finding {
    let place = Place {
        netns: finding.netns.inum,
        ifindex: link.ifindex,
    };
    if !link.carrier {
        let text = [("bridge", link.name.clone().into())];
        finding.evidence.push(Evidence {
            kind: EvidenceKind::GhostBridge,
            at: finding.start,
            detail: text.into(),
        });
    }
    finding.evidence.sort_by_key(|piece| (piece.at, piece.kind));
    Finding {
        bridge: Some(Bridge {
            name: link.name.clone(),
            ifindex: link.ifindex,
            carrier: link.carrier,
            owner: owner.to_owned(),
        }),
        counts: swallowed(situation, place),
        ..finding
    }
}

/// What the kernel saw vanish in the bridge since it is watched.
fn swallowed(situation: Situation<'_>, place: Place) -> Counts {
    let first = (place, 0, IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    let here = situation.counters.range(first..);
    let here = here.take_while(|((of, ..), _)| *of == place);
    let mut counts = Counts::default();
    for ((_, _, _), counter) in here {
        let packets = remote::lost(counter);
        counts.packets += packets;
        counts.remotes += u64::from(packets > 0);
    }
    counts
}

/// A piece of evidence in words.
fn said(kind: EvidenceKind, at: Timestamp, text: String) -> Evidence {
    Evidence {
        kind,
        at,
        detail: [("text", text.into())].into(),
    }
}

/// The first digits of an id, as docker shows and takes it.
fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}

/// Prefixes in words.
fn prefixes<T: ToString>(prefixes: &[T]) -> String {
    let all: Vec<String> = prefixes.iter().map(ToString::to_string).collect();
    all.join(", ")
}

#[cfg(test)]
mod tests;

//! When an outage is over, and how it ended.

use std::net::IpAddr;

use crate::{
    finding::{EvidenceKind, Kind},
    incident::{Incident, Trapped},
    remote::Remote,
    time::{SECOND, Timestamp},
    world::{
        World,
        fib::{self, FlowKey},
        namespace::Namespace,
    },
};

/// How long after the route is right again we wait for a packet that proves it.
pub(crate) const PROOF: u64 = 3 * SECOND;

/// How long after the last question to an unknown machine it is no news any more.
const QUIET: u64 = 60 * SECOND;

/// How an outage ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// A packet to a victim left by another device.
    Healed,
    /// No victim's route leads to the bridge any more; nothing was sent since.
    Rerouted,
    /// Every victim answered on the bridge: it lives there, its answer was only late.
    Answered,
    /// Packets of every victim reach somebody else now, or nobody: another incident tells.
    Superseded,
    /// Nobody asks any more for whom nobody may ever have been.
    Quiet,
    /// Its network namespace is gone.
    Gone,
}

/// Whether the outage is over. Notes in the incident since when no route leads to the bridge.
/// An outage nobody was told of is told first.
pub(crate) fn end_of(world: &World, incident: &mut Incident, now: Timestamp) -> Option<End> {
    incident.told.as_ref()?;
    let Some(namespace) = world.namespace(incident.place.netns) else {
        return Some(End::Gone);
    };
    let all = |is: fn(&Remote) -> bool| incident.remotes.values().all(is);
    if all(|remote| remote.superseded) {
        return Some(End::Superseded);
    }
    if !incident.has(EvidenceKind::IngressAsymmetry)
        && incident.kind != Kind::Misdelivery
        && all(|remote| remote.answered)
    {
        return Some(End::Answered);
    }
    if may_be_trapped(world.ways, namespace, incident) {
        incident.rerouted = None;
        let quiet = !incident.sure && now.since(incident.last) >= QUIET;
        return quiet.then_some(End::Quiet);
    }
    let since = *incident.rerouted.get_or_insert(now);
    if incident.healed().next().is_some() {
        return Some(End::Healed);
    }
    (now.since(since) >= PROOF).then_some(End::Rerouted)
}

/// Whether a packet to any victim may still be routed into the bridge. Where the mirror cannot
/// evaluate the kernel's policy, only packets that leave elsewhere say that it is not.
fn may_be_trapped(ways: u64, namespace: &Namespace, incident: &mut Incident) -> bool {
    let bridge = incident.place.ifindex;
    let Some(link) = namespace.link(bridge) else {
        return false;
    };
    if !incident.mirrored {
        return incident
            .remotes
            .values()
            .any(|remote| remote.healed.is_none());
    }
    // Nearly always nothing changed since the last packet.
    if incident.is_still_trapped(ways) {
        return true;
    }
    let key = incident.key;
    // The kernel ignores routes of devices without carrier if `ignore_routes_with_linkdown` says so,
    // of which the mirror knows nothing: then the packet that left elsewhere is to be believed.
    let believed = |remote: &Remote| !link.carrier && remote.healed.is_some();
    let trapped = |(address, remote): (&IpAddr, &Remote)| {
        let key = FlowKey {
            destination: *address,
            ..key
        };
        let mirrored = fib::find(namespace, key, |_| false);
        mirrored.is_some_and(|found| found.hop.ifindex == bridge) && !believed(remote)
    };
    let found = incident.remotes.iter().find(|it| trapped(*it));
    incident.trapped = found.map(|(remote, _)| Trapped {
        remote: *remote,
        ways,
        key,
    });
    incident.trapped.is_some()
}

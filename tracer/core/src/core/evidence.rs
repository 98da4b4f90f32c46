//! What an event proves of an incident.

use std::net::IpAddr;

use serde_json::Value;
use tracer_common::{DropReason, Hook, Way};

use crate::{
    decode::KernelEvent,
    finding::{EvidenceKind, Kind},
    incident::Incident,
    time::Timestamp,
    world::{World, bridge},
};

/// Kinds of devices that run on top of others.
const UPPER: [&str; 6] = ["macvlan", "macvtap", "ipvlan", "vlan", "bond", "team"];

/// Notes what `event` says of `incident`, which has its remote. Whether it said anything.
pub(super) fn take(
    world: &World,
    incident: &mut Incident,
    at: Timestamp,
    event: &KernelEvent,
) -> bool {
    let here = incident.place.ifindex == event.ifindex;
    let remote = event.remote;
    match event.hook {
        Hook::NeighTimer if here => prove_failure(incident, at, remote),
        Hook::SkbDrop if here && event.arp => {
            let reason = event.reason.map_or("", DropReason::name);
            incident.detail(EvidenceKind::GhostBridge, "arp", Value::from(reason));
        }
        Hook::SkbDrop if here => {
            if let Some(reason) = event.reason {
                incident.add_drop(at, remote, reason);
            }
        }
        Hook::TcpRetransmit | Hook::TcpRetransmitSynack if here => {
            incident.prove(EvidenceKind::Retransmit, at, || []);
        }
        Hook::TcpReset if here => prove_reset(incident, at, remote),
        Hook::DevReceive if !here => {
            let ingress = ingress_of(world, event);
            prove_asymmetry(world, incident, at, ingress, remote);
        }
        Hook::DevQueue if !here => {
            if let Some(remote) = incident.remotes.get_mut(&remote) {
                remote.healed = Some(at);
            }
        }
        _ => return false,
    }
    true
}

/// What a lost packet proves by itself.
pub(super) fn of_loss(world: &World, incident: &mut Incident, at: Timestamp, event: &KernelEvent) {
    if event.way() != Way::Sent
        && let Some(reason) = event.reason
    {
        incident.add_death(at, reason);
        if reason == DropReason::NeighFailed {
            prove_failure(incident, at, event.remote);
        }
    }
    // Of a question to somebody outside it proves nothing that containers have the address elsewhere.
    let asks = matches!(
        incident.kind,
        Kind::RequestBlackhole | Kind::ForwardBlackhole
    );
    let by_containers = |ifindex: &u32| {
        let namespace = world.namespace(event.netns);
        namespace.is_none_or(|ns| bridge::leads_to_containers(ns, *ifindex))
    };
    let elsewhere = event.elsewhere().filter(|it| !(asks && by_containers(it)));
    if let Some(ingress) = elsewhere {
        prove_asymmetry(world, incident, at, ingress, event.remote);
    }
}

/// By the neighbour table `remote` was given up after a packet to it was lost, which waited for it, and so was dropped.
pub(super) fn of_table(incident: &mut Incident, at: Timestamp, remote: IpAddr) {
    prove_failure(incident, at, remote);
    // `arp_error_report()` names a reason, `ndisc_error_report()` does not.
    incident.add_death(
        at,
        if remote.is_ipv4() {
            DropReason::NeighFailed
        } else {
            DropReason::NotSpecified
        },
    );
}

fn prove_failure(incident: &mut Incident, at: Timestamp, remote: IpAddr) {
    let detail = || [("address", Value::from(remote.to_string()))];
    incident.prove(EvidenceKind::NeighbourFailed, at, detail);
}

/// The device a packet came in by. One that runs on top of another (macvlan, VLAN, bond) is seen
/// after that one, and is the one that matters.
fn ingress_of(world: &World, event: &KernelEvent) -> u32 {
    let owner = || {
        let namespace = world.namespace(event.netns)?;
        let link = namespace.link(namespace.own_address(event.packet?.destination)?)?;
        link.kind
            .as_ref()
            .filter(|kind| UPPER.contains(&kind.as_str()))
            .map(|_| link.ifindex)
    };
    owner().unwrap_or(event.ifindex)
}

/// Whoever got a reply to `remote` knew of no such connection.
pub(super) fn prove_reset(incident: &mut Incident, at: Timestamp, remote: IpAddr) {
    let detail = || [("address", Value::from(remote.to_string()))];
    incident.prove(EvidenceKind::ResetByContainer, at, detail);
}

/// The remote came in by `ingress`, which is not where packets to it go.
pub(super) fn prove_asymmetry(
    world: &World,
    incident: &mut Incident,
    at: Timestamp,
    ingress: u32,
    remote: IpAddr,
) {
    incident.ingress.get_or_insert(ingress);
    let netns = incident.place.netns;
    let detail = || {
        let link = world.namespace(netns).and_then(|ns| ns.link(ingress));
        let device = link.map_or_else(|| ingress.to_string(), |link| link.name.clone());
        [
            ("device", Value::from(device)),
            ("remote", Value::from(remote.to_string())),
        ]
    };
    incident.prove(EvidenceKind::IngressAsymmetry, at, detail);
}

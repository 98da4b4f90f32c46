//! How an incident ended, in words.

use std::net::IpAddr;

use crate::{
    ending::End,
    finding::{Finding, Kind, Phase},
    incident::Incident,
    time::{SECOND, Timestamp},
};

use super::people;

/// The end of what `told` said last. The bridge may be gone by now, so its words are kept.
pub(crate) fn resolved(
    incident: &Incident,
    told: &Finding,
    end: End,
    sequence: u64,
    at: Timestamp,
) -> Finding {
    Finding {
        phase: Phase::Resolved,
        sequence,
        at,
        end: Some(at),
        reason: farewell(incident, end, at),
        victims: incident.victims(),
        evidence: incident.evidence(),
        counts: incident.counts(),
        remedies: Vec::new(),
        ..told.clone()
    }
}

fn farewell(incident: &Incident, end: End, at: Timestamp) -> String {
    let packets = incident.counts().packets;
    let plural = if packets == 1 { "" } else { "s" };
    let lasted = duration(at.since(incident.start));
    let fate = fate(incident.kind);
    let lost = format!("after {lasted}; {packets} packet{plural} {fate}");
    let what = what(incident.kind);
    let all = incident.remotes.len();
    let first: Vec<IpAddr> = incident.victims().iter().map(|v| v.address).collect();
    let whom = people(&first, all);
    match end {
        End::Healed => {
            let healed: Vec<IpAddr> = incident.healed().collect();
            let others = all - healed.len();
            let reached = people(&healed, healed.len());
            if others == 0 {
                return format!("{what} reach {reached} again {lost}.");
            }
            format!(
                "{what} reach {reached} again {lost}; none was sent since to {others} more, \
                 whose route is right again too."
            )
        }
        End::Rerouted => format!(
            "{what} to {whom} are no longer routed into the bridge, {lost}; none was sent since."
        ),
        End::Superseded => superseded(incident.kind, &whom, &lost),
        End::Answered => {
            format!("No outage after all: {whom} answered on the bridge, {lost} or late.")
        }
        End::Quiet => format!(
            "{what} to {whom} are not sent any more, {lost}; they would still be routed into the \
             bridge."
        ),
        End::Gone => format!("The network namespace of the bridge is gone {lost}."),
    }
}

/// Another incident goes on where this one ends.
fn superseded(kind: Kind, whom: &str, lost: &str) -> String {
    match kind {
        Kind::Misdelivery => format!("Replies to {whom} reach nobody any more {lost}."),
        Kind::ReversePathDrop => {
            format!("Packets from {whom} get in again {lost}; the replies are what is lost now.")
        }
        _ => format!("Replies to {whom} reach a container with that address now, {lost} before."),
    }
}

/// What is lost, the first word of a sentence.
const fn what(kind: Kind) -> &'static str {
    match kind {
        Kind::RequestBlackhole => "Requests",
        Kind::ForwardBlackhole => "Forwarded packets",
        _ => "Replies",
    }
}

/// What became of the packets.
const fn fate(kind: Kind) -> &'static str {
    match kind {
        Kind::Misdelivery => "delivered to the wrong machine",
        Kind::ReversePathDrop => "dropped on arrival",
        _ => "lost",
    }
}

/// Tenths of a second while they matter, then whole seconds.
fn duration(nanos: u64) -> String {
    let tenths = (nanos + SECOND / 20) / (SECOND / 10);
    if tenths < 100 {
        format!("{}.{} s", tenths / 10, tenths % 10)
    } else {
        format!("{} s", (nanos + SECOND / 2) / SECOND)
    }
}

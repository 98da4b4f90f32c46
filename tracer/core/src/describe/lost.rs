//! `events-lost`: what was not seen, in words.

use crate::{
    finding::{Counts, Finding, Kind, Phase, Verdict},
    input::HookLoss,
    time::Timestamp,
    world::World,
};

/// `events-lost`: what was not seen, where and how many.
pub(crate) fn events_lost(
    world: &World,
    loss: &HookLoss,
    phase: Phase,
    sequence: u64,
    at: Timestamp,
) -> Finding {
    let parts = [
        (loss.rejected, "events found no room in the ring buffer"),
        (loss.uncounted, "packets found no room in the counters"),
        (loss.skipped, "runs were skipped by the kernel"),
        (
            loss.unexplained,
            "events could not be explained: their network namespace cannot be read",
        ),
    ];
    let parts = parts.into_iter().filter(|(count, _)| *count > 0);
    let parts: Vec<String> = parts
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    Finding {
        id: format!("{}-{}", Kind::EventsLost.name(), loss.hook),
        kind: Kind::EventsLost,
        phase,
        verdict: Verdict::Confirmed,
        sequence,
        at,
        start: at,
        end: None,
        reason: format!(
            "Not everything was seen at {}: {}.",
            loss.hook,
            parts.join(", ")
        ),
        unknown: Vec::new(),
        netns: world.netns_ref(world.session.netns),
        packet: None,
        ingress: None,
        egress: None,
        process: None,
        container: None,
        ci: None,
        gives_up: None,
        route: None,
        expected_route: None,
        bridge: None,
        docker_network: None,
        victims: Vec::new(),
        evidence: Vec::new(),
        counts: Counts::default(),
        remedies: Vec::new(),
        lost_events: loss.total(),
    }
}

//! `events-lost`: what was not seen, in words.

use crate::{
    finding::{Finding, Kind, Phase},
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
    let kind = Kind::EventsLost;
    let reason = format!(
        "Not everything was seen at {}: {}.",
        loss.hook,
        parts.join(", ")
    );
    let here = world.netns_ref(world.session.netns);
    Finding {
        phase,
        sequence,
        lost_events: loss.total(),
        ..Finding::new(
            kind,
            format!("{}-{}", kind.name(), loss.hook),
            here,
            reason,
            at,
        )
    }
}

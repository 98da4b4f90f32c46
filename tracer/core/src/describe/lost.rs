//! `events-lost`: what was not seen, in words.

use tracer_common::Hook;

use crate::{
    finding::{Finding, Kind},
    input::HookLoss,
    time::Timestamp,
    world::World,
};

/// What was missed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Missed<'a> {
    /// By a hook, in whichever namespace.
    Hook(&'a HookLoss),
    /// Because a record made no sense.
    Undecoded,
    /// In a namespace that could not be read, by inode number.
    Unread(u32),
    /// In the kernel's log.
    KernelLog,
}

/// `events-lost`: what was not seen, where and how many in all.
pub(crate) fn events_lost(world: &World, missed: Missed<'_>, total: u64, at: Timestamp) -> Finding {
    let kind = Kind::EventsLost;
    let here = world.session.netns;
    let (what, netns, reason) = match missed {
        Missed::Hook(loss) => (loss.hook.clone(), here, of_hook(loss)),
        Missed::Undecoded => (
            "undecoded".to_owned(),
            here,
            format!("Not everything was seen: {total} records of the kernel half make no sense."),
        ),
        Missed::Unread(netns) => (format!("netns-{netns}"), netns, of_netns(netns, total)),
        Missed::KernelLog => ("kernel-log".to_owned(), here, of_the_log(total)),
    };
    let id = format!("{}-{what}", kind.name());
    Finding {
        ci: world.job_of_netns(netns),
        lost_events: total,
        ..Finding::new(kind, id, world.netns_ref(netns), reason, at)
    }
}

fn of_hook(loss: &HookLoss) -> String {
    let parts = [
        (loss.rejected, "events found no room in the ring buffer"),
        (loss.uncounted, "packets found no room in the counters"),
        (loss.skipped, "runs were skipped by the kernel"),
        (loss.missing, "inputs are missing"),
    ];
    let parts = parts.into_iter().filter(|(count, _)| *count > 0);
    let parts: Vec<String> = parts
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    format!(
        "Not everything {} {}: {}.",
        if loss.missing > 0 {
            "is in"
        } else {
            "was seen at"
        },
        loss.hook,
        parts.join(", ")
    )
}

fn of_the_log(total: u64) -> String {
    let lines = if total == 1 {
        "1 line was"
    } else {
        &format!("{total} lines were")
    };
    format!(
        "Not everything in the kernel's log was read: {lines} overwritten before that. What the log says \
         of bridges and of processes that were killed may be missing; lost packets are seen without it."
    )
}

fn of_netns(netns: u32, total: u64) -> String {
    let hook = Hook::NeighSend.tracepoint();
    let events = if total == 1 { "event" } else { "events" };
    format!(
        "Not everything is known of network namespace {netns}: {total} {events} at {hook} could not be \
         explained, because the namespace could not be read; it may have been gone already."
    )
}

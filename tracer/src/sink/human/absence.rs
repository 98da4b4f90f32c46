//! A daemon that was away: how long, what ended it, what it was and is, what is gone.

use std::fmt::Write as _;

use tracer_core::{
    finding::{DaemonState, DaemonStory, EndedBy, Stop},
    input::{Bystander, EngineProgram},
};

use super::{
    layout::Fields,
    numbers::{count, listed},
    particulars::signal,
};
use crate::sink::time;

pub(super) fn field(page: &mut dyn Fields, story: &DaemonStory) {
    page.field("away", &absence(story));
    match &story.ended_by {
        EndedBy::Unknown => {}
        EndedBy::OutOfMemory => page.field("by", "the kernel, because memory ran out"),
        EndedBy::Crash => page.field("by", "a crash: it touched memory that is not its own"),
        EndedBy::Signal(stop) => stopper(page, stop),
    }
    for (nth, bystander) in story.during.iter().enumerate() {
        let label = if nth == 0 { "while" } else { "" };
        page.field(label, &at_work(bystander));
    }
    if story.program == EngineProgram::Dockerd {
        page.field("before", &state(&story.before));
        page.field("now", &state(&story.after));
    }
    for (label, what, names) in [
        ("gone", "network", &story.networks),
        ("gone", "container", &story.containers),
        ("stopped", "container", &story.stopped),
        ("orphans", "bridge", &story.orphans),
    ] {
        if !names.is_empty() {
            let first = listed(&names.first, names.total, Clone::clone);
            let text = format!("{}: {first}", count(names.total, what));
            page.field(label, &text);
        }
    }
    if let Some(old) = &story.old_data {
        let kept = count(old.containers, "container");
        page.field(
            "data",
            &format!("what it had is still in {}, {kept}", old.path),
        );
    }
}

fn absence(story: &DaemonStory) -> String {
    let (since, back) = story.away;
    let mut text = format!(
        "{}, {} to {}",
        time::span(back.since(since)),
        time::clock(since),
        time::clock(back)
    );
    if let Some(pid) = story.pid {
        let _ = write!(text, "; it was {} (pid {pid})", story.program.name());
    }
    if let Some(unit) = &story.unit {
        let _ = write!(text, " of {unit}");
    }
    text
}

fn stopper(page: &mut dyn Fields, stop: &Stop) {
    let mut text = stop.signal.to_owned();
    if let Some(then) = stop.then {
        let _ = write!(text, ", then {then}");
    }
    text += match &stop.sender {
        None => " from the kernel",
        Some(_) if stop.sender_ended => ", because its sender ended",
        Some(_) if stop.managers.is_empty() => "",
        Some(_) => ", on behalf of a package manager",
    };
    page.field("by", &text);
    if let Some(sender) = &stop.sender {
        signal::party(page, "sender", sender);
    }
}

/// A package manager that ran is evidence of why, not proof.
fn at_work(bystander: &Bystander) -> String {
    let Bystander { pid, name, .. } = bystander;
    let unit = bystander.unit.as_deref();
    let unit = unit.map(|unit| format!(" of {unit}")).unwrap_or_default();
    format!("{name} (pid {pid}){unit} ran: {}", bystander.command)
}

fn state(state: &DaemonState) -> String {
    let mut parts = Vec::new();
    if !state.version.is_empty() {
        parts.push(format!("docker {}", state.version));
    }
    parts.extend(
        state
            .data_root
            .as_ref()
            .map(|root| format!("data root {root}")),
    );
    parts.push(count(state.networks, "network"));
    parts.push(count(state.containers, "container"));
    parts.extend(state.images.map(|images| count(images, "image")));
    parts.join(", ")
}

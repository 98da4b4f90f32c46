//! What ended a process of a daemon: by the kernel's log, and by the signals it was sent.

use crate::{
    finding::{CiJob, DaemonStory, EndedBy, Evidence, Party, Stop},
    input::{Process, package_manager},
    killed::{self, SIGTERM},
    time::{SECOND, Timestamp},
    world::{
        World,
        kernel_log::{Line, Note},
        kills::{By, Kill},
    },
};

use super::{Ended, story::BEFORE};

/// How long after its first signal a process may still end of it: dockerd waits for its containers as
/// long as each of them was given (`--stop-timeout`).
const SHUTDOWN: u64 = 600 * SECOND;
/// The end of a process is seen a moment after it, its signal when it is sent; clocks of two sources.
const SLACK: u64 = SECOND;

/// What ended the process. The kernel's log says why the kernel sent a signal, and comes first.
pub(super) fn of(world: &World, ended: &Ended) -> EndedBy {
    if let Some(line) = last_words(world, ended) {
        return match line.note {
            Note::OutOfMemory { .. } => EndedBy::OutOfMemory,
            _ => EndedBy::Crash,
        };
    }
    let stop = kills(world, ended).next_back().and_then(stop);
    stop.map_or(EndedBy::Unknown, |stop| EndedBy::Signal(Box::new(stop)))
}

/// What was seen of its end apart from the end itself.
pub(super) fn evidence(world: &World, ended: &Ended) -> Vec<Evidence> {
    let signals = kills(world, ended).flat_map(killed::pieces);
    let words = last_words(world, ended).map(Line::evidence);
    signals.chain(words).collect()
}

/// What the kernel's log says of the end of a process.
fn last_words<'a>(world: &'a World, ended: &Ended) -> Option<&'a Line> {
    let near = |line: &&Line| {
        line.by_kernel
            && line.note.victim() == Some(ended.process.pid)
            && line.at.plus(BEFORE) >= ended.at
    };
    world.kernel_log.lines().rev().find(near)
}

/// The signals it got before its end, oldest first; the pid may have been another process' before.
fn kills<'a>(world: &'a World, ended: &Ended) -> impl DoubleEndedIterator<Item = &'a Kill> {
    let (pid, at) = (ended.process.pid, ended.at);
    let name = ended.process.program.name();
    let is_before = move |start: Timestamp| start <= at.plus(SLACK) && start.plus(SHUTDOWN) >= at;
    let all = world.kills.all();
    all.filter(move |it| it.target.pid == pid && it.target.name == name && is_before(it.start))
}

fn stop(kill: &Kill) -> Option<Stop> {
    let (_, first, _) = kill.signals.first()?;
    let (_, last, _) = kill.signals.last()?;
    Some(Stop {
        signal: killed::signal_name(*first),
        number: *first,
        then: (last != first).then(|| killed::signal_name(*last)),
        sender: kill.by.party().cloned(),
        sender_ended: matches!(kill.by, By::EndOf(_)),
        managers: kill.by.party().map(managers).unwrap_or_default(),
    })
}

/// The job whose process ended it.
pub(super) fn job(world: &World, story: &DaemonStory) -> Option<CiJob> {
    let EndedBy::Signal(stop) = &story.ended_by else {
        return None;
    };
    let job = world.job_of_party(stop.sender.as_ref()?)?;
    Some(CiJob {
        known_by: job.known_by + ", which sent the signal",
        ..job
    })
}

/// The package managers among a process and its parents, by their full names.
fn managers(party: &Party) -> Vec<Process> {
    let own = Process {
        pid: party.pid,
        name: party.name.clone(),
    };
    let line = std::iter::once(&own).chain(&party.ancestry);
    let known = line.filter_map(|it| {
        package_manager(&it.name).map(|name| Process {
            pid: it.pid,
            name: name.to_owned(),
        })
    });
    known.collect()
}

/// Who stopped it, as a sentence that follows another one; nothing where no signal was seen.
pub(super) fn sentence(story: &DaemonStory) -> String {
    let EndedBy::Signal(stop) = &story.ended_by else {
        return String::new();
    };
    let deed = match stop.number {
        SIGTERM => "stopped",
        _ => "ended",
    };
    let then = stop.then.map(|name| format!(", then by {name}"));
    format!(
        " {} was {deed} by {}{}{}{}.",
        story.program.name(),
        stop.signal,
        author(stop),
        then.unwrap_or_default(),
        circumstances(story, stop),
    )
}

fn author(stop: &Stop) -> String {
    let Some(sender) = &stop.sender else {
        return " from the kernel".to_owned();
    };
    if stop.sender_ended {
        return format!(", because {} ended", named(sender.pid, &sender.name));
    }
    let mut text = format!(" from {}", named(sender.pid, &sender.name));
    let parents = stop.managers.iter().filter(|it| it.pid != sender.pid);
    let parents: Vec<String> = parents.map(|it| named(it.pid, &it.name)).collect();
    if !parents.is_empty() {
        text += &format!(", started by {}", parents.join(", started by "));
    } else if let Some(parent) = sender.ancestry.first().filter(|it| it.pid != 1)
        && stop.managers.is_empty()
    {
        text += &format!(", started by {}", named(parent.pid, &parent.name));
    }
    text
}

/// A package manager that sent it did it; one that ran while systemd sent it may have.
fn circumstances(story: &DaemonStory, stop: &Stop) -> String {
    if !stop.managers.is_empty() {
        return ": a package manager did it".to_owned();
    }
    let during = story.during.iter().take(MENTIONED);
    let during: Vec<String> = during.map(|it| named(it.pid, &it.name)).collect();
    match (is_systemd(stop), during.as_slice()) {
        (true, [_, ..]) => format!(" while {} ran", during.join(", ")),
        _ => String::new(),
    }
}

/// Package managers that the sentence names.
const MENTIONED: usize = 3;

/// What is not known of its end.
pub(super) fn unknown(story: &DaemonStory) -> Option<String> {
    let program = story.program.name();
    match &story.ended_by {
        EndedBy::Unknown => {
            let pid = story.pid.map(|pid| format!(" (pid {pid})"));
            let pid = pid.unwrap_or_default();
            Some(format!(
                "what ended {program}{pid}: nothing was seen that did"
            ))
        }
        // The request comes over D-Bus, and no process of it is left to be seen.
        EndedBy::Signal(stop) if is_systemd(stop) => {
            Some(format!("on whose behalf systemd ended {program}"))
        }
        _ => None,
    }
}

fn is_systemd(stop: &Stop) -> bool {
    let sender = stop.sender.as_ref().filter(|_| !stop.sender_ended);
    sender.is_some_and(|it| it.pid == 1 && it.name == "systemd")
}

fn named(pid: u32, name: &str) -> String {
    format!("{name} (pid {pid})")
}

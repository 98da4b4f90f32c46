//! What was not seen: told as `events-lost`, and remembered, since it makes verdicts less sure: those
//! of one namespace, where it is known which one the events came from.

use std::collections::BTreeMap;

use crate::{
    describe::{Missed, events_lost},
    finding::{Finding, Phase},
    input::HookLoss,
    time::{SECOND, Timestamp},
    world::World,
};

/// How long a namespace that could not be read is remembered after its last event: on a host that
/// builds they come and go by the second, and their numbers are used again.
const MEMORY: u64 = 600 * SECOND;
/// How many of them; beyond that the one that was silent for the longest is forgotten.
const NAMESPACES: usize = 1024;

/// What was lost so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Losses {
    /// By hook, and when the first was noticed. The kernel does not say in which namespace.
    hooks: BTreeMap<String, (Timestamp, HookLoss)>,
    /// Records that could not be decoded: where they came from could not be read either.
    undecoded: Count,
    /// Events in namespaces that could not be read, by inode number.
    unread: BTreeMap<u32, Count>,
    /// Lines of the kernel's log: no verdict about packets depends on them.
    kernel_log: Count,
}

/// Events, and how many of them were told of.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    events: u64,
    told: u64,
    first: Timestamp,
    last: Timestamp,
}

impl Losses {
    /// Everything that was lost and may be missing in the namespace.
    pub(super) fn concerning(&self, netns: u32) -> u64 {
        let hooks = self.hooks.values().map(|(_, loss)| loss.total());
        let unread = self.unread.get(&netns).map_or(0, |count| count.events);
        let others = self.undecoded.events + unread;
        hooks.fold(others, u64::saturating_add)
    }

    /// A record could not be decoded.
    pub(super) fn undecoded(&mut self, at: Timestamp) {
        self.undecoded.add(at);
    }

    /// So many lines of the kernel's log were overwritten before they were read, since the start.
    pub(super) fn kernel_log(&mut self, lines: u64, at: Timestamp) {
        if self.kernel_log.events == 0 {
            self.kernel_log.first = at;
        }
        self.kernel_log.events = self.kernel_log.events.max(lines);
    }

    /// An event that may tell of a loss came from a namespace that could not be read.
    pub(super) fn unread(&mut self, netns: u32, at: Timestamp) {
        if self.unread.len() >= NAMESPACES && !self.unread.contains_key(&netns) {
            let silent = self.unread.iter().min_by_key(|(_, count)| count.last);
            if let Some(netns) = silent.map(|(netns, _)| *netns) {
                self.unread.remove(&netns);
            }
        }
        self.unread.entry(netns).or_default().add(at);
    }

    /// Totals by hook, and since when there are any.
    pub(super) fn snapshot(&self) -> impl Iterator<Item = (Timestamp, HookLoss)> {
        self.hooks.values().cloned()
    }

    /// Takes the totals of a hook; the finding, if they grew.
    pub(super) fn take(
        &mut self,
        world: &World,
        loss: &HookLoss,
        sequence: &mut u64,
        at: Timestamp,
    ) -> Option<Finding> {
        let known = self.hooks.get(&loss.hook);
        if known.is_some_and(|(_, known)| known.total() >= loss.total()) {
            return None;
        }
        let phase = phase(known.is_some());
        let start = known.map_or(at, |(start, _)| *start);
        self.hooks.insert(loss.hook.clone(), (start, loss.clone()));
        *sequence += 1;
        let finding = events_lost(world, Missed::Hook(loss), loss.total(), at);
        Some(Finding {
            phase,
            start,
            sequence: *sequence,
            ..finding
        })
    }

    /// What the core itself had to give up on since this was asked last.
    pub(super) fn own(
        &mut self,
        world: &World,
        sequence: &mut u64,
        now: Timestamp,
    ) -> Vec<Finding> {
        let undecoded = (Missed::Undecoded, &mut self.undecoded);
        let unread = self.unread.iter_mut();
        let unread = unread.map(|(netns, count)| (Missed::Unread(*netns), count));
        let kernel_log = (Missed::KernelLog, &mut self.kernel_log);
        let news = [undecoded, kernel_log]
            .into_iter()
            .chain(unread)
            .filter(|(_, count)| count.events > count.told);
        let mut told = Vec::new();
        for (missed, count) in news {
            *sequence += 1;
            told.push(Finding {
                phase: phase(count.told > 0),
                start: count.first,
                sequence: *sequence,
                ..events_lost(world, missed, count.events, now)
            });
            count.told = count.events;
        }
        told
    }

    /// Forgets namespaces that were silent for long.
    pub(super) fn expire(&mut self, now: Timestamp) {
        self.unread
            .retain(|_, count| now.since(count.last) < MEMORY);
    }
}

impl Count {
    fn add(&mut self, at: Timestamp) {
        if self.events == 0 {
            self.first = at;
        }
        self.events += 1;
        self.last = at;
    }
}

const fn phase(told: bool) -> Phase {
    if told { Phase::Updated } else { Phase::Opened }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lost_lines_of_the_kernels_log_are_told_and_make_no_verdict_less_sure() {
        let (mut losses, world, mut sequence) = (Losses::default(), World::default(), 0);
        let mut tell = |losses: &mut Losses, seconds: u64| -> Vec<(Phase, u64)> {
            let told = losses.own(&world, &mut sequence, Timestamp(seconds * SECOND));
            let told = told.iter();
            told.map(|finding| (finding.phase, finding.lost_events))
                .collect()
        };
        losses.kernel_log(3, Timestamp(SECOND));
        assert_eq!(tell(&mut losses, 1), [(Phase::Opened, 3)]);
        assert_eq!(tell(&mut losses, 2), []);
        losses.kernel_log(5, Timestamp(3 * SECOND));
        assert_eq!(tell(&mut losses, 3), [(Phase::Updated, 5)]);
        assert_eq!(losses.concerning(0), 0);
    }

    #[test]
    fn namespaces_that_could_not_be_read_are_bounded_and_forgotten() {
        let mut losses = Losses::default();
        for netns in (0_u32..).take(NAMESPACES + 1) {
            losses.unread(netns, Timestamp(u64::from(netns)));
        }
        assert_eq!(losses.concerning(0), 0, "silent for the longest");
        assert_eq!(losses.concerning(1), 1);
        losses.expire(Timestamp(MEMORY + 1));
        assert_eq!((losses.concerning(1), losses.concerning(2)), (0, 1));
    }
}

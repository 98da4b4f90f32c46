//! What was not seen: told as `events-lost`, and remembered, since it makes verdicts less sure.

use std::collections::BTreeMap;

use tracer_common::Hook;

use crate::{
    describe,
    finding::{Finding, Phase},
    input::HookLoss,
    time::Timestamp,
    world::World,
};

/// Losses by hook, and when the first of each was noticed.
#[derive(Clone, Debug, Default)]
pub(super) struct Losses {
    hooks: BTreeMap<String, (Timestamp, HookLoss)>,
    /// Events that could not be decoded or explained.
    pub(super) unexplained: u64,
}

impl Losses {
    /// Everything that was lost.
    pub(super) fn total(&self) -> u64 {
        self.hooks.values().map(|(_, loss)| loss.total()).sum()
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
        let phase = if known.is_some() {
            Phase::Updated
        } else {
            Phase::Opened
        };
        let start = known.map_or(at, |(start, _)| *start);
        self.hooks.insert(loss.hook.clone(), (start, loss.clone()));
        *sequence += 1;
        let finding = describe::events_lost(world, loss, phase, *sequence, at);
        Some(Finding { start, ..finding })
    }

    /// What the core itself had to give up on, as totals of a hook.
    pub(super) fn own(&self) -> Option<HookLoss> {
        (self.unexplained > 0).then(|| HookLoss {
            hook: Hook::NeighSend.tracepoint().to_owned() + " (unexplained)",
            unexplained: self.unexplained,
            ..HookLoss::default()
        })
    }
}

//! Everything at one moment of a recording. A copy of it goes on from there.

use std::{path::Path, sync::Arc};

use anyhow::Result;
use tracer_core::{Core, time::Timestamp};
use tracer_record::play::{Player, Problems, Told};

use crate::{
    record::open,
    top::{incidents::Incidents, state::State, tape::Tape},
};

#[derive(Clone)]
pub(super) struct Moment {
    player: Player<Tape>,
    /// What comes next, once it was read.
    next: Option<Told>,
    is_last: bool,
    core: Core,
    incidents: Incidents,
    /// The latest time so far: sources differ, and inputs may be told out of order.
    clock: Timestamp,
    inputs: u64,
}

impl Moment {
    /// The beginning.
    pub(super) fn new(player: Player<Tape>) -> Self {
        Self {
            player,
            next: None,
            is_last: false,
            core: Core::default(),
            incidents: Incidents::default(),
            clock: Timestamp::default(),
            inputs: 0,
        }
    }

    /// Feeds the next input, unless it happened after `goal`; whether something was told then.
    pub(super) fn advance(&mut self, goal: Timestamp, path: &Path) -> Result<Option<bool>> {
        if self.next.is_none() {
            let next = self.player.next().transpose();
            self.next = next.map_err(|error| open::unplayable(path, error))?;
            self.is_last = self.next.is_none();
        }
        let Some(next) = self
            .next
            .take_if(|next| self.clock.max(next.input.at) <= goal)
        else {
            return Ok(None);
        };
        if next.new_run {
            // Nothing said before counts any more.
            (self.core, self.incidents) = (Core::default(), Incidents::default());
        }
        self.clock = self.clock.max(next.input.at);
        self.inputs += 1;
        let findings = self.core.observe(&next.input);
        let told = !findings.is_empty();
        for finding in findings {
            self.incidents.tell(Arc::new(finding));
        }
        Ok(Some(told))
    }

    /// When it is.
    pub(super) const fn clock(&self) -> Timestamp {
        self.clock
    }

    /// Inputs up to here.
    pub(super) const fn inputs(&self) -> u64 {
        self.inputs
    }

    /// Nothing comes after it.
    pub(super) const fn is_last(&self) -> bool {
        self.is_last
    }

    /// Whether nothing that happened up to `goal` is left to be fed.
    pub(super) fn has_reached(&self, goal: Timestamp) -> bool {
        let next = self.next.as_ref();
        self.is_last || next.is_some_and(|next| self.clock.max(next.input.at) > goal)
    }

    /// What was wrong with the recording so far.
    pub(super) const fn problems(&self) -> &Problems {
        self.player.problems()
    }

    /// Puts it on the screen.
    pub(super) fn show(&self, state: &mut State) {
        state.incidents = self.incidents.clone();
        state.overview = Arc::new(self.core.overview());
    }
}

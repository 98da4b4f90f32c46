//! What the core knows, as inputs that lead to it.

use crate::{
    input::{Body, Input},
    time::Timestamp,
};

use super::Core;

impl Core {
    /// Inputs that tell a new core what this one knows of the host, and what the kernel half has
    /// counted. What is under way (outages, and events that wait for their explanation) is none of
    /// it: that is told again by what comes next.
    #[must_use]
    pub fn snapshot(&self, now: Timestamp) -> Vec<Input> {
        let mut inputs = self.world.snapshot(now);
        if !self.counters.is_empty() {
            let counters = self.counters.values().cloned().collect();
            inputs.push(Input {
                at: now,
                body: Body::Counters(counters),
            });
        }
        let loss = |(at, loss)| Input {
            at,
            body: Body::Loss(loss),
        };
        inputs.extend(self.losses.snapshot().map(loss));
        inputs
    }

    /// Whether nothing is under way that a [`snapshot`](Self::snapshot) would leave out.
    #[must_use]
    pub fn is_calm(&self) -> bool {
        self.incidents.is_empty() && self.waiting.is_empty() && self.doubts.is_empty()
    }
}

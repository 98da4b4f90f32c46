//! Reads what the kernel half could not deliver.

use std::collections::BTreeMap;

use anyhow::Result;
use tracer_common::HOOKS;
use tracer_core::input::HookLoss;

use crate::kernel::Tracer;

/// Remembers the totals told last.
#[derive(Default)]
pub(super) struct LossReader {
    told: BTreeMap<String, HookLoss>,
}

impl LossReader {
    /// Losses that grew since the last call.
    pub(super) fn changed(&mut self, tracer: &Tracer) -> Result<Vec<HookLoss>> {
        let mut changed = tracer.losses()?;
        changed.retain(|loss| {
            self.told.insert(loss.hook.clone(), loss.clone()).as_ref() != Some(loss)
        });
        Ok(changed)
    }

    /// One line for the log: what each hook emitted and lost.
    pub(super) fn summary(&self, tracer: &Tracer) -> Result<String> {
        let mut parts = Vec::new();
        for hook in HOOKS {
            let totals = tracer.totals(hook)?;
            parts.push(format!(
                "{} {} events, {} lost",
                hook.tracepoint(),
                totals.emitted,
                totals.lost.total()
            ));
        }
        Ok(format!("done: {}", parts.join("; ")))
    }
}

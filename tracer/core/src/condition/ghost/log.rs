//! What the kernel's log has to say of what was left behind.

use crate::{
    finding::{EvidenceKind, Finding},
    world::kernel_log::{Line, last},
};

use super::Situation;

/// Lines that are told at most.
const LINES: usize = 3;

/// Adds the last lines about the bridge and its ports since it was used.
pub(super) fn with_bridge(situation: Situation<'_>, bridge: &str, finding: Finding) -> Finding {
    let lines = situation
        .world
        .kernel_log_since_use(finding.netns.inum, bridge);
    with_lines(situation, lines.into_iter(), finding)
}

/// Adds the last lines about the devices.
pub(super) fn with_devices(
    situation: Situation<'_>,
    devices: [&str; 2],
    finding: Finding,
) -> Finding {
    let netns = finding.netns.inum;
    let lines = devices.map(|device| situation.world.kernel_log_of(netns, device));
    with_lines(situation, lines.into_iter().flatten(), finding)
}

/// What was told stays told when the lines are no longer remembered: else the finding would change
/// because of what became of others.
fn with_lines<'a>(
    situation: Situation<'_>,
    lines: impl Iterator<Item = &'a Line>,
    mut finding: Finding,
) -> Finding {
    let told = situation.told.get(&finding.id);
    let told = told.into_iter().flat_map(|told| &told.evidence);
    let told = told.filter(|piece| piece.kind == EvidenceKind::KernelLog);
    let said = told.cloned().chain(lines.map(Line::evidence));
    finding.evidence.extend(last(said.collect(), LINES));
    finding.evidence.sort_by_key(|piece| (piece.at, piece.kind));
    finding
}

//! What only one kind of finding has to tell: an object for each, beside the common ones.

mod ghost;
mod overlap;
mod pools;
pub(super) mod signal;

use serde::Serialize;
use tracer_core::finding::{self, Finding};

use self::{ghost::Ghost, overlap::Overlap};
use super::daemon::Daemon;

#[derive(Default, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Particulars<'a> {
    /// The docker daemon it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    daemon: Option<Daemon<'a>>,
    /// What was left behind, in `ghost-network`.
    #[serde(skip_serializing_if = "Option::is_none")]
    ghost: Option<Ghost<'a>>,
    /// Whom a network covers, in `subnet-overlap`.
    #[serde(skip_serializing_if = "Option::is_none")]
    overlap: Option<Overlap>,
    /// How much of a daemon's address pools is left, and who has the rest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pools: Option<pools::Pools<'a>>,
    /// Who ended whom (`process-killed`).
    #[serde(skip_serializing_if = "Option::is_none")]
    signal: Option<signal::Signal<'a>>,
}

impl<'a> Particulars<'a> {
    pub(super) fn new(finding: &'a Finding) -> Self {
        match &finding.particulars {
            None => Self::default(),
            Some(finding::Particulars::Daemon(trouble)) => Self {
                daemon: Some(Daemon::unreachable(trouble)),
                ..Self::default()
            },
            Some(finding::Particulars::Ghost(ghost)) => Self {
                ghost: Some(Ghost::new(ghost, finding.at)),
                ..Self::default()
            },
            Some(finding::Particulars::Overlap(overlap)) => Self {
                overlap: Some(Overlap::new(overlap)),
                ..Self::default()
            },
            Some(finding::Particulars::Pools(pools)) => Self {
                pools: Some(pools::Pools::new(pools)),
                ..Self::default()
            },
            Some(finding::Particulars::DaemonLife(story)) => Self {
                daemon: Some(Daemon::was_away(story)),
                ..Self::default()
            },
            Some(finding::Particulars::Signal(killing)) => Self {
                signal: Some(signal::Signal::new(killing)),
                ..Self::default()
            },
        }
    }
}

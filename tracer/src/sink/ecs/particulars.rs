//! What only one kind of finding has to tell: an object for each, beside the common ones.

use serde::Serialize;
use tracer_core::finding::{self, Finding};

use super::daemon::Daemon;

#[derive(Default, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Particulars<'a> {
    /// The docker daemon it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    daemon: Option<Daemon<'a>>,
}

impl<'a> Particulars<'a> {
    pub(super) fn new(finding: &'a Finding) -> Self {
        match &finding.particulars {
            None => Self::default(),
            Some(finding::Particulars::Daemon(trouble)) => Self {
                daemon: Some(Daemon::unreachable(trouble)),
            },
        }
    }
}

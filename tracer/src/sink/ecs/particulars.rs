//! What only one kind of finding has to tell: an object for each, beside the common ones.

use serde::Serialize;
use tracer_core::finding::Finding;

#[derive(Default, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Particulars {}

impl Particulars {
    pub(super) fn new(finding: &Finding) -> Self {
        match &finding.particulars {
            None => Self::default(),
            Some(particulars) => match *particulars {},
        }
    }
}

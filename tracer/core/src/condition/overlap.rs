//! `subnet-overlap`: a network covers somebody who is in use from here.

use crate::finding::Finding;

use super::Situation;

pub(super) const fn find(_: Situation<'_>) -> Vec<Finding> {
    Vec::new()
}

pub(super) fn over(_: &Finding) -> String {
    "The network no longer covers anybody in use.".to_owned()
}

//! `ghost-network`: what was left behind.

use crate::finding::Finding;

use super::Situation;

pub(super) const fn find(_: Situation<'_>) -> Vec<Finding> {
    Vec::new()
}

pub(super) fn over(_: &Finding) -> String {
    "What was left behind is gone.".to_owned()
}

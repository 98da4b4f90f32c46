//! `daemon-unreachable`: a daemon that cannot be asked, and exactly why.

use crate::finding::Finding;

use super::Situation;

pub(super) const fn find(_: Situation<'_>) -> Vec<Finding> {
    Vec::new()
}

pub(super) fn over(_: &Finding) -> String {
    "The daemon answers again.".to_owned()
}

//! `address-pool`: how many networks the daemon can still make.

use crate::finding::Finding;

use super::Situation;

pub(super) const fn find(_: Situation<'_>) -> Vec<Finding> {
    Vec::new()
}

pub(super) fn over(_: &Finding) -> String {
    "The daemon has address pools again.".to_owned()
}

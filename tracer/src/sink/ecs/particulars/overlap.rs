//! `bridgetrace.overlap`: whom a network covers.

use serde::Serialize;
use tracer_core::finding;

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Overlap {
    /// The network's prefix.
    prefix: String,
    /// Who is covered, those in use first.
    with: Vec<Covered>,
    /// How many more are.
    #[serde(skip_serializing_if = "is_zero")]
    more: usize,
    /// No network has the prefix yet: docker's address pools do.
    slot: bool,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Covered {
    /// An address, or the prefix of a route.
    prefix: String,
    #[cfg_attr(test, schemars(extend("enum" = ["peer", "protected", "nameserver", "mirror", "proxy", "login", "route"])))]
    role: &'static str,
    /// In plain words.
    what: String,
}

impl Overlap {
    pub(super) fn new(overlap: &finding::Overlap) -> Self {
        Self {
            prefix: overlap.prefix.to_string(),
            with: overlap.with.iter().map(Covered::new).collect(),
            more: overlap.more,
            slot: overlap.slot,
        }
    }
}

impl Covered {
    fn new(covered: &finding::Covered) -> Self {
        Self {
            prefix: covered.prefix.to_string(),
            role: covered.role.name(),
            what: covered.what.clone(),
        }
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
const fn is_zero(number: &usize) -> bool {
    *number == 0
}

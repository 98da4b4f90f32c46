//! What only one kind of finding has to tell, in words.

use tracer_core::finding::Finding;

use super::layout::Page;

/// The facts of its kind.
pub(super) fn field(_page: &mut Page, finding: &Finding) {
    match &finding.particulars {
        None => {}
        Some(particulars) => match *particulars {},
    }
}

//! Whom a network covers, a line each.

use tracer_core::finding::Overlap;

use crate::sink::human::layout::Fields;

pub(super) fn fields(page: &mut dyn Fields, overlap: &Overlap) {
    for covered in &overlap.with {
        let prefix = covered.prefix;
        let whom = if prefix.prefix_len() == prefix.max_prefix_len() {
            prefix.addr().to_string()
        } else {
            prefix.to_string()
        };
        page.field("covers", &format!("{whom}: {}", covered.what));
    }
    if overlap.more > 0 {
        page.field("covers", &format!("{} more", overlap.more));
    }
}

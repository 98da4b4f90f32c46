//! The part of a recording a report is about.

use tracer_core::time::Timestamp;

use crate::record::open::Span;

/// From when to when, and whether the recording goes beyond.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    /// Nothing before is told.
    pub(super) first: Timestamp,
    /// Nothing after is told; not before `first`.
    pub(super) last: Timestamp,
    is_begin: bool,
    is_end: bool,
}

impl Window {
    /// What lies between `from` and `to` of a recording.
    pub(super) fn new(recording: Span, from: Timestamp, to: Timestamp) -> Self {
        let first = recording.first.max(from);
        Self {
            first,
            last: recording.last.min(to).max(first),
            is_begin: from <= recording.first,
            is_end: to >= recording.last,
        }
    }

    /// What ends when it does.
    pub(super) const fn ends(self) -> &'static str {
        if self.is_end {
            "the recording ends"
        } else {
            "this report ends"
        }
    }

    /// Whether it is all of the recording.
    pub(super) const fn is_all(self) -> bool {
        self.is_begin && self.is_end
    }
}

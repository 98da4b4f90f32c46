//! What is told of one finding, step by step, and how it ended as far as somebody watched.

use tracer_core::{
    finding::{Finding, Phase, Verdict},
    time::Timestamp,
};

use super::{clock::Clock, window::Window};

/// A finding from its opening to its end, or as far as it was told.
#[derive(Clone, Debug)]
pub(super) struct Tale {
    /// The latest step before its end.
    pub(super) standing: Finding,
    /// Its end.
    pub(super) end: Option<Finding>,
    /// When it was confirmed, unless it was from the beginning.
    pub(super) proven: Option<Timestamp>,
    /// The run of bridgetrace that saw it ended then, and it had not.
    pub(super) unwatched: Option<Timestamp>,
    /// The next run saw it again, from then on.
    pub(super) again: Option<Timestamp>,
    /// It was seen by the run before: the number of that tale.
    pub(super) before: Option<usize>,
}

/// Where a tale stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It was over then.
    Over(Timestamp),
    /// It goes on in no way.
    Happened,
    /// It went on when all that is told ends.
    Open,
    /// It went on then, and nobody watched any more.
    Unwatched(Timestamp),
    /// As before, and it was seen again, from the second moment on.
    Again(Timestamp, Timestamp),
}

impl Tale {
    /// A finding told of for the first time.
    pub(super) fn new(finding: Finding) -> Self {
        let is_end = finding.phase == Phase::Resolved;
        Self {
            proven: None,
            end: is_end.then(|| finding.clone()),
            standing: finding,
            unwatched: None,
            again: None,
            before: None,
        }
    }

    /// Its next step.
    pub(super) fn go_on(&mut self, finding: Finding) {
        let is_proven = finding.verdict == Verdict::Confirmed;
        if is_proven && self.standing.verdict != Verdict::Confirmed {
            self.proven = Some(finding.at);
        }
        match finding.phase {
            Phase::Resolved => self.end = Some(finding),
            Phase::Opened | Phase::Updated => self.standing = finding,
        }
    }

    /// As it was told last.
    pub(super) fn last(&self) -> &Finding {
        self.end.as_ref().unwrap_or(&self.standing)
    }

    /// Where it stops.
    pub(super) fn fate(&self) -> Fate {
        match (&self.end, self.unwatched, self.again) {
            (Some(end), _, _) => Fate::Over(end.end.unwrap_or(end.at)),
            _ if self.standing.kind.is_moment() => Fate::Happened,
            (None, Some(at), Some(again)) => Fate::Again(at, again),
            (None, Some(at), None) => Fate::Unwatched(at),
            (None, None, _) => Fate::Open,
        }
    }
}

impl Fate {
    /// Of what is not known to be over: what is known instead, behind `It was ` or by itself.
    pub(super) fn unended(self, clock: Clock, window: Window) -> Option<String> {
        let second = |at| clock.second(at);
        match self {
            Self::Over(_) | Self::Happened => None,
            Self::Open => Some(format!(
                "not over at {}, when {}.",
                second(window.last),
                window.ends()
            )),
            Self::Unwatched(at) => Some(format!(
                "not seen to end: bridgetrace stopped watching at {}.",
                second(at)
            )),
            Self::Again(at, again) => Some(format!(
                "not over at {}, when bridgetrace stopped watching; it was seen again from {} on.",
                second(at),
                second(again)
            )),
        }
    }
}

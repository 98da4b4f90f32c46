//! What stands in a report, whatever it is written in: data only.

use tracer_core::time::Timestamp;

use crate::drawing::Drawing;

use super::text::{Command, Text};

/// A report.
#[derive(Debug)]
pub(crate) struct Report {
    /// What it comes to, as a heading.
    pub(crate) title: Text,
    /// How bad that is.
    pub(crate) state: State,
    /// From when to when, and where.
    pub(crate) span: Text,
    /// The verdict, for somebody who was not there: sentences.
    pub(crate) verdict: Vec<Text>,
    /// Figures: a label and a value.
    pub(crate) figures: Vec<(&'static str, Text)>,
    /// Outages.
    pub(crate) outages: Vec<Incident>,
    /// Outages that are not told one by one; they lost less than those that are.
    pub(crate) more_outages: usize,
    /// Everything else that was found.
    pub(crate) others: Vec<Incident>,
    /// Other findings that are not told one by one.
    pub(crate) more_others: usize,
    /// What happened when.
    pub(crate) timeline: Vec<Moment>,
    /// Moments left out of it.
    pub(crate) moments_left_out: usize,
    /// Lost packets over time.
    pub(crate) plot: Option<Plot>,
    /// What was not seen.
    pub(crate) unseen: Vec<Text>,
    /// What was watched and who made this.
    pub(crate) about: Vec<(&'static str, Text)>,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Packets are lost when what is told ends.
    Losing,
    /// Packets were lost, and nobody watched to the end of it.
    Unended,
    /// Packets were lost, and it is over.
    Lost,
    /// Nothing was lost, but something was found.
    Found,
    /// Nothing was found.
    Quiet,
}

/// One finding.
#[derive(Debug)]
pub(crate) struct Incident {
    /// Unique on the page: letters, digits and hyphens.
    pub(crate) anchor: String,
    /// What happens.
    pub(crate) title: Text,
    /// Its kind, as scripts know it.
    pub(crate) kind: &'static str,
    /// How sure it is.
    pub(crate) verdict: &'static str,
    /// Whether it is over: `over`, `not over`, `not seen to end`, `seen again` by the
    /// next run, or `happened` at a moment.
    pub(crate) state: &'static str,
    /// What is lost and why.
    pub(crate) reason: Text,
    /// How it ended, or that it did not.
    pub(crate) end: Text,
    /// The two ways.
    pub(crate) drawing: Option<Drawing>,
    /// A label and texts.
    pub(crate) facts: Vec<(&'static str, Vec<Text>)>,
    /// What proves it.
    pub(crate) evidence: Vec<Evidence>,
    /// What to type.
    pub(crate) remedies: Vec<Remedy>,
}

/// A piece of evidence.
#[derive(Debug)]
pub(crate) struct Evidence {
    /// When it was first seen.
    pub(crate) at: Text,
    /// Its kind, as scripts know it.
    pub(crate) kind: &'static str,
    /// What it says.
    pub(crate) text: Text,
}

/// Something to type.
#[derive(Debug)]
pub(crate) struct Remedy {
    /// Stable name.
    pub(crate) id: &'static str,
    /// What it does.
    pub(crate) effect: Text,
    /// What it breaks or risks.
    pub(crate) risk: Option<Text>,
    /// For root.
    pub(crate) command: Command,
    /// Takes it back.
    pub(crate) undo: Command,
}

/// A line of the timeline.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment {
    /// When.
    pub(crate) at: Timestamp,
    /// When, in words.
    pub(crate) when: Text,
    /// What kind of thing.
    pub(crate) tag: Tag,
    /// What happened.
    pub(crate) text: Text,
}

/// What kind of thing happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tag {
    /// Watching begins or ends.
    Watch,
    /// A docker daemon or network.
    Docker,
    /// A packet was lost.
    Loss,
    /// Something that was seen and proves it.
    Proof,
    /// A process was told to end.
    Signal,
    /// Something else was found.
    Found,
    /// It was over.
    Resolved,
}

impl Tag {
    /// The word for it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Watch => "watch",
            Self::Docker => "docker",
            Self::Loss => "loss",
            Self::Proof => "proof",
            Self::Signal => "signal",
            Self::Found => "found",
            Self::Resolved => "resolved",
        }
    }
}

/// Lost packets over time.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Plot {
    /// When the first bar begins, seconds since 1970.
    pub(crate) start: u64,
    /// Seconds of a bar.
    pub(crate) step: u64,
    /// Packets of each.
    pub(crate) bars: Vec<u64>,
    /// When it begins and ends, in words.
    pub(crate) ends: (Text, Text),
    /// The bars with packets, in words: when, and how many.
    pub(crate) rows: Vec<(Text, u64)>,
    /// What it shows, in a sentence or two.
    pub(crate) told: Text,
}

//! Who was killed lately, by whom.

use std::collections::VecDeque;

use serde_json::Value;

use crate::{
    finding::{Evidence, EvidenceKind, Party},
    time::{SECOND, Timestamp},
};

use super::processes::{Role, same_project};

/// Kills kept: a day's, but no more than a thousand.
const MEMORY: u64 = 86_400 * SECOND;
const KEPT: usize = 1024;

/// A process that matters got a signal that ends it, or several in one go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kill {
    /// Of the finding that tells of it.
    pub id: String,
    /// When the first signal was sent.
    pub start: Timestamp,
    /// Every signal, in order: when, its number and its `si_code`.
    pub signals: Vec<(Timestamp, u32, i32)>,
    /// Network namespace of the target, inode number.
    pub netns: u32,
    /// Who sent the first signal.
    pub by: By,
    /// Who got them.
    pub target: Party,
    /// What that is.
    pub role: Role,
    /// The compose project it was busy with.
    pub project: Option<String>,
    /// It is the usual course of things (a container that is stopped, a daemon that ends its own
    /// helpers) and worth no finding.
    pub usual: bool,
}

/// Who sent a signal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum By {
    /// A process.
    Process(Party),
    /// The kernel: memory ran out, or a terminal asked for it.
    Kernel,
    /// Nobody: it comes with the end of that process, its parent or the first one of its pid
    /// namespace.
    EndOf(Party),
}

impl By {
    /// The process behind it.
    #[must_use]
    pub const fn party(&self) -> Option<&Party> {
        match self {
            Self::Process(party) | Self::EndOf(party) => Some(party),
            Self::Kernel => None,
        }
    }
}

impl Kill {
    /// When the last signal was sent.
    #[must_use]
    pub fn last(&self) -> Timestamp {
        self.signals.last().map_or(self.start, |(at, ..)| *at)
    }

    /// What happened, in one plain sentence.
    #[must_use]
    pub fn text(&self) -> String {
        crate::killed::sentence(self)
    }

    /// The same as evidence, for a finding about what came of it.
    #[must_use]
    pub fn evidence(&self) -> Evidence {
        let text = self.text();
        let text = text.trim_end_matches('.').to_owned();
        Evidence {
            kind: EvidenceKind::Signal,
            at: self.start,
            detail: [("text", Value::from(text))].into(),
        }
    }
}

/// The latest kills, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Kills {
    kills: VecDeque<Kill>,
}

impl Kills {
    /// Every kill that is remembered, oldest first.
    pub fn all(&self) -> impl DoubleEndedIterator<Item = &Kill> {
        self.kills.iter()
    }

    /// The last kill of a process of this compose project.
    #[must_use]
    pub fn of_project(&self, project: &str) -> Option<&Kill> {
        let is_it = |kill: &&Kill| {
            let known = kill.project.as_deref();
            !kill.usual && known.is_some_and(|known| same_project(known, project))
        };
        self.kills.iter().rev().find(is_it)
    }

    /// The last kill of the process with this pid.
    #[must_use]
    pub fn of_process(&self, pid: u32) -> Option<&Kill> {
        self.kills.iter().rev().find(|kill| kill.target.pid == pid)
    }

    /// Adds a kill, or puts it in the place of what was known of it.
    pub(crate) fn set(&mut self, now: Timestamp, kill: Kill) {
        match self.kills.iter_mut().find(|known| known.id == kill.id) {
            Some(known) => *known = kill,
            None => self.kills.push_back(kill),
        }
        self.kills.retain(|kill| now.since(kill.start) < MEMORY);
        let excess = self.kills.len().saturating_sub(KEPT);
        self.kills.drain(..excess);
    }
}

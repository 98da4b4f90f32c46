//! What a recording tells, collected while it is replayed.

use std::collections::{BTreeMap, BTreeSet};

use tracer_core::{
    Core,
    finding::{Finding, Phase, Verdict},
    input::{Body, Input, Session},
    time::{SECOND, Timestamp},
};

/// Findings told one by one; a page of more would not be read.
const MOST: usize = 200;

/// Everything a report needs.
#[derive(Debug, Default)]
pub(super) struct Story {
    /// Each run of bridgetrace in the recording.
    pub(super) runs: Vec<Run>,
    /// Findings in the order in which they were opened.
    pub(super) tales: Vec<Tale>,
    /// How many more there were.
    pub(super) more: u64,
    /// Packets lost, by the second (since 1970) in which they were counted.
    pub(super) losses: BTreeMap<u64, u64>,
    /// When networks were removed, by id.
    pub(super) removed: BTreeMap<String, Timestamp>,
    /// What could not be read, each a sentence.
    pub(super) unread: BTreeSet<String>,
    /// Nothing before is told.
    from: Timestamp,
    /// The latest tale of an id in this run.
    by_id: BTreeMap<String, usize>,
    /// Packets counted so far of each outage in this run.
    counted: BTreeMap<String, u64>,
}

/// One run of bridgetrace.
#[derive(Debug)]
pub(super) struct Run {
    /// Earliest input.
    pub(super) first: Timestamp,
    /// Latest input.
    pub(super) last: Timestamp,
    /// What was said when it began, unless that is missing.
    pub(super) session: Option<Session>,
    /// It was told to end.
    pub(super) is_complete: bool,
    /// It begins with what was left of an older part.
    pub(super) is_cut: bool,
}

/// A finding from its opening to its end, or as far as it was told.
#[derive(Clone, Debug)]
pub(super) struct Tale {
    /// The latest step before its end.
    pub(super) standing: Finding,
    /// Its end.
    pub(super) end: Option<Finding>,
    /// When it was confirmed, unless it was from the beginning.
    pub(super) proven: Option<Timestamp>,
}

impl Tale {
    /// As it was told last.
    pub(super) fn last(&self) -> &Finding {
        self.end.as_ref().unwrap_or(&self.standing)
    }
}

impl Story {
    /// Nothing before `from` will be told.
    pub(super) fn new(from: Timestamp) -> Self {
        Self {
            from,
            ..Self::default()
        }
    }

    /// Another run begins.
    pub(super) fn begin(&mut self) {
        self.by_id.clear();
        self.counted.clear();
    }

    /// The core was told `input` and said `findings`.
    pub(super) fn take(
        &mut self,
        new_run: bool,
        input: &Input,
        core: &Core,
        findings: Vec<Finding>,
    ) {
        self.note_run(new_run, input);
        if let Body::DockerNetworkGone { id, .. } = &input.body {
            self.removed.insert(id.clone(), input.at);
        }
        // What is lost changes with every packet, and is read where the kernel's counters are.
        if matches!(input.body, Body::Counters(_) | Body::Tick | Body::Stop) {
            for (id, packets) in core.lost() {
                self.count(id, packets, input.at);
            }
        }
        for finding in findings {
            if finding.kind.is_loss() {
                self.count(&finding.id, finding.counts.packets, finding.at);
            }
            if finding.at >= self.from {
                self.tell(finding);
            }
        }
    }

    /// Namespaces that cannot be read are known as such only as long as they are there.
    pub(super) fn note_unreadable(&mut self, core: &Core) {
        for (inum, cause) in core.world().unreadable() {
            let owner = core.world().netns_ref(inum).owner;
            self.unread
                .insert(format!("Links and routes of {owner}: {cause}"));
        }
    }

    fn note_run(&mut self, new_run: bool, input: &Input) {
        let begins = new_run || self.runs.is_empty();
        if begins {
            self.runs.push(Run {
                first: input.at,
                last: input.at,
                session: None,
                is_complete: false,
                is_cut: false,
            });
        }
        let Some(run) = self.runs.last_mut() else {
            return;
        };
        run.last = run.last.max(input.at);
        match &input.body {
            Body::Session(session) => run.session = Some(session.clone()),
            Body::History(_) => run.is_cut = true,
            Body::Stop => run.is_complete = true,
            Body::KernelLogLost(_) => {
                let lost = "Lines of the kernel's log were overwritten before they were read";
                self.unread.insert(lost.to_owned());
            }
            _ => {}
        }
    }

    /// Packets of an outage are known to be so many now.
    fn count(&mut self, id: &str, packets: u64, at: Timestamp) {
        let before = match self.counted.get_mut(id) {
            Some(before) => std::mem::replace(before, packets.max(*before)),
            None => self.counted.insert(id.to_owned(), packets).unwrap_or(0),
        };
        let more = packets.saturating_sub(before);
        if more > 0 && at >= self.from {
            *self.losses.entry(at.0 / SECOND).or_default() += more;
        }
    }

    fn tell(&mut self, finding: Finding) {
        let known = self.by_id.get(&finding.id).copied();
        let tale = known.filter(|_| finding.phase != Phase::Opened);
        let Some(tale) = tale.and_then(|it| self.tales.get_mut(it)) else {
            self.open(finding);
            return;
        };
        let is_proven = finding.verdict == Verdict::Confirmed;
        if is_proven && tale.standing.verdict != Verdict::Confirmed {
            tale.proven = Some(finding.at);
        }
        match finding.phase {
            Phase::Resolved => tale.end = Some(finding),
            Phase::Opened | Phase::Updated => tale.standing = finding,
        }
    }

    fn open(&mut self, finding: Finding) {
        if self.tales.len() == MOST {
            self.more += 1;
            return;
        }
        self.by_id.insert(finding.id.clone(), self.tales.len());
        let is_end = finding.phase == Phase::Resolved;
        self.tales.push(Tale {
            proven: None,
            end: is_end.then(|| finding.clone()),
            standing: finding,
        });
    }
}

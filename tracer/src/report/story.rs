//! What a recording tells, collected while it is replayed.

use std::collections::{BTreeMap, BTreeSet};

use tracer_core::{
    Core,
    finding::{Finding, Kind, Phase},
    input::{Body, Input, Session},
    time::{SECOND, Timestamp},
};

use super::tale::{Fate, Tale};

/// Findings of a class told one by one; a page of more would not be read.
pub(super) const MOST: usize = 200;
/// Inputs come every second or so: where none came for so long, nobody watched.
const SILENCE: u64 = 5 * SECOND;

/// Everything a report needs.
#[derive(Debug, Default)]
pub(super) struct Story {
    /// Each run of bridgetrace in the recording.
    pub(super) runs: Vec<Run>,
    /// Findings in the order in which they were opened.
    pub(super) tales: Vec<Tale>,
    /// Findings that are not kept, by their ids.
    left_out: BTreeMap<Class, BTreeSet<String>>,
    /// How many of a class are kept.
    told: BTreeMap<Class, usize>,
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
    /// Tales that were not over when the run before ended, by their key.
    open_before: BTreeMap<String, usize>,
    /// Tales of the runs before.
    earlier: usize,
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

impl Story {
    /// Nothing before `from` will be told.
    pub(super) fn new(from: Timestamp) -> Self {
        Self {
            from,
            ..Self::default()
        }
    }

    /// Another run begins: nobody watches any more what this one left.
    pub(super) fn begin(&mut self) {
        self.leave();
        self.by_id.clear();
        self.counted.clear();
    }

    /// All that happened until `last` was taken.
    pub(super) fn end(&mut self, last: Timestamp) {
        let watched = self.runs.last().map(|it| it.last.plus(SILENCE));
        if watched.is_some_and(|until| until < last) {
            self.leave();
        }
    }

    /// How many findings of a class are not among the tales.
    pub(super) fn left_out(&self, class: Class) -> usize {
        self.left_out.get(&class).map_or(0, BTreeSet::len)
    }

    /// The tales of a class.
    pub(super) fn of(&self, class: Class) -> impl Iterator<Item = &Tale> {
        let is_one = move |it: &&Tale| Class::of(it.standing.kind) == class;
        self.tales.iter().filter(is_one)
    }

    fn leave(&mut self) {
        let ended = self.runs.last().map(|it| it.last);
        self.open_before.clear();
        for (nth, tale) in self.tales.iter_mut().enumerate().skip(self.earlier) {
            if tale.fate() == Fate::Open {
                tale.unwatched = ended;
                self.open_before.insert(key(&tale.standing), nth);
            }
        }
        self.earlier = self.tales.len();
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
        match tale.and_then(|it| self.tales.get_mut(it)) {
            Some(tale) => tale.go_on(finding),
            None => self.open(finding),
        }
    }

    fn open(&mut self, finding: Finding) {
        let class = Class::of(finding.kind);
        let told = self.told.entry(class).or_default();
        if class != Class::Outage && *told == MOST {
            let ids = self.left_out.entry(class).or_default();
            ids.insert(finding.id);
            return;
        }
        *told += 1;
        let nth = self.tales.len();
        self.by_id.insert(finding.id.clone(), nth);
        let mut tale = Tale::new(finding);
        tale.before = self.open_before.remove(&key(&tale.standing));
        if let Some(before) = tale.before.and_then(|it| self.tales.get_mut(it)) {
            before.again = Some(tale.standing.start);
        }
        self.tales.push(tale);
    }
}

/// What is counted, and cut, by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    /// Packets are lost. All are kept: the verdict is about them.
    Outage,
    /// Something was not seen.
    Blind,
    /// Everything else.
    Other,
}

impl Class {
    pub(super) const fn of(kind: Kind) -> Self {
        match kind {
            _ if kind.is_loss() => Self::Outage,
            Kind::EventsLost => Self::Blind,
            _ => Self::Other,
        }
    }
}

/// The same for what one run left and the next one finds. The id of an outage names its beginning, which
/// is another for each run.
fn key(finding: &Finding) -> String {
    let bridge = finding.bridge.as_ref().filter(|_| finding.kind.is_loss());
    bridge.map_or_else(
        || finding.id.clone(),
        |bridge| {
            let (kind, netns) = (finding.kind.name(), finding.netns.inum);
            format!("{kind} {netns} {} {}", bridge.ifindex, bridge.name)
        },
    )
}

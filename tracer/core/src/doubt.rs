//! Losses that are one only if whoever is asked for is somebody outside: told if the asking goes
//! on, and if it is no scan.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use tracer_common::Way;

use crate::{
    decode::KernelEvent,
    finding::Kind,
    incident::Place,
    input::Counter,
    time::{SECOND, Timestamp},
};

/// How long an unanswered question is watched before it is told: as long as the kernel looks for a
/// neighbour (three probes, a second apart), and longer than a scanner waits.
const PATIENCE: u64 = 3 * SECOND;
/// A packet waits for longer than this before the kernel gives its neighbour up.
const PROBING: u64 = SECOND / 2;
/// A question that was neither repeated nor given up by the kernel for this long is forgotten.
const MEMORY: u64 = 30 * SECOND;
/// Whoever asks for more addresses than this that nobody has, within [`SCAN`], looks around.
const SCANNED: usize = 2;
const SCAN: u64 = 10 * SECOND;
/// Addresses kept of each who asks.
const ASKED: usize = 64;
/// Questions watched at once.
const QUESTIONS: usize = 1024;
/// Events kept of each.
const KEPT: usize = 16;

/// Who is asked for, where, and as what it would be told.
type Question = (Place, Kind, IpAddr);

/// Everything doubtful, until it is told or forgotten.
#[derive(Clone, Debug, Default)]
pub(crate) struct Doubts {
    questions: BTreeMap<Question, Doubt>,
    /// Addresses asked for in vain by a source on a bridge, and when last.
    asked: BTreeMap<(Place, IpAddr), BTreeMap<IpAddr, Timestamp>>,
}

#[derive(Clone, Debug)]
struct Doubt {
    first: Timestamp,
    last: Timestamp,
    source: IpAddr,
    /// More than one packet, or the kernel gave up.
    insistent: bool,
    events: Events,
}

/// The events that tell of one, in the order they came.
type Events = Vec<(Timestamp, KernelEvent)>;

impl Doubts {
    /// A packet of a doubtful loss.
    pub(crate) fn add(&mut self, place: Place, kind: Kind, at: Timestamp, event: KernelEvent) {
        let Some(packet) = event.packet else { return };
        let source = packet.source;
        if asks(kind) && self.is_scan(place, source, at, event.remote) {
            let of_scan = |(there, _, _): &Question| *there == place;
            self.questions
                .retain(|question, doubt| !of_scan(question) || doubt.source != source);
            return;
        }
        let question = (place, kind, event.remote);
        if self.questions.len() >= QUESTIONS && !self.questions.contains_key(&question) {
            return;
        }
        let doubt = self.questions.entry(question).or_insert(Doubt {
            first: at,
            last: at,
            source,
            insistent: false,
            events: Vec::new(),
        });
        doubt.insistent |= !doubt.events.is_empty();
        doubt.keep(at, event);
    }

    /// The kernel's totals of a remote. Packets like one that was told of are not told of again within
    /// a second, but all are counted.
    pub(crate) fn count(&mut self, counter: &Counter) {
        let kinds = [
            (Way::Arriving, Kind::ReversePathDrop),
            (Way::Forwarded, Kind::ForwardBlackhole),
        ];
        let mut kinds = kinds.into_iter();
        // Packets of this host are told by their neighbour's failure at the latest.
        let Some((_, kind)) = kinds.find(|(way, _)| *way as u32 == counter.way) else {
            return;
        };
        let place = Place {
            netns: counter.netns,
            ifindex: counter.ifindex,
        };
        let question = (place, kind, counter.remote);
        if let Some(doubt) = self.questions.get_mut(&question) {
            doubt.insistent |= doubt.is_repeated(counter);
        }
    }

    /// Whether the source asks for so many addresses in vain that it looks around.
    fn is_scan(&mut self, place: Place, source: IpAddr, at: Timestamp, remote: IpAddr) -> bool {
        let asked = self.asked.entry((place, source)).or_default();
        asked.retain(|_, last| at.since(*last) < SCAN);
        if asked.len() < ASKED {
            asked.insert(remote, at);
        }
        asked.len() > SCANNED
    }

    /// Something else about a remote under doubt: its neighbour failed, a packet died.
    pub(crate) fn note(&mut self, at: Timestamp, event: &KernelEvent) {
        let here =
            |(place, _, remote): &Question| place.netns == event.netns && *remote == event.remote;
        let concerned = self
            .questions
            .iter_mut()
            .filter(|(question, _)| here(question));
        for (_, doubt) in concerned {
            doubt.insistent = true;
            doubt.keep(at, event.clone());
        }
    }

    /// The kernel gave the remote up `at` that time: whoever asked for it meant it.
    pub(crate) fn give_up(&mut self, place: Place, remote: IpAddr, at: Timestamp) {
        let doubts = self.questions.iter_mut();
        for (_, doubt) in doubts.filter(|(it, _)| is_for(it, place, remote)) {
            doubt.insistent |= waited_for(at, doubt.first);
        }
    }

    /// Whether somebody asks for the remote.
    pub(crate) fn asks_for(&self, place: Place, remote: IpAddr) -> bool {
        self.questions.keys().any(|it| is_for(it, place, remote))
    }

    /// Whether nothing is doubtful.
    pub(crate) fn is_empty(&self) -> bool {
        self.questions.is_empty()
    }

    /// Forgets what was not repeated.
    pub(crate) fn expire(&mut self, now: Timestamp) {
        self.questions
            .retain(|_, doubt| now.since(doubt.last) < MEMORY);
        self.asked
            .retain(|_, addresses| addresses.values().any(|last| now.since(*last) < SCAN));
    }

    /// Takes what is sure enough now.
    pub(crate) fn ripen(&mut self, now: Timestamp) -> Vec<Events> {
        let ripe: BTreeSet<Question> = self
            .questions
            .iter()
            .filter(|(_, doubt)| doubt.due().is_some_and(|due| now >= due))
            .map(|(question, _)| *question)
            .collect();
        let take = |question: Question| Some(self.questions.remove(&question)?.events);
        ripe.into_iter().filter_map(take).collect()
    }

    /// When something becomes sure, if nothing changes.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        self.questions.values().filter_map(Doubt::due).min()
    }
}

impl Doubt {
    fn keep(&mut self, at: Timestamp, event: KernelEvent) {
        self.last = self.last.max(at);
        if self.events.len() < KEPT {
            self.events.push((at, event));
        }
    }

    /// Whether more packets died for the same reason than the first that was told of.
    fn is_repeated(&self, counter: &Counter) -> bool {
        let told = self.events.first().and_then(|(_, event)| {
            let died = counter.dropped.get(&(event.reason? as u8))?;
            Some(*died > event.before + 1)
        });
        told == Some(true)
    }

    fn due(&self) -> Option<Timestamp> {
        self.insistent.then(|| self.first.plus(PATIENCE))
    }
}

/// Whether a packet that was lost first `since` then may have waited for a neighbour that `failed` then. That the neighbour
/// is asked for again is told by nobody, and that it failed a moment later than it did; often its failure is what has a
/// packet sent again.
pub(crate) fn waited_for(failed: Timestamp, since: Timestamp) -> bool {
    failed >= since.plus(PROBING)
}

fn is_for((here, kind, whom): &Question, place: Place, remote: IpAddr) -> bool {
    (*here, *whom) == (place, remote) && asks(*kind)
}

/// Whether the remote is asked for by somebody here, who may be scanning. Otherwise it came by itself.
fn asks(kind: Kind) -> bool {
    kind != Kind::ReversePathDrop
}

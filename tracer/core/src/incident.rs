//! One outage: everything the events say of one bridge, as long as it lasts.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    net::IpAddr,
};

use serde_json::Value;
use tracer_common::{DropReason, Way};

use crate::{
    finding::{Counts, Evidence, EvidenceKind, Finding, Kind, Packet, RouteRef, Verdict, Victim},
    input::Counter,
    remote::{Measure, Remote},
    time::{SECOND, Timestamp},
    world::fib::FlowKey,
};

/// Flows told apart per incident; beyond that they are counted as one.
const FLOWS: usize = 4096;
/// Victims told by name, the worst first; their number is told in any case.
const VICTIMS: usize = 32;
/// Remotes watched per incident.
const WATCHED: usize = 256;
/// News (a new victim, a new flow) is told at most this often,
const NEWS_GAP: u64 = SECOND;
/// and after this moment, because one cause makes several facts: the neighbour fails, the packets
/// in its queue die.
const GATHER: u64 = SECOND / 20;
/// Bare counts are told first after this, then ever more rarely.
const COUNTS_GAP: u64 = 10 * SECOND;
const COUNTS_GAP_MAX: u64 = 300 * SECOND;

/// Where an incident happens: one bridge in one namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Namespace, inode number.
    pub netns: u32,
    /// ifindex of the bridge.
    pub ifindex: u32,
}

/// Why an incident has something to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum News {
    /// Nothing new.
    None,
    /// Numbers went up.
    Counts,
    /// A new victim, flow or piece of evidence.
    Fact,
    /// What people wait for: the verdict changed, the network or the process became known.
    Urgent,
}

/// A lost packet, as an event tells it.
#[derive(Clone, Copy, Debug)]
pub struct Loss {
    /// When.
    pub at: Timestamp,
    /// The packet.
    pub packet: Packet,
    /// Its TCP flags.
    pub tcp_flags: u8,
    /// What the hook counts.
    pub measure: Measure,
    /// How many it had counted before.
    pub before: u64,
}

/// Everything that the world's answers about an incident depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct View {
    /// [`crate::world::World::inputs`].
    inputs: u64,
    lost_events: u64,
    sure: bool,
    packet: Packet,
    key: FlowKey,
    socket: Option<u64>,
    ingress: Option<u32>,
    forwarded_iif: Option<u32>,
    /// How many there are; none leaves before the end.
    remotes: usize,
    evidence: usize,
}

/// A remote that a packet could not leave to but by the bridge, by what the world knew then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Trapped {
    pub(crate) remote: IpAddr,
    /// [`crate::world::World::ways`].
    pub(crate) ways: u64,
    pub(crate) key: FlowKey,
}

/// What the world knows of the place of an incident.
#[derive(Clone, Debug)]
struct Facts {
    /// The network, with its daemon's endpoint.
    network: Option<(String, String)>,
    /// The way out.
    expected: Option<RouteRef>,
    /// The container that sends.
    sender: Option<String>,
}

/// One outage.
#[derive(Clone, Debug)]
pub struct Incident {
    /// Where.
    pub place: Place,
    /// What it is.
    pub kind: Kind,
    /// Whoever is missing is somebody outside, see [`crate::diagnose`].
    pub sure: bool,
    /// Stable name.
    pub id: String,
    /// First lost packet.
    pub start: Timestamp,
    /// Latest lost packet that brought something new.
    pub packet: Packet,
    /// Its TCP flags.
    pub tcp_flags: u8,
    /// Where it came in, if it was only passed on.
    pub forwarded_iif: Option<u32>,
    /// What the kernel looked up for it, as far as it is known.
    pub key: FlowKey,
    /// The mirrored routing policy agrees with the kernel that the packet belongs here: only then
    /// can it tell when the outage is over.
    pub mirrored: bool,
    /// Inode of its socket.
    pub socket: Option<u64>,
    /// Where the remotes come in.
    pub ingress: Option<u32>,
    /// Verdict last said.
    pub verdict: Verdict,
    /// Latest lost packet.
    pub last: Timestamp,
    /// Since when no remote's route leads here any more.
    pub rerouted: Option<Timestamp>,
    /// A remote whose route did, when that was asked last.
    pub(crate) trapped: Option<Trapped>,
    /// What the kernel had counted of everybody there when it was asked last before the first lost packet.
    counted: BTreeMap<IpAddr, Counter>,
    /// Who is affected.
    pub remotes: BTreeMap<IpAddr, Remote>,
    /// What was said last: the world may forget what an outage needs to be told whole.
    pub told: Option<Box<Finding>>,
    /// What the world knows of the place, see [`Self::note_facts`].
    facts: Option<Facts>,
    /// What was known when the world was asked last, see [`Self::has_changed`].
    seen: Option<View>,
    /// Socket whose process was noted last.
    process: Option<u64>,
    flows: BTreeSet<Packet>,
    evidence: BTreeMap<EvidenceKind, Evidence>,
    news: News,
    /// When the facts not told yet began to come in.
    news_at: Timestamp,
    last_said: Timestamp,
    counts_gap: u64,
}

impl Incident {
    /// Begins with the first lost packet.
    #[must_use]
    pub fn new(
        place: Place,
        kind: Kind,
        start: Timestamp,
        packet: Packet,
        counted: BTreeMap<IpAddr, Counter>,
    ) -> Self {
        Self {
            place,
            kind,
            sure: false,
            // Unique on a host: a bridge has one outage of a kind at a time.
            id: format!("{:x}-{}-{:x}", place.netns, place.ifindex, start.0),
            start,
            packet,
            tcp_flags: 0,
            forwarded_iif: None,
            key: FlowKey::to(packet.destination),
            mirrored: true,
            socket: None,
            ingress: None,
            verdict: Verdict::Suspected,
            last: start,
            rerouted: None,
            trapped: None,
            counted,
            remotes: BTreeMap::new(),
            told: None,
            facts: None,
            seen: None,
            process: None,
            flows: BTreeSet::new(),
            evidence: BTreeMap::new(),
            news: News::Fact,
            news_at: start,
            last_said: Timestamp(0),
            counts_gap: COUNTS_GAP,
        }
    }

    /// A packet of this incident was lost. Whether the remote is new.
    pub fn add_packet(&mut self, remote: IpAddr, way: Way, loss: &Loss) -> bool {
        let entry = self.remotes.entry(remote);
        let new_remote = matches!(entry, Entry::Vacant(_));
        let counted = self.counted.get(&remote);
        let new = || Remote::new(way, loss.measure, loss.before, counted);
        let state = entry.or_insert_with(new);
        if new_remote || state.answered {
            state.since = loss.at;
        }
        state.lose(loss.measure, loss.before);
        self.last = self.last.max(loss.at);
        if let Measure::Dropped(reason) = loss.measure {
            state.see_death(reason);
        }
        let new_flow = self.flows.len() < FLOWS && self.flows.insert(loss.packet);
        if new_remote || new_flow {
            self.packet = loss.packet;
            self.tcp_flags = loss.tcp_flags;
            self.raise(News::Fact);
        } else {
            self.raise(News::Counts);
        }
        new_remote
    }

    /// So much was counted of a remote that was nobody's loss: not ours to count, should it be lost from now on. Nothing
    /// at all if the kernel half forgot it.
    pub fn disregard(&mut self, counter: &Counter) {
        self.counted.insert(counter.remote, counter.clone());
    }

    /// The kernel's totals of a remote.
    pub fn add_counter(&mut self, counter: &Counter) {
        let Some(remote) = self.remotes.get_mut(&counter.remote) else {
            return;
        };
        if remote.count(counter) {
            self.raise(News::Counts);
        }
    }

    /// A packet to `remote` died.
    pub fn add_drop(&mut self, at: Timestamp, remote: IpAddr, reason: DropReason) {
        let Some(state) = self.remotes.get_mut(&remote) else {
            return;
        };
        state.see_death(reason);
        self.add_death(at, reason);
    }

    /// The death of a packet that is counted already.
    pub fn add_death(&mut self, at: Timestamp, reason: DropReason) {
        let detail = || [("reason", Value::from(reason.name()))];
        self.prove(EvidenceKind::Drop, at, detail);
    }

    /// Adds a particular to a piece of evidence that is there.
    pub fn detail(&mut self, kind: EvidenceKind, key: &'static str, value: Value) {
        if let Some(evidence) = self.evidence.get_mut(&kind)
            && evidence.detail.insert(key, value).is_none()
        {
            self.raise(News::Fact);
        }
    }

    /// Adds a piece of evidence, once.
    pub fn prove<const N: usize>(
        &mut self,
        kind: EvidenceKind,
        at: Timestamp,
        detail: impl FnOnce() -> [(&'static str, Value); N],
    ) {
        if let Entry::Vacant(entry) = self.evidence.entry(kind) {
            entry.insert(Evidence {
                kind,
                at,
                detail: BTreeMap::from(detail()),
            });
            self.raise(News::Fact);
        }
    }

    /// Whether this piece of evidence is there.
    #[must_use]
    pub fn has(&self, kind: EvidenceKind) -> bool {
        self.evidence.contains_key(&kind)
    }

    /// The evidence, in order of time.
    #[must_use]
    pub fn evidence(&self) -> Vec<Evidence> {
        let mut evidence: Vec<Evidence> = self.evidence.values().cloned().collect();
        for piece in &mut evidence {
            match piece.kind {
                EvidenceKind::Drop => self.detail_drops(piece),
                EvidenceKind::Retransmit => self.detail_retransmissions(piece),
                _ => {}
            }
        }
        evidence.sort_by_key(|e| (e.at, e.kind));
        evidence
    }

    /// How much was lost.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts {
            packets: self.remotes.values().map(Remote::packets).sum(),
            flows: self.flows.len() as u64,
            remotes: self.remotes.len() as u64,
        }
    }

    /// Who lost how much, most first.
    #[must_use]
    pub fn victims(&self) -> Vec<Victim> {
        let victim = |(address, remote): (&IpAddr, &Remote)| Victim {
            address: *address,
            packets: remote.packets(),
        };
        let mut victims: Vec<Victim> = self.remotes.iter().map(victim).collect();
        victims.sort_by_key(|v| (std::cmp::Reverse(v.packets), v.address));
        victims.truncate(VICTIMS);
        victims
    }

    /// Victims of whom a packet was seen leaving by another device since their last loss.
    pub fn healed(&self) -> impl Iterator<Item = IpAddr> {
        let healed = |(_, remote): &(&IpAddr, &Remote)| remote.healed.is_some();
        self.remotes
            .iter()
            .filter(healed)
            .map(|(address, _)| *address)
    }

    /// Whom the kernel half should watch: a packet of any of them tells enough.
    pub fn watched(&self) -> impl Iterator<Item = IpAddr> {
        self.remotes.keys().take(WATCHED).copied()
    }

    /// Whether the remote that was [`Trapped`] still is.
    pub(crate) fn is_still_trapped(&self, ways: u64) -> bool {
        self.trapped.is_some_and(|it| {
            let remote = self.remotes.get(&it.remote);
            (it.ways, it.key) == (ways, self.key)
                && remote.is_some_and(|remote| remote.healed.is_none())
        })
    }

    /// Whether the world, which has taken in so many inputs with news, may say anything that it did not say when this
    /// was asked last. Most inputs only count.
    pub(crate) fn has_changed(&mut self, inputs: u64, lost_events: u64) -> bool {
        let view = View {
            inputs,
            lost_events,
            sure: self.sure,
            packet: self.packet,
            key: self.key,
            socket: self.socket,
            ingress: self.ingress,
            forwarded_iif: self.forwarded_iif,
            remotes: self.remotes.len(),
            evidence: self.evidence.len(),
        };
        self.seen.replace(view) != Some(view)
    }

    /// Notes what is known besides the packets (network, way out); new facts are urgent news.
    pub fn note_facts(
        &mut self,
        network: Option<(&str, &String)>,
        expected: Option<&RouteRef>,
        sender: Option<&String>,
    ) {
        // Nearly always what it was: nothing is copied to see that.
        let same = self.facts.as_ref().is_some_and(|known| {
            let known_network = known.network.as_ref();
            known_network.map(|(daemon, id)| (daemon.as_str(), id)) == network
                && known.expected.as_ref() == expected
                && known.sender.as_ref() == sender
        });
        if !same {
            self.facts = Some(Facts {
                network: network.map(|(daemon, id)| (daemon.to_owned(), id.clone())),
                expected: expected.cloned(),
                sender: sender.cloned(),
            });
            self.raise(News::Urgent);
        }
    }

    /// The process behind the packet became known.
    pub fn note_process(&mut self, inode: u64) {
        let first = self.process.is_none();
        if self.process.replace(inode) != Some(inode) {
            self.raise(if first { News::Urgent } else { News::Fact });
        }
    }

    /// Something new came in.
    pub fn raise(&mut self, news: News) {
        self.news = self.news.max(news);
    }

    /// When the pending news should be told; `None` if there is none, or if the outage seems
    /// over and only its end is worth telling.
    #[must_use]
    pub fn due(&self) -> Option<Timestamp> {
        match self.news {
            News::None => None,
            _ if self.rerouted.is_some() => None,
            _ if self.told.is_none() => Some(self.start),
            News::Urgent => Some(self.last_said),
            News::Fact => Some(self.last_said.plus(NEWS_GAP).max(self.news_at.plus(GATHER))),
            News::Counts => Some(self.last_said.plus(self.counts_gap)),
        }
    }

    /// Whether anything is untold.
    #[must_use]
    pub fn has_news(&self) -> bool {
        self.news > News::None
    }

    /// Notes the time; facts that came in since the last call began to wait now.
    pub fn clock(&mut self, now: Timestamp) {
        if self.news >= News::Fact && self.news_at <= self.last_said {
            self.news_at = now;
        }
    }

    /// `finding` was said.
    pub fn tell(&mut self, finding: &Finding) {
        if self.news == News::Counts {
            self.counts_gap = (self.counts_gap * 2).min(COUNTS_GAP_MAX);
        }
        self.news = News::None;
        self.last_said = finding.at;
        self.told = Some(Box::new(finding.clone()));
    }

    fn detail_retransmissions(&self, evidence: &mut Evidence) {
        // The first was seen, or there would be no evidence; the counter is read a moment later.
        let count: u64 = self.remotes.values().map(Remote::retransmitted).sum();
        evidence.detail.insert("count", Value::from(count.max(1)));
    }

    /// Exact numbers of dead packets; the commonest reason stands for all.
    fn detail_drops(&self, evidence: &mut Evidence) {
        let total = |reason: &DropReason| self.remotes.values().map(|r| r.drops(*reason)).sum();
        let drops: BTreeMap<DropReason, u64> = DropReason::ALL
            .iter()
            .map(|reason| (*reason, total(reason)))
            .filter(|(_, count)| *count > 0)
            .collect();
        if let Some((reason, _)) = drops.iter().max_by_key(|(_, count)| **count) {
            evidence.detail.insert("reason", Value::from(reason.name()));
        }
        // One was seen, or what it waited for was seen given up.
        let count = drops.values().sum::<u64>().max(1);
        evidence.detail.insert("count", Value::from(count));
        if drops.len() > 1 {
            let all = drops
                .iter()
                .map(|(reason, n)| (reason.name().to_owned(), Value::from(*n)));
            evidence
                .detail
                .insert("reasons", Value::Object(all.collect()));
        }
    }
}

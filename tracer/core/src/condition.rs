//! States of the host that are wrong for as long as they last, whether or not a packet is lost.
//!
//! A rule looks at the world and says what is wrong in it now; it remembers nothing. What was said
//! before is kept here, so that a state opens, is updated and ends like an outage does. `check`
//! asks the same rules once.

pub(crate) mod ghost;
mod overlap;
mod pools;
mod unreachable;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use crate::{
    finding::{Finding, Kind, Particulars, Phase},
    incident::Place,
    input::{Counter, DaemonStatus},
    time::{SECOND, Timestamp},
    world::World,
};

/// Between two looks at the world, whatever changes in it: a dump is a thousand changes.
const LOOK_GAP: u64 = SECOND / 50;
/// What is new about a state is told at most this often,
const NEWS_GAP: u64 = SECOND;
/// and bare numbers this rarely.
const COUNTS_GAP: u64 = 60 * SECOND;

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A live stream, which tells what goes wrong.
    Watch,
    /// An operator who wants to know everything that could.
    Check,
}

/// What a rule is given.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Situation<'a> {
    pub(crate) world: &'a World,
    pub(crate) now: Timestamp,
    pub(crate) purpose: Purpose,
    /// Bridges that packets are being lost in.
    pub(crate) losing: &'a BTreeSet<Place>,
    /// What the kernel counted, by bridge, way and remote.
    pub(crate) counters: &'a BTreeMap<(Place, u32, IpAddr), Counter>,
    /// What was said of states that last, by the id that the rule gave them.
    pub(crate) told: &'a BTreeMap<String, Finding>,
}

/// One kind of state.
struct Rule {
    kind: Kind,
    /// Every state of the kind that holds now: `id` tells them apart and is the same at every look,
    /// `start` is when it began, as far as the world knows.
    find: fn(Situation<'_>) -> Vec<Finding>,
    /// How the end of one is told.
    over: fn(&Finding) -> String,
}

const RULES: [Rule; 4] = [
    Rule {
        kind: Kind::SubnetOverlap,
        find: overlap::find,
        over: overlap::over,
    },
    Rule {
        kind: Kind::GhostNetwork,
        find: ghost::find,
        over: ghost::over,
    },
    Rule {
        kind: Kind::AddressPool,
        find: pools::find,
        over: pools::over,
    },
    Rule {
        kind: Kind::DaemonUnreachable,
        find: unreachable::find,
        over: unreachable::over,
    },
];

/// Everything that is wrong with the world at this moment.
pub(crate) fn all(situation: Situation<'_>) -> Vec<Finding> {
    RULES
        .iter()
        .flat_map(|rule| (rule.find)(situation))
        .collect()
}

/// What was said of states that last.
#[derive(Clone, Debug, Default)]
pub(crate) struct Conditions {
    /// By what a rule knows them by; each has the id of its occurrence.
    told: BTreeMap<String, Finding>,
    /// The latest occurrence: a state that comes again is another one, also after a step back in time.
    latest: u64,
    /// The world changed since it was looked at.
    changed: bool,
    /// In a way that cannot wait.
    urgent: bool,
    looked: Timestamp,
}

impl Conditions {
    /// The world is not what it was.
    pub(crate) const fn note_change(&mut self) {
        self.changed = true;
    }

    /// A network may cut somebody off from now on: whoever is to know should know before he notices.
    pub(crate) const fn hurry(&mut self) {
        self.urgent = true;
    }

    /// The ghost that the bridge is part of, as it was told last.
    pub(crate) fn ghost_of(&self, netns: u32, bridge: &str) -> Option<&Finding> {
        let is_it = |told: &&Finding| {
            let its = told.bridge.as_ref().map(|bridge| bridge.name.as_str());
            told.kind == Kind::GhostNetwork && told.netns.inum == netns && its == Some(bridge)
        };
        self.told.values().find(is_it)
    }

    /// When the world should be looked at again.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        let gap = if self.urgent { 0 } else { LOOK_GAP };
        self.changed.then(|| self.looked.plus(gap))
    }

    /// Looks at the world and says what is new.
    pub(crate) fn review(&mut self, situation: Situation<'_>, sequence: &mut u64) -> Vec<Finding> {
        self.changed = false;
        self.urgent = false;
        self.looked = situation.now;
        let mut said = Vec::new();
        for rule in &RULES {
            said.extend(self.review_rule(rule, situation, sequence));
        }
        said
    }

    fn review_rule(
        &mut self,
        rule: &Rule,
        situation: Situation<'_>,
        sequence: &mut u64,
    ) -> Vec<Finding> {
        let found = (rule.find)(Situation {
            told: &self.told,
            ..situation
        });
        let there: BTreeSet<&str> = found.iter().map(|finding| finding.id.as_str()).collect();
        let over = |key: &str, told: &Finding| {
            told.kind == rule.kind && !there.contains(key) && is_knowable(situation.world, told)
        };
        let keys: Vec<String> = self
            .told
            .iter()
            .filter(|(key, told)| over(key, told))
            .map(|(key, _)| key.clone())
            .collect();
        let ended = keys.iter().filter_map(|key| self.told.remove(key));
        let ended = ended.map(|told| Finding {
            phase: Phase::Resolved,
            end: Some(situation.now),
            reason: (rule.over)(&told),
            remedies: Vec::new(),
            // What was not known, and what was to be done, was so while it lasted.
            unknown: Vec::new(),
            particulars: told.particulars.clone().map(Particulars::without_advice),
            ..told
        });
        let mut said: Vec<Finding> = ended.collect();
        said.extend(
            found
                .into_iter()
                .filter_map(|it| self.news(it, situation.now)),
        );
        for finding in &mut said {
            *sequence += 1;
            finding.sequence = *sequence;
            finding.at = situation.now;
        }
        said
    }

    /// The finding, if it says anything that was not said before or not lately.
    fn news(&mut self, finding: Finding, now: Timestamp) -> Option<Finding> {
        let key = finding.id.clone();
        let finding = match self.told.get(&key) {
            None => Finding {
                id: self.occurrence(&key, now),
                phase: Phase::Opened,
                at: now,
                ..finding
            },
            Some(told) => {
                let news = Finding {
                    id: told.id.clone(),
                    phase: Phase::Updated,
                    start: told.start,
                    at: now,
                    ..finding
                };
                if now < told.at.plus(gap(told, &news)) || is_same(told, &news) {
                    return None;
                }
                news
            }
        };
        self.told.insert(key, finding.clone());
        Some(finding)
    }

    /// The id of a state that begins: what has ended stays ended.
    fn occurrence(&mut self, key: &str, now: Timestamp) -> String {
        self.latest = now.0.max(self.latest.saturating_add(1));
        format!("{key}-{:x}", self.latest)
    }
}

/// How long after `told` it is worth saying `finding`.
fn gap(told: &Finding, finding: &Finding) -> u64 {
    let uncounted = Finding {
        counts: told.counts,
        ..finding.clone()
    };
    if is_same(told, &uncounted) {
        COUNTS_GAP
    } else {
        NEWS_GAP
    }
}

/// Whether both say the same, apart from when.
fn is_same(told: &Finding, finding: &Finding) -> bool {
    let same_moment = Finding {
        at: told.at,
        sequence: told.sequence,
        phase: told.phase,
        ..finding.clone()
    };
    *told == same_moment
}

/// Whether the absence of what was told would be seen: a namespace that is being read again, or a
/// daemon that does not answer, says nothing about what is there.
fn is_knowable(world: &World, told: &Finding) -> bool {
    let namespace = world.namespace(told.netns.inum);
    let read = namespace.is_none_or(|namespace| namespace.synced);
    let daemon = told.docker_network.as_ref().map(|network| &network.daemon);
    let answers = daemon.is_none_or(|daemon| {
        let mut daemons = world.docker.daemons();
        daemons.all(|(endpoint, status)| {
            endpoint != daemon || matches!(status, DaemonStatus::Reachable(_))
        })
    });
    read && answers && (told.kind != Kind::GhostNetwork || ghost::is_knowable(world, told))
}

#[cfg(test)]
mod tests;

//! The engine: takes inputs, keeps the world and the incidents, says findings.

mod evidence;
mod failures;
mod index;
mod loss;
mod lost_packet;
mod resets;
mod route;
mod snapshot;
mod surroundings;
mod waiting;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use ipnet::IpNet;
use tracer_common::Hook;

use crate::{
    belonging::Belonging,
    condition::Conditions,
    daemon_life::DaemonLives,
    decode::{KernelEvent, Record, record},
    describe, diagnose,
    doubt::Doubts,
    ending::{self, End, end_of},
    excuse::Excuses,
    finding::{Finding, Kind},
    incident::{Incident, News, Place},
    input::{Body, Counter, Input, NetChange},
    killed::Killed,
    overview::Overview,
    summary::Summary,
    time::Timestamp,
    world::{World, kernel_log::Line, namespace::answers, pools::PoolUse},
};

use self::{
    failures::Failures,
    index::Index,
    loss::Losses,
    lost_packet::{place_of, tells_of, way_of},
    resets::Resets,
    waiting::{Queue, Waiting},
};

/// What an incident is known by: a bridge has one of each kind at a time.
type Key = (Place, Kind);

/// What the kernel counted when it was asked last, by place, way and remote.
type Counters = BTreeMap<(Place, u32, IpAddr), Counter>;

/// The core. See the crate's documentation.
#[derive(Clone, Debug, Default)]
pub struct Core {
    world: World,
    incidents: BTreeMap<Key, Incident>,
    /// Where to find them.
    index: Index,
    waiting: Queue,
    /// Remotes that were given the benefit of the doubt: a container may have had the address.
    excuses: Excuses,
    /// Losses that are none if nobody outside has the address.
    doubts: Doubts,
    resets: Resets,
    failures: Failures,
    /// The kernel's totals, by bridge, way and remote.
    counters: Counters,
    losses: Losses,
    conditions: Conditions,
    daemons: DaemonLives,
    killed: Killed,
    /// Counts changes of whom to watch.
    watch_version: u64,
    sequence: u64,
}

impl Core {
    /// Takes in one input and says what follows from it.
    pub fn observe(&mut self, input: &Input) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut touched = BTreeSet::new();
        let last = matches!(input.body, Body::Stop);
        match &input.body {
            Body::Kernel(bytes) => self.take_bytes(input.at, bytes, &mut touched),
            Body::Counters(counters) => self.take_counters(counters, &mut touched),
            Body::Loss(loss) => {
                let world = &self.world;
                findings.extend(self.losses.take(world, loss, &mut self.sequence, input.at));
            }
            Body::KernelLogLost(lines) => self.losses.kernel_log(*lines, input.at),
            Body::Tick | Body::Stop => {
                self.note_given_up(input.at);
                if self.excuses.expire(input.at) {
                    self.watch_version += 1;
                }
                self.doubts.expire(input.at);
                self.losses.expire(input.at);
                self.resets.expire(input.at);
                touched.extend(self.incidents.keys());
            }
            other => {
                findings.extend(self.daemon_news(input.at, other));
                self.world.apply(input.at, other);
                self.touch(other, &mut touched);
                if let Body::Net { netns, change } = other {
                    self.failures.note(input.at, *netns, change);
                }
                if !other.is_about_neighbours() {
                    self.conditions.note_change();
                    self.retry_waiting(input.at, &mut touched);
                }
                if matches!(other, Body::Peers { .. }) || self.is_new_way(input) {
                    self.conditions.hurry();
                }
            }
        }
        if last {
            self.release_all(&mut touched);
        }
        self.release_due(input.at, &mut touched);
        let ticks = last || matches!(input.body, Body::Tick);
        self.ripen(input.at, &mut touched);
        if ticks {
            self.prove_given_up(input.at, &mut touched);
            let world = &self.world;
            findings.extend(self.losses.own(world, &mut self.sequence, input.at));
        }
        for key in touched {
            findings.extend(self.review(input.at, key, last));
            self.schedule(key);
        }
        findings.extend(self.review_kills(input));
        findings.extend(self.look_around(input));
        findings
    }

    /// What a single look at the host, which brought `findings`, comes to.
    #[must_use]
    pub fn summary(&self, findings: &[Finding], now: Timestamp) -> Summary {
        Summary::of(&self.world, findings, now)
    }

    /// Packets lost so far in each outage that was told of and is not over, by the id of its finding.
    pub fn lost(&self) -> impl Iterator<Item = (&str, u64)> {
        let incidents = self.incidents.values();
        incidents.filter_map(|it| Some((it.told.as_deref()?.id.as_str(), it.counts().packets)))
    }

    /// What the host is like now, for a screen.
    #[must_use]
    pub fn overview(&self) -> Overview {
        let lost_events = self.losses.concerning(self.world.session.netns);
        Overview::of(&self.world, lost_events)
    }

    /// The address pools of every daemon that answers: how many are left, and which come next.
    #[must_use]
    pub fn pools(&self) -> Vec<PoolUse> {
        self.world.pools()
    }

    /// Whom a line of the kernel's log belongs to, as far as that is known now.
    #[must_use]
    pub fn belonging(&self, line: &Line) -> Option<Belonging> {
        let belonging = Belonging::of(&self.world, line)?;
        let ghost = self.conditions.ghost_of(belonging.netns, &belonging.bridge);
        Some(Belonging {
            story: ghost.map(|ghost| ghost.id.clone()),
            ..belonging
        })
    }

    /// The state of the host.
    #[must_use]
    pub const fn world(&self) -> &World {
        &self.world
    }

    /// When to feed a [`Body::Tick`] at the latest, if anything is pending.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        let waiting = self.waiting.deadline();
        let due = self.index.deadline();
        let ripe = self.doubts.deadline();
        let look = self.conditions.deadline();
        let killed = self.killed.deadline();
        waiting
            .into_iter()
            .chain(due)
            .chain(ripe)
            .chain(look)
            .chain(killed)
            .min()
    }

    /// Remotes under suspicion → the bridge, for the kernel half to watch. Changes only when
    /// [`Self::watch_version`] does.
    #[must_use]
    pub fn watched(&self) -> BTreeMap<(u32, IpAddr), u32> {
        let remotes = |incident: &Incident| -> Vec<_> {
            let place = incident.place;
            let watched = incident.watched();
            watched
                .map(|ip| ((place.netns, ip), place.ifindex))
                .collect()
        };
        let suspects = self.incidents.values().flat_map(remotes);
        self.excuses.watched().chain(suspects).collect()
    }

    /// Counts changes of [`Self::watched`].
    #[must_use]
    pub const fn watch_version(&self) -> u64 {
        self.watch_version
    }

    /// Namespaces that events came from and of which nothing is known.
    #[must_use]
    pub fn unknown_namespaces(&self) -> BTreeSet<u32> {
        let inums = self.waiting.namespaces();
        inums
            .filter(|inum| self.world.namespace(*inum).is_none())
            .collect()
    }

    /// Prefixes routed into bridges, for the kernel half to remember ingress from.
    #[must_use]
    pub fn bridge_prefixes(&self) -> BTreeSet<IpNet> {
        self.world.bridge_prefixes()
    }

    fn take_bytes(&mut self, at: Timestamp, bytes: &[u8], touched: &mut BTreeSet<Key>) {
        match record(bytes) {
            Ok(Record::Packet(event)) => self.wait(Waiting::new(at, event), touched),
            Ok(Record::Signal(sent)) => self.killed.take(at, sent, &self.world),
            Ok(Record::Exec(started)) => self.world.processes.start(at, &started),
            Err(_) => self.losses.undecoded(at),
        }
    }

    fn take_counters(&mut self, counters: &[Counter], touched: &mut BTreeSet<Key>) {
        for counter in counters {
            // The kernel half forgot a remote long silent.
            let gone = counter.is_zero();
            let place = Place {
                netns: counter.netns,
                ifindex: counter.ifindex,
            };
            let concerned = |incident: &&mut Incident| way_of(incident.kind) as u32 == counter.way;
            let here = self.incidents.range_mut(index::at(place));
            for incident in here.map(|(_, incident)| incident).filter(concerned) {
                if gone {
                    incident.disregard(counter);
                }
                incident.add_counter(counter);
                touched.insert((place, incident.kind));
            }
            self.doubts.count(counter);
            let key = (place, counter.way, counter.remote);
            if gone {
                self.counters.remove(&key);
            } else {
                self.counters.insert(key, counter.clone());
            }
        }
    }

    /// Events other than lost packets: they prove or heal incidents, and open none.
    fn take_evidence(&mut self, at: Timestamp, event: &KernelEvent, touched: &mut BTreeSet<Key>) {
        match event.hook {
            Hook::DevReceive => self.excuses.came_in(event),
            Hook::NeighTimer | Hook::SkbDrop => self.doubts.note(at, event),
            Hook::TcpReset => self.resets.add(at, place_of(event), event.remote),
            _ => {}
        }
        let keys = self.index.of_remote(event.netns, event.remote);
        for key in keys.filter(|(_, kind)| tells_of(event, *kind)) {
            let incident = self.incidents.get_mut(&key);
            if incident.is_some_and(|it| evidence::take(&self.world, it, at, event)) {
                touched.insert(key);
            }
        }
    }

    /// Looks at one incident after something may have changed, and says what is due.
    fn review(&mut self, now: Timestamp, key: Key, last: bool) -> Option<Finding> {
        let lost_events = self.losses.concerning(key.0.netns);
        let incident = self.incidents.get_mut(&key)?;
        if let Some(end) = end_of(&self.world, incident, now) {
            return self.resolve(now, key, end);
        }
        if incident.has_changed(self.world.inputs, lost_events) {
            ask(&self.world, incident, lost_events, now);
        }
        incident.clock(now);
        let due = incident.due().is_some_and(|due| now >= due);
        if !(due || last && incident.has_news()) {
            return None;
        }
        self.sequence += 1;
        let context = describe::Context::of(&self.world, incident, lost_events);
        let finding = context.finding(incident, self.sequence, now);
        incident.tell(&finding);
        Some(finding)
    }

    /// What an input changed of an incident may change when it is due.
    fn schedule(&mut self, key: Key) {
        let incident = self.incidents.get(&key);
        let due = incident.and_then(|it| {
            let proof = it.rerouted.map(|since| since.plus(ending::PROOF));
            it.due().into_iter().chain(proof).min()
        });
        self.index.schedule(key, due);
    }

    fn resolve(&mut self, now: Timestamp, key: Key, end: End) -> Option<Finding> {
        let incident = self.incidents.remove(&key)?;
        self.index.remove(key, incident.remotes.keys());
        self.watch_version += 1;
        let told = incident.told.as_deref()?;
        self.sequence += 1;
        Some(describe::resolved(&incident, told, end, self.sequence, now))
    }

    /// Incidents that what the world was just told may change.
    fn touch(&mut self, body: &Body, touched: &mut BTreeSet<Key>) {
        match body {
            Body::Net {
                netns,
                change: NetChange::Neighbour(neighbour),
            } => {
                let place = Place {
                    netns: *netns,
                    ifindex: neighbour.ifindex,
                };
                for (_, incident) in self.incidents.range_mut(index::at(place)) {
                    let remote = incident.remotes.get_mut(&neighbour.address);
                    if let Some(remote) = remote.filter(|_| answers(neighbour)) {
                        remote.answered = true;
                        touched.insert((place, incident.kind));
                    }
                }
            }
            Body::Net { change, .. } if change.is_about_neighbours() => {}
            Body::Net { netns, .. } => {
                let here = self.incidents.range(index::within(*netns));
                touched.extend(here.map(|(key, _)| *key));
            }
            _ => touched.extend(self.incidents.keys()),
        }
    }
}

/// Asks the world what it says of an incident by now.
fn ask(world: &World, incident: &mut Incident, lost_events: u64, now: Timestamp) {
    let context = describe::Context::of(world, incident, lost_events);
    context.note(incident, now);
    let has = |kind| incident.has(kind);
    let verdict = diagnose::verdict(incident.kind, incident.sure, has, context.blind());
    if verdict != incident.verdict {
        incident.verdict = verdict;
        incident.raise(News::Urgent);
    }
}

//! The engine: takes inputs, keeps the world and the incidents, says findings.

mod evidence;
mod loss;
mod resets;
mod route;
mod waiting;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use ipnet::IpNet;
use tracer_common::{Hook, Way};

use crate::{
    belonging::Belonging,
    condition::{self, Conditions, Purpose, Situation},
    daemon_life::DaemonLives,
    decode::{KernelEvent, Record, record},
    describe,
    diagnose::{self, Judgement, Subject},
    doubt::Doubts,
    ending::{self, End, end_of},
    excuse::Excuses,
    finding::{Finding, Kind},
    incident::{Incident, Loss, News, Place},
    input::{Body, Counter, Input, NetChange},
    killed::{Killed, Time},
    remote::Measure,
    summary::Summary,
    time::Timestamp,
    world::{World, bridge, kernel_log::Line, namespace::answers, pools::PoolUse},
};

use self::{loss::Losses, resets::Resets, waiting::Waiting};

/// What an incident is known by: a bridge has one of each kind at a time.
type Key = (Place, Kind);

/// The core. See the crate's documentation.
#[derive(Clone, Debug, Default)]
pub struct Core {
    world: World,
    incidents: BTreeMap<Key, Incident>,
    waiting: Vec<Waiting>,
    /// Remotes that were given the benefit of the doubt: a container may have had the address.
    excuses: Excuses,
    /// Losses that are none if nobody outside has the address.
    doubts: Doubts,
    resets: Resets,
    /// The kernel's totals, by bridge, way and remote.
    counters: BTreeMap<(Place, u32, IpAddr), Counter>,
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
        match &input.body {
            Body::Kernel(bytes) => self.take_bytes(input.at, bytes, &mut touched),
            Body::Counters(counters) => self.take_counters(counters, &mut touched),
            Body::Loss(loss) => {
                let world = &self.world;
                findings.extend(self.losses.take(world, loss, &mut self.sequence, input.at));
            }
            Body::Tick | Body::Stop => {
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
                if !is_about_neighbours(other) {
                    self.conditions.note_change();
                }
                if matches!(other, Body::Peers { .. }) || self.is_new_way(input) {
                    self.conditions.hurry();
                }
            }
        }
        let last = matches!(input.body, Body::Stop);
        self.retry_waiting(input.at, last, &mut touched);
        self.ripen(input.at, &mut touched);
        if last || matches!(input.body, Body::Tick) {
            let world = &self.world;
            findings.extend(self.losses.own(world, &mut self.sequence, input.at));
        }
        for key in touched {
            findings.extend(self.review(input.at, key, last));
        }
        findings.extend(self.review_kills(input));
        findings.extend(self.look_around(input));
        findings
    }

    /// Everything that is wrong with the host at this moment, for who asks once.
    #[must_use]
    pub fn check(&self, now: Timestamp) -> Vec<Finding> {
        condition::all(Situation {
            world: &self.world,
            now,
            purpose: Purpose::Check,
            losing: &self.losing(),
            counters: &self.counters,
            told: &BTreeMap::new(),
        })
    }

    /// What a single look at the host, which brought `findings`, comes to.
    #[must_use]
    pub fn summary(&self, findings: &[Finding], now: Timestamp) -> Summary {
        Summary::of(&self.world, findings, now)
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
        let waiting = self.waiting.iter().map(|waiting| self.patience(waiting));
        let due = self.incidents.values().filter_map(Incident::due);
        let proof = self
            .incidents
            .values()
            .filter_map(|i| Some(i.rerouted?.plus(ending::PROOF)));
        let ripe = self.doubts.deadline();
        let look = self.conditions.deadline();
        let killed = self.killed.deadline();
        waiting
            .chain(due)
            .chain(proof)
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
        let inums = self.waiting.iter().map(|waiting| waiting.event.netns);
        inums
            .filter(|inum| self.world.namespace(*inum).is_none())
            .collect()
    }

    /// Prefixes routed into bridges, for the kernel half to remember ingress from.
    #[must_use]
    pub fn bridge_prefixes(&self) -> BTreeSet<IpNet> {
        self.world.bridge_prefixes()
    }

    /// What befell a daemon, as the input tells that the world has yet to take in.
    fn daemon_news(&mut self, at: Timestamp, body: &Body) -> Option<Finding> {
        let mut finding = self.daemons.take(at, body, &self.world)?;
        self.sequence += 1;
        finding.sequence = self.sequence;
        Some(finding)
    }

    /// Processes that were killed.
    fn review_kills(&mut self, input: &Input) -> Vec<Finding> {
        let time = match input.body {
            Body::Stop => Time::Over,
            Body::Tick => Time::Passes,
            _ => Time::Runs,
        };
        let sequence = &mut self.sequence;
        self.killed
            .review(&mut self.world, input.at, time, sequence)
    }

    /// States of the host that began, changed or ended.
    fn look_around(&mut self, input: &Input) -> Vec<Finding> {
        let asked = matches!(input.body, Body::Tick);
        if !(asked
            || self
                .conditions
                .deadline()
                .is_some_and(|due| input.at >= due))
        {
            return Vec::new();
        }
        let situation = Situation {
            world: &self.world,
            now: input.at,
            purpose: Purpose::Watch,
            losing: &self.losing(),
            counters: &self.counters,
            told: &BTreeMap::new(),
        };
        self.conditions.review(situation, &mut self.sequence)
    }

    /// Bridges that packets are being lost in.
    fn losing(&self) -> BTreeSet<Place> {
        self.incidents.keys().map(|(place, _)| *place).collect()
    }

    /// Whether the input, which was observed, tells of a route into a bridge: somebody in use may be cut
    /// off by it, and it is time to know who is in use.
    #[must_use]
    pub fn is_new_way(&self, input: &Input) -> bool {
        let Body::Net {
            netns,
            change: NetChange::Route(route),
        } = &input.body
        else {
            return false;
        };
        self.world.namespace(*netns).is_some_and(|namespace| {
            let mut hops = route.nexthops.iter();
            namespace.synced && hops.any(|hop| bridge::swallows(namespace, hop.ifindex))
        })
    }

    fn take_bytes(&mut self, at: Timestamp, bytes: &[u8], touched: &mut BTreeSet<Key>) {
        match record(bytes) {
            Ok(Record::Packet(event)) if is_a_loss(&event) || self.is_awaited(&event) => {
                self.wait(Waiting { at, event }, touched);
            }
            Ok(Record::Packet(event)) => self.take_evidence(at, &event, touched),
            Ok(Record::Signal(sent)) => self.killed.take(at, sent, &self.world),
            Ok(Record::Exec(started)) => self.world.processes.start(at, &started),
            Err(_) => self.losses.undecoded(at),
        }
    }

    fn take_counters(&mut self, counters: &[Counter], touched: &mut BTreeSet<Key>) {
        for counter in counters {
            let place = Place {
                netns: counter.netns,
                ifindex: counter.ifindex,
            };
            let concerned = |incident: &&mut Incident| {
                incident.place == place && way_of(incident.kind) as u32 == counter.way
            };
            for incident in self.incidents.values_mut().filter(concerned) {
                incident.add_counter(counter);
                touched.insert((place, incident.kind));
            }
            self.doubts.count(counter);
            let key = (place, counter.way, counter.remote);
            if *counter == forgotten(counter) {
                // The kernel half forgot a remote long silent.
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
        let concerned = |incident: &&mut Incident| {
            incident.place.netns == event.netns
                && incident.remotes.contains_key(&event.remote)
                && tells_of(event, incident.kind)
        };
        for incident in self.incidents.values_mut().filter(concerned) {
            if evidence::take(&self.world, incident, at, event) {
                touched.insert((incident.place, incident.kind));
            }
        }
    }

    /// A packet was routed into a bridge, and nothing good came of it.
    fn take_lost_packet(&mut self, waiting: Waiting, touched: &mut BTreeSet<Key>) {
        let Waiting { at, mut event } = waiting;
        event.ingress = self.excuses.ingress(&event).or(event.ingress);
        match self.judge(at, &event) {
            Judgement::Lost(kind) => self.lose(at, &event, kind, true, touched),
            Judgement::Doubtful { kind, sure } if self.is_open(&event, kind) => {
                self.lose(at, &event, kind, sure, touched);
            }
            Judgement::Doubtful { kind, .. } => self.doubt(at, kind, event),
            Judgement::Excused(_) => {
                if event.way() == Way::Sent && self.excuses.excuse(at, &event) {
                    self.watch_version += 1;
                }
            }
            Judgement::Silent(_) => {}
        }
    }

    /// Keeps a lost packet until it is sure; what it is counted among may have been read before.
    fn doubt(&mut self, at: Timestamp, kind: Kind, event: KernelEvent) {
        let counted = (place_of(&event), way_of(kind) as u32, event.remote);
        self.doubts.add(place_of(&event), kind, at, event);
        if let Some(counter) = self.counters.get(&counted) {
            self.doubts.count(counter);
        }
    }

    fn judge(&mut self, at: Timestamp, event: &KernelEvent) -> Judgement {
        let Some(namespace) = self.world.namespace(event.netns).filter(|ns| ns.synced) else {
            // A namespace that lived for a moment; what was no reply anyhow is nobody's loss.
            if diagnose::could_be_lost(event) {
                self.losses.unread(event.netns, at);
            }
            return Judgement::Silent("nothing is known of the namespace");
        };
        let Some(bridge) = namespace.link(event.ifindex) else {
            return Judgement::Silent("the bridge is gone");
        };
        let Some(packet) = event.packet else {
            return Judgement::Silent("the packet is not known");
        };
        diagnose::judge(&Subject {
            world: &self.world,
            namespace,
            bridge,
            event,
            packet,
            at,
        })
    }

    /// Whether an incident of the kind has the event's remote already.
    fn is_open(&self, event: &KernelEvent, kind: Kind) -> bool {
        self.incidents
            .get(&(place_of(event), kind))
            .is_some_and(|incident| incident.remotes.contains_key(&event.remote))
    }

    /// Adds a lost packet to its incident.
    fn lose(
        &mut self,
        at: Timestamp,
        event: &KernelEvent,
        kind: Kind,
        sure: bool,
        touched: &mut BTreeSet<Key>,
    ) {
        let (Some(packet), Some(measure)) = (event.packet, measure_of(event)) else {
            return;
        };
        let place = place_of(event);
        let way = way_of(kind);
        let counted = self.counters.get(&(place, way as u32, event.remote));
        // A first packet may meet an unresolved neighbour although somebody else has the address.
        let (measure, before) = if way == event.way() {
            (measure, event.before)
        } else {
            (Measure::Misrouted, counted.map_or(0, |c| c.misrouted))
        };
        let loss = Loss {
            at,
            packet,
            tcp_flags: event.tcp_flags,
            measure,
            before,
            counted,
        };
        let new = || Incident::new(place, kind, at, packet);
        let incident = self.incidents.entry((place, kind)).or_insert_with(new);
        if incident.add_packet(event.remote, way, &loss) {
            self.watch_version += 1;
        }
        incident.sure |= sure;
        if incident.packet == packet {
            incident.key = route::key_of(event);
            incident.socket = event.socket_inode;
            incident.forwarded_iif = event.forwarded_iif;
        }
        if let Some(namespace) = self.world.namespace(place.netns) {
            route::note(namespace, incident, at, event);
        }
        evidence::of_loss(&self.world, incident, at, event);
        if kind == Kind::Misdelivery
            && let Some(reset) = self.resets.last(place, event.remote)
        {
            evidence::prove_reset(incident, reset, event.remote);
        }
        self.supersede(place, kind, event.remote, touched);
        touched.insert((place, kind));
    }

    /// A remote whose replies are lost one way now is not lost the other way any more.
    fn supersede(&mut self, place: Place, kind: Kind, remote: IpAddr, touched: &mut BTreeSet<Key>) {
        let others: &[Kind] = match kind {
            Kind::ReplyBlackhole => &[Kind::Misdelivery, Kind::ReversePathDrop],
            Kind::Misdelivery => &[Kind::ReplyBlackhole, Kind::ReversePathDrop],
            _ => return,
        };
        for other in others {
            let incident = self.incidents.get_mut(&(place, *other));
            if let Some(state) = incident.and_then(|incident| incident.remotes.get_mut(&remote)) {
                state.superseded = true;
                touched.insert((place, *other));
            }
        }
    }

    /// Takes what was doubtful and is sure enough now: judged again, by what is known by now.
    fn ripen(&mut self, now: Timestamp, touched: &mut BTreeSet<Key>) {
        for ripe in self.doubts.ripen(now) {
            for (at, event) in ripe {
                if !is_a_loss(&event) {
                    self.take_evidence(at, &event, touched);
                    continue;
                }
                match self.judge(at, &event) {
                    Judgement::Lost(kind) => self.lose(at, &event, kind, true, touched),
                    Judgement::Doubtful { kind, sure } => {
                        self.lose(at, &event, kind, sure, touched);
                    }
                    Judgement::Excused(_) | Judgement::Silent(_) => {}
                }
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
        let context = describe::Context::of(&self.world, incident, lost_events);
        context.note(incident, now);
        let has = |kind| incident.has(kind);
        let verdict = diagnose::verdict(incident.kind, incident.sure, has, context.blind());
        if verdict != incident.verdict {
            incident.verdict = verdict;
            incident.raise(News::Urgent);
        }
        incident.clock(now);
        let due = incident.due().is_some_and(|due| now >= due);
        if !(due || last && incident.has_news()) {
            return None;
        }
        self.sequence += 1;
        let finding = context.finding(incident, self.sequence, now);
        incident.tell(&finding);
        Some(finding)
    }

    fn resolve(&mut self, now: Timestamp, key: Key, end: End) -> Option<Finding> {
        let incident = self.incidents.remove(&key)?;
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
                let here = |incident: &&mut Incident| incident.place == place;
                for incident in self.incidents.values_mut().filter(here) {
                    let remote = incident.remotes.get_mut(&neighbour.address);
                    if let Some(remote) = remote.filter(|_| answers(neighbour)) {
                        remote.answered = true;
                        touched.insert((place, incident.kind));
                    }
                }
            }
            Body::Net { change, .. } if change.is_about_neighbours() => {}
            Body::Net { netns, .. } => {
                let here = |(place, _): &&Key| place.netns == *netns;
                touched.extend(self.incidents.keys().filter(here));
            }
            _ => touched.extend(self.incidents.keys()),
        }
    }
}

/// Where an event happened.
const fn place_of(event: &KernelEvent) -> Place {
    Place {
        netns: event.netns,
        ifindex: event.ifindex,
    }
}

/// What the event's hook counts, if the event tells of a packet that may open an incident. Packets of
/// this host are told of when they meet the neighbour; their deaths prove what is known already.
fn measure_of(event: &KernelEvent) -> Option<Measure> {
    match (event.hook, event.way()) {
        (Hook::NeighSend, _) => Some(Measure::Unresolved),
        (Hook::FibLookup | Hook::Fib6Lookup, _) => Some(Measure::Misrouted),
        (Hook::SkbDrop, Way::Forwarded | Way::Arriving) if !event.arp => {
            event.reason.map(Measure::Dropped)
        }
        _ => None,
    }
}

/// Whether the event tells of a packet that may open an incident.
fn is_a_loss(event: &KernelEvent) -> bool {
    measure_of(event).is_some()
}

/// Neighbours come and go by the thousand, and no state of the host depends on them.
const fn is_about_neighbours(body: &Body) -> bool {
    matches!(body, Body::Net { change, .. } if change.is_about_neighbours())
}

/// Which way packets go that are lost by an incident of this kind.
const fn way_of(kind: Kind) -> Way {
    match kind {
        Kind::ForwardBlackhole => Way::Forwarded,
        Kind::Misdelivery => Way::Misdelivered,
        Kind::ReversePathDrop => Way::Arriving,
        _ => Way::Sent,
    }
}

/// Whether an event that opens nothing tells of incidents of this kind.
fn tells_of(event: &KernelEvent, kind: Kind) -> bool {
    match event.hook {
        Hook::TcpReset => kind == Kind::Misdelivery,
        Hook::TcpRetransmit | Hook::TcpRetransmitSynack => way_of(kind) == Way::Sent,
        Hook::SkbDrop => event.arp || way_of(kind) == event.way(),
        _ => true,
    }
}

/// The same counter of a remote of which nothing is counted.
fn forgotten(counter: &Counter) -> Counter {
    Counter {
        way: counter.way,
        ..Counter::zero(counter.netns, counter.ifindex, counter.remote)
    }
}

//! The engine: takes inputs, keeps the world and the incidents, says findings.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use ipnet::IpNet;
use serde_json::Value;
use tracer_common::{Hook, Way};

use crate::{
    decode::{KernelEvent, decode},
    describe,
    diagnose::reply_blackhole::{self, Judgement},
    doubt::Doubts,
    ending::{self, End, end_of},
    finding::{EvidenceKind, Finding, Phase},
    incident::{Incident, News, Place},
    input::{Body, Counter, DaemonStatus, HookLoss, Input, NetChange},
    time::{SECOND, Timestamp},
    world::{
        World,
        fib::{self, FlowKey},
        namespace::{Namespace, answers},
    },
};

/// How long an event waits for the links, routes and docker's word that explain it: they come
/// from other sources and may be a moment late.
const PATIENCE: u64 = SECOND / 20;
/// The same while the namespace itself is being found and read.
const PATIENCE_NETNS: u64 = 2 * SECOND;
/// Events that wait at once; beyond that the oldest is taken as it is.
const WAITING: usize = 1024;
/// Kinds of devices that run on top of others.
const UPPER: [&str; 6] = ["macvlan", "macvtap", "ipvlan", "vlan", "bond", "team"];

/// An event that waits for the world to catch up.
#[derive(Clone, Debug)]
struct Waiting {
    at: Timestamp,
    event: KernelEvent,
}

/// The core. See the crate's documentation.
#[derive(Clone, Debug, Default)]
pub struct Core {
    world: World,
    incidents: BTreeMap<Place, Incident>,
    waiting: Vec<Waiting>,
    /// Remotes that were given the benefit of the doubt: a container may have had the address.
    doubts: Doubts,
    counters: BTreeMap<(Place, IpAddr), Counter>,
    /// Losses by hook, and when the first of each was noticed.
    losses: BTreeMap<String, (Timestamp, HookLoss)>,
    /// Counts changes of whom to watch.
    watch_version: u64,
    /// Events that could not be decoded or explained.
    unexplained: u64,
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
            Body::Loss(loss) => findings.extend(self.take_loss(input.at, loss)),
            Body::Tick | Body::Stop => {
                if self.doubts.expire(input.at) {
                    self.watch_version += 1;
                }
                touched.extend(self.incidents.keys());
            }
            other => {
                self.world.apply(input.at, other);
                self.touch(other, &mut touched);
            }
        }
        let last = matches!(input.body, Body::Stop);
        self.retry_waiting(input.at, last, &mut touched);
        if last || matches!(input.body, Body::Tick) {
            findings.extend(self.own_loss(input.at));
        }
        for place in touched {
            findings.extend(self.review(input.at, place, last));
        }
        findings
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
        waiting.chain(due).chain(proof).min()
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
        self.doubts.watched().chain(suspects).collect()
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

    /// Events known to be lost so far.
    #[must_use]
    pub fn lost_events(&self) -> u64 {
        self.losses.values().map(|(_, loss)| loss.total()).sum()
    }

    fn take_bytes(&mut self, at: Timestamp, bytes: &[u8], touched: &mut BTreeSet<Place>) {
        match decode(bytes) {
            Ok(event) if event.hook == Hook::NeighSend => {
                if self.waiting.len() >= WAITING {
                    let oldest = self.waiting.remove(0);
                    self.take_lost_packet(oldest, touched);
                }
                self.waiting.push(Waiting { at, event });
            }
            Ok(event) => self.take_evidence(at, &event, touched),
            Err(_) => self.unexplained += 1,
        }
    }

    fn take_counters(&mut self, counters: &[Counter], touched: &mut BTreeSet<Place>) {
        let sent = |counter: &&Counter| counter.way == Way::Sent as u32;
        for counter in counters.iter().filter(sent) {
            let place = Place {
                netns: counter.netns,
                ifindex: counter.ifindex,
            };
            if let Some(incident) = self.incidents.get_mut(&place) {
                incident.add_counter(counter);
                touched.insert(place);
            }
            let key = (place, counter.remote);
            if counter.unresolved == 0 && counter.dropped.is_empty() {
                // The kernel half forgot a remote long silent.
                self.counters.remove(&key);
            } else {
                self.counters.insert(key, counter.clone());
            }
        }
    }

    fn take_loss(&mut self, at: Timestamp, loss: &HookLoss) -> Option<Finding> {
        let known = self.losses.get(&loss.hook);
        if known.is_some_and(|(_, known)| known.total() >= loss.total()) {
            return None;
        }
        let phase = if known.is_some() {
            Phase::Updated
        } else {
            Phase::Opened
        };
        let start = known.map_or(at, |(start, _)| *start);
        self.losses.insert(loss.hook.clone(), (start, loss.clone()));
        self.sequence += 1;
        let finding = describe::events_lost(&self.world, loss, phase, self.sequence, at);
        Some(Finding { start, ..finding })
    }

    /// What the core itself had to give up on.
    fn own_loss(&mut self, at: Timestamp) -> Option<Finding> {
        let loss = HookLoss {
            hook: Hook::NeighSend.tracepoint().to_owned() + " (unexplained)",
            unexplained: self.unexplained,
            ..HookLoss::default()
        };
        if self.unexplained == 0 {
            None
        } else {
            self.take_loss(at, &loss)
        }
    }

    /// Events other than lost packets: they prove or heal incidents, and open none.
    fn take_evidence(&mut self, at: Timestamp, event: &KernelEvent, touched: &mut BTreeSet<Place>) {
        if event.hook == Hook::DevReceive {
            self.doubts.came_in(event);
        }
        let concerned = |incident: &&mut Incident| {
            incident.place.netns == event.netns && incident.remotes.contains_key(&event.remote)
        };
        for incident in self.incidents.values_mut().filter(concerned) {
            let here = incident.place.ifindex == event.ifindex;
            match event.hook {
                Hook::NeighTimer if here => incident.prove(
                    EvidenceKind::NeighbourFailed,
                    at,
                    [("address", Value::from(event.remote.to_string()))],
                ),
                Hook::SkbDrop if here && event.forwarded_iif.is_none() && !event.arp => {
                    if let Some(reason) = event.reason {
                        incident.add_drop(at, event.remote, reason);
                    }
                }
                Hook::DevReceive if !here => {
                    let ingress = ingress_of(&self.world, event);
                    prove_asymmetry(&self.world, incident, at, ingress, event.remote);
                }
                Hook::DevQueue if !here => {
                    if let Some(remote) = incident.remotes.get_mut(&event.remote) {
                        remote.healed = Some(at);
                    }
                }
                _ => continue,
            }
            touched.insert(incident.place);
        }
    }

    /// Takes the waiting events that can be explained now, or have waited long enough; at the end
    /// all of them.
    fn retry_waiting(&mut self, now: Timestamp, last: bool, touched: &mut BTreeSet<Place>) {
        let waiting = std::mem::take(&mut self.waiting);
        for waiting in waiting {
            let patient = !last && now < self.patience(&waiting);
            if !patient || self.explainable(&waiting.event) {
                self.take_lost_packet(waiting, touched);
            } else {
                self.waiting.push(waiting);
            }
        }
    }

    fn patience(&self, waiting: &Waiting) -> Timestamp {
        let synced = self
            .world
            .namespace(waiting.event.netns)
            .is_some_and(|ns| ns.synced);
        waiting
            .at
            .plus(if synced { PATIENCE } else { PATIENCE_NETNS })
    }

    /// Whether everything that explains the event is there: the route that leads to the bridge,
    /// and docker's word on whose it is.
    fn explainable(&self, event: &KernelEvent) -> bool {
        let Some(namespace) = self.world.namespace(event.netns).filter(|ns| ns.synced) else {
            return false;
        };
        let Some(link) = namespace.link(event.ifindex) else {
            return false;
        };
        let routed = fib::lookup(namespace, key_of(event), |_| false)
            .is_some_and(|answer| answer.ifindex == event.ifindex);
        // Without docker's word the neighbour gets a moment to answer, unless it cannot be there.
        let docker = &self.world.docker;
        let told = docker.network_of_bridge(event.netns, &link.name).is_some()
            || docker
                .daemons()
                .all(|(_, status)| matches!(status, DaemonStatus::Unreachable(_)))
                && reply_blackhole::came_in_elsewhere(event);
        routed && told && self.sender_known(event)
    }

    /// Whether the sending process is known, or there is none.
    fn sender_known(&self, event: &KernelEvent) -> bool {
        event
            .owned_socket()
            .is_none_or(|inode| self.world.owner(inode).is_some())
    }

    /// A packet met an unresolved neighbour on a bridge.
    fn take_lost_packet(&mut self, waiting: Waiting, touched: &mut BTreeSet<Place>) {
        let Waiting { at, mut event } = waiting;
        event.ingress = self.doubts.ingress(&event).or(event.ingress);
        let place = Place {
            netns: event.netns,
            ifindex: event.ifindex,
        };
        let Some(namespace) = self.world.namespace(event.netns).filter(|ns| ns.synced) else {
            // A namespace that lived for a moment; what was no reply anyhow is nobody's loss.
            self.unexplained += u64::from(reply_blackhole::could_be_lost(&event));
            return;
        };
        let judgement = reply_blackhole::judge(&self.world, namespace, &event, at);
        if matches!(judgement, Judgement::Excused(_)) && self.doubts.excuse(at, &event) {
            self.watch_version += 1;
        }
        let (Judgement::Lost, Some(packet)) = (judgement, event.packet) else {
            return;
        };
        let incident = self
            .incidents
            .entry(place)
            .or_insert_with(|| Incident::new(place, at, packet));
        let counted = self.counters.get(&(place, event.remote));
        if incident.add_packet(event.remote, packet, event.before, counted) {
            self.watch_version += 1;
        }
        if incident.packet == packet {
            incident.key = key_of(&event);
            incident.socket = event.socket_inode;
        }
        note_route(namespace, incident, at, &event);
        if reply_blackhole::came_in_elsewhere(&event)
            && let Some(ifindex) = event.ingress
        {
            prove_asymmetry(&self.world, incident, at, ifindex, event.remote);
        }
        touched.insert(place);
    }

    /// Looks at one incident after something may have changed, and says what is due.
    fn review(&mut self, now: Timestamp, place: Place, last: bool) -> Option<Finding> {
        let lost_events = self.lost_events();
        let incident = self.incidents.get_mut(&place)?;
        if let Some(end) = end_of(&self.world, incident, now) {
            return self.resolve(now, place, end);
        }
        let context = describe::Context::of(&self.world, incident, lost_events);
        context.note(incident, now);
        let verdict = reply_blackhole::verdict(|kind| incident.has(kind), context.blind());
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

    fn resolve(&mut self, now: Timestamp, place: Place, end: End) -> Option<Finding> {
        let incident = self.incidents.remove(&place)?;
        self.watch_version += 1;
        let told = incident.told.as_deref()?;
        self.sequence += 1;
        Some(describe::resolved(&incident, told, end, self.sequence, now))
    }

    /// Incidents that what the world was just told may change.
    fn touch(&mut self, body: &Body, touched: &mut BTreeSet<Place>) {
        match body {
            Body::Net {
                netns,
                change: NetChange::Neighbour(neighbour),
            } => {
                let place = Place {
                    netns: *netns,
                    ifindex: neighbour.ifindex,
                };
                let incident = self.incidents.get_mut(&place);
                let remote = incident.and_then(|i| i.remotes.get_mut(&neighbour.address));
                if let Some(remote) = remote.filter(|_| answers(neighbour)) {
                    remote.answered = true;
                    touched.insert(place);
                }
            }
            Body::Net { change, .. } if change.is_about_neighbours() => {}
            Body::Net { netns, .. } => {
                let here = |place: &&Place| place.netns == *netns;
                touched.extend(self.incidents.keys().filter(here));
            }
            _ => touched.extend(self.incidents.keys()),
        }
    }
}

/// What the kernel looked up for the event, as far as it is known.
fn key_of(event: &KernelEvent) -> FlowKey {
    FlowKey {
        destination: event.remote,
        source: event.packet.map(|packet| packet.source),
        oif: event.lookup.map_or(0, |lookup| lookup.oif),
        mark: event.lookup.map_or(0, |lookup| lookup.mark),
    }
}

/// Compares the mirrored policy with where the kernel routed the packet.
fn note_route(namespace: &Namespace, incident: &mut Incident, at: Timestamp, event: &KernelEvent) {
    let answer = fib::lookup(namespace, key_of(event), |_| false)
        .filter(|answer| answer.ifindex == event.ifindex);
    // A packet older than the last change says nothing of the policy of now.
    if at > namespace.changed {
        incident.mirrored = answer.is_some();
        incident.rerouted = None;
    }
    let Some(answer) = answer else { return };
    // A cached route needs no lookup: then the packet itself, on the bridge, is the proof.
    let seen = if event.lookup.is_some() {
        "fib-lookup"
    } else {
        "packet-on-bridge"
    };
    let detail = [
        ("prefix", Value::from(answer.route.prefix.to_string())),
        ("table", Value::from(answer.route.table)),
        ("device", Value::from(answer.route.device)),
        ("seen", Value::from(seen)),
    ];
    incident.prove(EvidenceKind::RouteIntoBridge, at, detail);
}

/// The device a packet came in by. One that runs on top of another (macvlan, VLAN, bond) is seen
/// after that one, and is the one that matters.
fn ingress_of(world: &World, event: &KernelEvent) -> u32 {
    let owner = || {
        let namespace = world.namespace(event.netns)?;
        let link = namespace.link(namespace.own_address(event.packet?.destination)?)?;
        link.kind
            .as_ref()
            .filter(|kind| UPPER.contains(&kind.as_str()))
            .map(|_| link.ifindex)
    };
    owner().unwrap_or(event.ifindex)
}

fn prove_asymmetry(
    world: &World,
    incident: &mut Incident,
    at: Timestamp,
    ingress: u32,
    remote: IpAddr,
) {
    incident.ingress.get_or_insert(ingress);
    let link = world
        .namespace(incident.place.netns)
        .and_then(|ns| ns.link(ingress));
    let device = link.map_or_else(|| ingress.to_string(), |link| link.name.clone());
    let detail = [
        ("device", Value::from(device)),
        ("remote", Value::from(remote.to_string())),
    ];
    incident.prove(EvidenceKind::IngressAsymmetry, at, detail);
}

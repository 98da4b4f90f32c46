//! What becomes of a packet that was routed into a bridge: judged, doubted, or added to its outage.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr},
};

use tracer_common::{Hook, Way};

use crate::{
    decode::KernelEvent,
    diagnose::{self, Judgement, Subject},
    finding::Kind,
    incident::{Incident, Loss, Place},
    input::Counter,
    remote::{self, Measure},
    time::Timestamp,
};

use super::{Core, Counters, Key, evidence, index, route, waiting::Waiting};

impl Core {
    /// A packet was routed into a bridge, and nothing good came of it.
    pub(super) fn take_lost_packet(&mut self, mut lost: Waiting, touched: &mut BTreeSet<Key>) {
        let (at, event) = (lost.at, &mut lost.event);
        event.ingress = self.excuses.ingress(event).or(event.ingress);
        match self.judge(at, event) {
            Judgement::Lost(kind) => self.lose(&lost, kind, true, touched),
            Judgement::Doubtful { kind, sure } if self.is_open(event, kind) => {
                self.lose(&lost, kind, sure, touched);
            }
            Judgement::Doubtful { kind, .. } => self.doubt(at, kind, lost.event),
            Judgement::Excused(_) => {
                self.disregard(event);
                if event.way() == Way::Sent && self.excuses.excuse(at, event) {
                    self.watch_version += 1;
                }
            }
            Judgement::Silent(_) => self.disregard(event),
            // Whoever it is may be told of later: it stays counted.
            Judgement::Unknown(_) => {}
        }
    }

    /// What was counted up to a packet that is nobody's loss belongs to no outage, neither to one that is open nor to
    /// one that begins before the counters are read again.
    fn disregard(&mut self, event: &KernelEvent) {
        let Some(measure) = measure_of(event).filter(|_| event.before > 0) else {
            return;
        };
        let (place, way) = (place_of(event), event.way() as u32);
        let counter = self.counters.entry((place, way, event.remote));
        let counter = counter.or_insert_with(|| Counter {
            way,
            ..Counter::zero(place.netns, place.ifindex, event.remote)
        });
        remote::raise(counter, measure, event.before + 1);
        let here = self.incidents.range_mut(index::at(place));
        for (_, incident) in here.filter(|((_, kind), _)| way_of(*kind) as u32 == way) {
            incident.disregard(counter);
        }
    }

    /// Keeps a lost packet until it is sure; what it is counted among may have been read before.
    pub(super) fn doubt(&mut self, at: Timestamp, kind: Kind, event: KernelEvent) {
        let counted = (place_of(&event), way_of(kind) as u32, event.remote);
        self.doubts.add(place_of(&event), kind, at, event);
        if let Some(counter) = self.counters.get(&counted) {
            self.doubts.count(counter);
        }
    }

    pub(super) fn judge(&mut self, at: Timestamp, event: &KernelEvent) -> Judgement {
        let Some(namespace) = self.world.namespace(event.netns).filter(|ns| ns.synced) else {
            // A namespace that lived for a moment; what was no reply anyhow is nobody's loss.
            if diagnose::could_be_lost(event) {
                self.losses.unread(event.netns, at);
            }
            return Judgement::Unknown("nothing is known of the namespace");
        };
        let Some(bridge) = namespace.link(event.ifindex) else {
            return Judgement::Unknown("the bridge is gone");
        };
        let Some(packet) = event.packet else {
            return Judgement::Unknown("the packet is not known");
        };
        let docker = &self.world.docker;
        diagnose::judge(&Subject {
            world: &self.world,
            namespace,
            bridge,
            network: docker.network_of_bridge(event.netns, &bridge.name),
            event,
            packet,
            at,
        })
    }

    /// Whether an incident of the kind has the event's remote already.
    pub(super) fn is_open(&self, event: &KernelEvent, kind: Kind) -> bool {
        self.incidents
            .get(&(place_of(event), kind))
            .is_some_and(|incident| incident.remotes.contains_key(&event.remote))
    }

    /// Adds a lost packet to its incident.
    pub(super) fn lose(
        &mut self,
        lost: &Waiting,
        kind: Kind,
        sure: bool,
        touched: &mut BTreeSet<Key>,
    ) {
        let (at, event) = (lost.at, &lost.event);
        let (Some(packet), Some(measure)) = (event.packet, measure_of(event)) else {
            return;
        };
        let place = place_of(event);
        let way = way_of(kind);
        // A first packet may meet an unresolved neighbour although somebody else has the address.
        let (measure, before) = if way == event.way() {
            (measure, event.before)
        } else {
            let counted = self.counters.get(&(place, way as u32, event.remote));
            (Measure::Misrouted, counted.map_or(0, |it| it.misrouted))
        };
        let loss = Loss {
            at,
            packet,
            tcp_flags: event.tcp_flags,
            measure,
            before,
        };
        let new = || {
            let counted = counted_of(&self.counters, place, way);
            Incident::new(place, kind, at, packet, counted)
        };
        let incident = self.incidents.entry((place, kind)).or_insert_with(new);
        if incident.add_packet(event.remote, way, &loss) {
            self.watch_version += 1;
            self.index.add((place, kind), event.remote);
        }
        incident.sure |= sure;
        if incident.packet == packet {
            incident.key = route::key_of(event);
            incident.socket = event.socket_inode;
            incident.forwarded_iif = event.forwarded_iif;
        }
        if let Some(namespace) = self.world.namespace(place.netns) {
            route::note(namespace, incident, lost);
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
    pub(super) fn supersede(
        &mut self,
        place: Place,
        kind: Kind,
        remote: IpAddr,
        touched: &mut BTreeSet<Key>,
    ) {
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
    pub(super) fn ripen(&mut self, now: Timestamp, touched: &mut BTreeSet<Key>) {
        for ripe in self.doubts.ripen(now) {
            for (at, event) in ripe {
                if !is_a_loss(&event) {
                    self.take_evidence(at, &event, touched);
                    continue;
                }
                let lost = Waiting::new(at, event);
                match self.judge(at, &lost.event) {
                    Judgement::Lost(kind) => self.lose(&lost, kind, true, touched),
                    Judgement::Doubtful { kind, sure } => self.lose(&lost, kind, sure, touched),
                    Judgement::Excused(_) | Judgement::Silent(_) | Judgement::Unknown(_) => {}
                }
            }
        }
    }
}

/// What was counted of everybody there.
fn counted_of(counters: &Counters, place: Place, way: Way) -> BTreeMap<IpAddr, Counter> {
    let way = way as u32;
    let from = (place, way, IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    let here = counters
        .range(from..)
        .take_while(|(key, _)| (key.0, key.1) == (place, way));
    here.map(|((.., remote), counter)| (*remote, counter.clone()))
        .collect()
}

/// Where an event happened.
pub(super) const fn place_of(event: &KernelEvent) -> Place {
    Place {
        netns: event.netns,
        ifindex: event.ifindex,
    }
}

/// What the event's hook counts, if the event tells of a packet that may open an incident. Packets of
/// this host are told of when they meet the neighbour; their deaths prove what is known already.
pub(super) fn measure_of(event: &KernelEvent) -> Option<Measure> {
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
pub(super) fn is_a_loss(event: &KernelEvent) -> bool {
    measure_of(event).is_some()
}

/// Which way packets go that are lost by an incident of this kind.
pub(super) const fn way_of(kind: Kind) -> Way {
    match kind {
        Kind::ForwardBlackhole => Way::Forwarded,
        Kind::Misdelivery => Way::Misdelivered,
        Kind::ReversePathDrop => Way::Arriving,
        _ => Way::Sent,
    }
}

/// Whether an event that opens nothing tells of incidents of this kind.
pub(super) fn tells_of(event: &KernelEvent, kind: Kind) -> bool {
    match event.hook {
        Hook::TcpReset => kind == Kind::Misdelivery,
        Hook::TcpRetransmit | Hook::TcpRetransmitSynack => way_of(kind) == Way::Sent,
        Hook::SkbDrop => event.arp || way_of(kind) == event.way(),
        _ => true,
    }
}

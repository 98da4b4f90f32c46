//! What is said besides lost packets: states of the host, killed processes, daemons that were away.

use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
};

use crate::{
    condition::{self, Purpose, Situation},
    finding::Finding,
    incident::Place,
    input::{Body, Input, NetChange},
    killed::Time,
    time::Timestamp,
    world::bridge,
};

use super::Core;

impl Core {
    /// Everything that is wrong with the host at this moment, for who asks once.
    #[must_use]
    pub fn check(&self, now: Timestamp) -> Vec<Finding> {
        condition::all(self.situation(now, Purpose::Check, &self.losing()))
    }

    /// What there is to judge by. What was said before, `Conditions` know.
    const fn situation<'a>(
        &'a self,
        now: Timestamp,
        purpose: Purpose,
        losing: &'a BTreeSet<Place>,
    ) -> Situation<'a> {
        static NOTHING_TOLD: BTreeMap<String, Finding> = BTreeMap::new();
        Situation {
            world: &self.world,
            now,
            purpose,
            losing,
            counters: &self.counters,
            told: &NOTHING_TOLD,
        }
    }

    /// What befell a daemon, as the input tells that the world has yet to take in.
    pub(super) fn daemon_news(&mut self, at: Timestamp, body: &Body) -> Option<Finding> {
        // Either may end an absence, and is no news of processes that a signal waits for.
        if matches!(
            body,
            Body::DockerListing { .. } | Body::EngineProcess { .. }
        ) {
            self.killed.settle(&mut self.world, at);
        }
        let mut finding = self.daemons.take(at, body, &self.world)?;
        self.sequence += 1;
        finding.sequence = self.sequence;
        Some(finding)
    }

    /// Processes that were killed.
    pub(super) fn review_kills(&mut self, input: &Input) -> Vec<Finding> {
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
    pub(super) fn look_around(&mut self, input: &Input) -> Vec<Finding> {
        let asked = matches!(input.body, Body::Tick);
        let deadline = self.conditions.deadline();
        if !asked && deadline.is_none_or(|due| input.at < due) {
            return Vec::new();
        }
        let losing = self.losing();
        let mut conditions = mem::take(&mut self.conditions);
        let mut sequence = self.sequence;
        let situation = self.situation(input.at, Purpose::Watch, &losing);
        let said = conditions.review(situation, &mut sequence);
        (self.conditions, self.sequence) = (conditions, sequence);
        said
    }

    /// Bridges that packets are being lost in.
    pub(super) fn losing(&self) -> BTreeSet<Place> {
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
}

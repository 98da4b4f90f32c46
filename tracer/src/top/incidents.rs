//! Findings as they were last told.

use std::{collections::BTreeMap, sync::Arc};

use tracer_core::finding::{Finding, Kind, Phase};

/// Findings kept; beyond that the oldest that is over is forgotten.
const KEPT: usize = 512;

/// Every incident by its id.
#[derive(Clone, Debug, Default)]
pub(super) struct Incidents {
    told: BTreeMap<String, Arc<Finding>>,
    forgotten: u64,
}

/// Where an incident stands, the most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Standing {
    /// Packets are being lost.
    Losing,
    /// A state of the host that goes on.
    Lasting,
    /// It happened; there is no end to it.
    Happened,
    /// It is over.
    Over,
}

impl Standing {
    /// Of a finding as it was told last.
    pub(super) const fn of(finding: &Finding) -> Self {
        match (finding.phase, finding.kind) {
            (Phase::Resolved, _) => Self::Over,
            (_, Kind::EventsLost) => Self::Happened,
            (_, kind) if kind.is_moment() => Self::Happened,
            (_, kind) if kind.is_loss() => Self::Losing,
            _ => Self::Lasting,
        }
    }
}

impl Incidents {
    /// Takes in what was told last of an incident.
    pub(super) fn tell(&mut self, finding: Arc<Finding>) {
        self.told.insert(finding.id.clone(), finding);
        if self.told.len() > KEPT
            && let Some(id) = self.least().map(|it| it.id.clone())
        {
            self.told.remove(&id);
            self.forgotten += 1;
        }
    }

    /// The one that is missed least.
    fn least(&self) -> Option<&Arc<Finding>> {
        let over = |it: &&Arc<Finding>| (Standing::of(it), std::cmp::Reverse(it.at));
        self.told.values().max_by_key(over)
    }

    /// All of them, the most urgent first, and the host's own before those of containers; of equals the one that
    /// began last.
    pub(super) fn listed(&self) -> Vec<&Arc<Finding>> {
        let mut listed: Vec<_> = self.told.values().collect();
        let elsewhere = |it: &Finding| it.netns.owner != "host";
        listed.sort_by_key(|it| {
            let began = std::cmp::Reverse(it.start);
            (Standing::of(it), elsewhere(it), began, it.id.clone())
        });
        listed
    }

    /// How many there are of this standing.
    pub(super) fn count(&self, standing: Standing) -> usize {
        let all = self.told.values();
        all.filter(|it| Standing::of(it) == standing).count()
    }

    /// How many were too many to be kept.
    pub(super) const fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Incidents of lost packets in a bridge.
    pub(super) fn of_bridge(
        &self,
        netns: u32,
        ifindex: u32,
    ) -> impl Iterator<Item = &Arc<Finding>> {
        self.told.values().filter(move |it| {
            let here = it.bridge.as_ref().is_some_and(|it| it.ifindex == ifindex);
            here && it.netns.inum == netns && it.kind.is_loss()
        })
    }
}

#[cfg(test)]
mod tests {
    use tracer_core::time::Timestamp;

    use crate::sink::fixtures;

    use super::*;

    #[test]
    fn what_is_being_lost_stands_before_what_is_over() {
        let mut incidents = Incidents::default();
        for finding in fixtures::all() {
            incidents.tell(Arc::new(finding));
        }
        let standings: Vec<_> = incidents
            .listed()
            .into_iter()
            .map(|it| Standing::of(it))
            .collect();
        assert!(standings.is_sorted());
        assert!(standings.contains(&Standing::Losing) && standings.contains(&Standing::Over));
    }

    #[test]
    fn the_oldest_that_is_over_makes_room() {
        let mut incidents = Incidents::default();
        let named = |id: usize, finding: Finding| {
            Arc::new(Finding {
                id: id.to_string(),
                at: Timestamp(u64::try_from(id).unwrap()),
                ..finding
            })
        };
        for id in 0..KEPT {
            incidents.tell(named(id, fixtures::opened()));
        }
        incidents.tell(named(7, fixtures::resolved()));
        incidents.tell(named(9, fixtures::resolved()));
        incidents.tell(named(KEPT, fixtures::opened()));
        assert_eq!(incidents.listed().len(), KEPT);
        assert!(!incidents.told.contains_key("7") && incidents.told.contains_key("9"));
        assert_eq!(incidents.forgotten(), 1);
    }
}

//! What happened when, on one clock.

use std::collections::BTreeSet;

use tracer_core::{
    finding::{EvidenceKind, Finding},
    time::Timestamp,
};

use crate::sink::human;

use super::{
    clock::Clock,
    model::{Moment, Tag},
    story::Story,
    tale::Tale,
    text::Text,
};

/// Moments told at most.
const MOST: usize = 300;

/// The moments of a story in order, and how many are left out.
pub(super) fn of(story: &Story, clock: Clock, first: Timestamp) -> (Vec<Moment>, usize) {
    let mut moments = Moments {
        clock,
        all: BTreeSet::new(),
    };
    for run in story.runs.iter().filter(|it| it.last >= first) {
        let end = if run.is_complete {
            "bridgetrace ends"
        } else {
            "the last that is told; bridgetrace had not ended"
        };
        moments.add(run.first.max(first), Tag::Watch, "what is told begins");
        moments.add(run.last, Tag::Watch, end);
    }
    for tale in &story.tales {
        moments.network(story, &tale.standing);
        moments.proof(tale.last());
        if tale.standing.kind.is_loss() {
            moments.outage(tale);
        } else {
            moments.found(tale);
        }
    }
    let left_out = moments.all.len().saturating_sub(MOST);
    (moments.all.into_iter().take(MOST).collect(), left_out)
}

/// Sorted; what several findings tell stands there once.
struct Moments {
    clock: Clock,
    all: BTreeSet<Moment>,
}

impl Moments {
    fn add(&mut self, at: Timestamp, tag: Tag, text: impl Into<Text>) {
        let when = self.clock.exact(at);
        self.all.insert(Moment {
            at,
            when,
            tag,
            text: text.into(),
        });
    }

    /// When a network that has to do with it came and went.
    fn network(&mut self, story: &Story, finding: &Finding) {
        let Some(network) = &finding.docker_network else {
            return;
        };
        let subnets: Vec<String> = network.subnets.iter().map(ToString::to_string).collect();
        let name = format!("docker network {} ({})", network.name, subnets.join(", "));
        if let Some(created) = network.created {
            self.add(created, Tag::Docker, format!("{name} is created"));
        }
        if let Some(removed) = story.removed.get(&network.id) {
            self.add(*removed, Tag::Docker, format!("{name} is removed"));
        }
    }

    fn proof(&mut self, finding: &Finding) {
        for piece in &finding.evidence {
            let tag = match piece.kind {
                EvidenceKind::Signal => Tag::Signal,
                EvidenceKind::DockerEvent => Tag::Docker,
                // These are states, found when somebody looked.
                EvidenceKind::RouteIntoBridge
                | EvidenceKind::NoSuchEndpoint
                | EvidenceKind::ConfiguredPeer
                | EvidenceKind::EndpointHasAddress => continue,
                _ => Tag::Proof,
            };
            self.add(piece.at, tag, human::proof(finding, piece));
        }
    }

    fn outage(&mut self, tale: &Tale) {
        let finding = &tale.standing;
        let title = human::title(finding);
        let bridge = finding.bridge.as_ref().map_or("a bridge", |it| &it.name);
        let first = format!("first packet lost in {bridge}: {title}");
        self.add(finding.start, Tag::Loss, first);
        if let Some(proven) = tale.proven {
            self.add(proven, Tag::Proof, format!("confirmed: {title}"));
        }
        self.end(tale);
    }

    fn found(&mut self, tale: &Tale) {
        let finding = &tale.standing;
        self.add(finding.start, Tag::Found, &finding.reason);
        self.end(tale);
    }

    fn end(&mut self, tale: &Tale) {
        if let Some(end) = &tale.end {
            self.add(end.end.unwrap_or(end.at), Tag::Resolved, &end.reason);
        }
    }
}

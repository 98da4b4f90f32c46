//! The verdict in a paragraph: for somebody who was not there, and knows no bridges.

use tracer_core::{
    finding::{Finding, Kind, Verdict},
    time::Timestamp,
};

use crate::sink::{
    human::{
        self,
        numbers::{count, number},
    },
    time,
};

use super::{
    clock::Clock,
    model::State,
    story::{Story, Tale},
};

/// What a story comes to.
pub(super) struct Judged<'a> {
    story: &'a Story,
    host: &'a str,
    clock: Clock,
    outages: Vec<&'a Tale>,
    others: usize,
}

impl<'a> Judged<'a> {
    pub(super) fn new(story: &'a Story, host: &'a str, clock: Clock) -> Self {
        let outages = story.tales.iter().filter(|it| it.standing.kind.is_loss());
        let outages: Vec<&Tale> = outages.collect();
        let blind = |it: &&Tale| it.standing.kind == Kind::EventsLost;
        let others = story.tales.len() - outages.len() - story.tales.iter().filter(blind).count();
        Self {
            story,
            host,
            clock,
            outages,
            others,
        }
    }

    pub(super) fn state(&self) -> State {
        match (self.outages.is_empty(), self.others) {
            (false, _) if self.outages.iter().any(|it| it.end.is_none()) => State::Losing,
            (false, _) => State::Lost,
            (true, 0) => State::Quiet,
            (true, _) => State::Found,
        }
    }

    /// The heading.
    pub(super) fn title(&self) -> String {
        let host = self.host;
        match self.outages.as_slice() {
            [] if self.others == 0 => format!("Nothing was found on {host}"),
            [] => format!(
                "No lost packet was seen on {host}; {} found",
                number(self.others, "other thing")
            ),
            [only] => format!("On {host}, {}", human::title(&only.standing)),
            many => format!(
                "{} outages on {host}: packets vanished in bridges",
                many.len()
            ),
        }
    }

    /// Packets lost in all outages.
    pub(super) fn packets(&self) -> u64 {
        self.outages.iter().map(|it| it.last().counts.packets).sum()
    }

    /// Addresses affected.
    pub(super) fn addresses(&self) -> u64 {
        self.outages.iter().map(|it| it.last().counts.remotes).sum()
    }

    /// From the first lost packet to the end of the last outage, if it has one.
    pub(super) fn duration(&self, last: Timestamp) -> Option<String> {
        let start = self.outages.iter().map(|it| it.standing.start).min()?;
        let open = self.outages.iter().any(|it| it.end.is_none());
        let ends = self.outages.iter().filter_map(|it| it.last().end);
        let end = if open { last } else { ends.max()? };
        let span = time::span(end.since(start));
        Some(if open {
            format!("{span}, and not over")
        } else {
            span
        })
    }

    /// The paragraph, sentence by sentence.
    pub(super) fn sentences(&self, first: Timestamp, last: Timestamp) -> Vec<String> {
        let Some(worst) = self.worst() else {
            return self.nothing_lost(first, last);
        };
        let mut sentences = vec![self.how_much()];
        if self.outages.len() > 1 {
            sentences.push("The worst of them:".to_owned());
        }
        sentences.push(worst.standing.reason.clone());
        sentences.extend(creation(&worst.standing));
        sentences.push(self.ending(worst, last));
        sentences.push(certainty(&worst.standing).to_owned());
        sentences
    }

    fn worst(&self) -> Option<&'a Tale> {
        let by_packets = |it: &&&Tale| {
            (
                it.last().counts.packets,
                std::cmp::Reverse(it.standing.start),
            )
        };
        self.outages.iter().max_by_key(by_packets).copied()
    }

    fn how_much(&self) -> String {
        let start = self
            .outages
            .iter()
            .map(|it| it.standing.start)
            .min()
            .unwrap_or_default();
        let outages = match self.outages.len() {
            1 => String::new(),
            many => format!(" in {many} outages"),
        };
        format!(
            "From {} on, {} lost {}{outages}, to or from {}.",
            time::date_and_clock(start),
            self.host,
            count(self.packets(), "packet"),
            count(self.addresses(), "address"),
        )
    }

    fn ending(&self, worst: &Tale, last: Timestamp) -> String {
        match &worst.end {
            Some(end) => {
                let at = end.end.unwrap_or(end.at);
                format!(
                    "It ended at {}, after {}.",
                    self.clock.second(at),
                    time::span(at.since(worst.standing.start))
                )
            }
            None => format!(
                "It was not over at {}, when the recording ends.",
                self.clock.second(last)
            ),
        }
    }

    fn nothing_lost(&self, first: Timestamp, last: Timestamp) -> Vec<String> {
        let (first, last) = (time::date_and_clock(first), time::date_and_clock(last));
        let mut sentences = vec![format!(
            "Between {first} and {last} no lost packet was seen on {}.",
            self.host
        )];
        if self.others > 0 {
            let things = number(self.others, "other thing");
            sentences.push(format!(
                "{things} that can lead to lost packets, or comes of them, was found; see below."
            ));
        } else if self.story.unread.is_empty() {
            sentences.push("Nothing else was found.".to_owned());
        } else {
            sentences.push("Nothing else was found, in what could be seen.".to_owned());
        }
        sentences
    }
}

/// An outage that begins a second after a network is no coincidence.
fn creation(finding: &Finding) -> Option<String> {
    let network = finding.docker_network.as_ref()?;
    let before = finding.start.since(network.created?);
    (before > 0).then(|| {
        let made = time::span(before);
        format!(
            "Docker had created the network {} {made} before the first loss that was seen.",
            network.name
        )
    })
}

const fn certainty(finding: &Finding) -> &'static str {
    match finding.verdict {
        Verdict::Confirmed => "This is proven; the evidence is below.",
        Verdict::Suspected => {
            "This is suspected and not proven: nothing showed that anybody outside has the address."
        }
        Verdict::Inconclusive => {
            "This is not proven: events or sources were missing, as told below."
        }
    }
}

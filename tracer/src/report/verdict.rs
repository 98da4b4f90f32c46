//! The verdict in a paragraph: for somebody who was not there, and knows no bridges.

use std::iter;

use tracer_core::finding::{Finding, Verdict};

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
    story::{Class, Story},
    tale::{Fate, Tale},
    window::Window,
};

/// What a story comes to.
pub(super) struct Judged<'a> {
    story: &'a Story,
    host: &'a str,
    clock: Clock,
    window: Window,
    outages: Vec<&'a Tale>,
    others: usize,
}

impl<'a> Judged<'a> {
    pub(super) fn new(story: &'a Story, host: &'a str, clock: Clock, window: Window) -> Self {
        // What two runs saw is one thing.
        let others = story.of(Class::Other).filter(|it| it.again.is_none());
        Self {
            story,
            host,
            clock,
            window,
            outages: story.of(Class::Outage).collect(),
            others: others.count() + story.left_out(Class::Other),
        }
    }

    pub(super) fn state(&self) -> State {
        match (self.outages.is_empty(), self.others) {
            (false, _) => self.loss(),
            (true, 0) => State::Quiet,
            (true, _) => State::Found,
        }
    }

    fn loss(&self) -> State {
        let mut fates = self.outages.iter().map(|it| it.fate());
        let unseen = |it| matches!(it, Fate::Unwatched(_));
        if fates.clone().any(|it| it == Fate::Open) {
            State::Losing
        } else if fates.any(unseen) {
            State::Unended
        } else {
            State::Lost
        }
    }

    /// The outages, each as the last run that saw it tells it.
    fn apart(&self) -> impl Iterator<Item = &'a Tale> {
        self.outages.iter().copied().filter(|it| it.again.is_none())
    }

    /// The heading.
    pub(super) fn title(&self) -> String {
        let host = self.host;
        match (self.outages.first(), self.apart().count()) {
            (None, _) if self.others == 0 => format!("Nothing was found on {host}"),
            (None, _) => format!(
                "No lost packet was seen on {host}; {} found",
                number(self.others, "other thing")
            ),
            (Some(only), 1) => format!("On {host}, {}", human::title(&only.standing)),
            (_, many) => format!("{many} outages on {host}: packets vanished in bridges"),
        }
    }

    /// Packets lost in all outages.
    pub(super) fn packets(&self) -> u64 {
        self.outages.iter().map(|it| it.last().counts.packets).sum()
    }

    /// Addresses affected; of an outage that several runs saw, as many as one of them saw.
    pub(super) fn addresses(&self) -> u64 {
        let remotes = |tale| {
            let before = |it: &&'a Tale| self.story.tales.get(it.before?);
            let runs = iter::successors(Some(tale), before);
            runs.map(|it| it.last().counts.remotes).max().unwrap_or(0)
        };
        self.apart().map(remotes).sum()
    }

    /// From the first lost packet to the end of the last outage, or as far as that was watched.
    pub(super) fn duration(&self) -> Option<String> {
        let start = self.outages.iter().map(|it| it.standing.start).min()?;
        let end = |it: &Tale| match it.fate() {
            Fate::Over(at) | Fate::Unwatched(at) | Fate::Again(at, _) => at,
            Fate::Happened | Fate::Open => self.window.last,
        };
        let end = self.outages.iter().map(|it| end(it)).max()?;
        let span = time::span(end.since(start));
        Some(match self.loss() {
            State::Losing => format!("{span}, and not over"),
            State::Unended => format!("{span}, and not seen to end"),
            State::Lost | State::Found | State::Quiet => span,
        })
    }

    /// The paragraph, sentence by sentence.
    pub(super) fn sentences(&self) -> Vec<String> {
        let Some(worst) = self.worst() else {
            return self.nothing_lost();
        };
        let mut sentences = vec![self.how_much()];
        if self.apart().count() > 1 {
            sentences.push("The worst of them:".to_owned());
        }
        sentences.push(worst.standing.reason.clone());
        sentences.extend(creation(&worst.standing));
        sentences.push(self.ending(worst));
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
        let outages = match self.apart().count() {
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

    fn ending(&self, worst: &Tale) -> String {
        let fate = worst.fate();
        match (fate, fate.unended(self.clock, self.window)) {
            (Fate::Over(at), _) => format!(
                "It ended at {}, after {}.",
                self.clock.second(at),
                time::span(at.since(worst.standing.start))
            ),
            (_, unended) => format!("It was {}", unended.unwrap_or_default()),
        }
    }

    fn nothing_lost(&self) -> Vec<String> {
        let Window { first, last, .. } = self.window;
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

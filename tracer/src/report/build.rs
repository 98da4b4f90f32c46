//! A report of a story.

use std::cmp::Reverse;

use tracer_core::finding::{Evidence as Proof, Finding, Remedy};

use crate::{
    drawing::Drawing,
    sink::{
        human::{
            self, Fields,
            numbers::{count, digits, number},
        },
        time,
    },
};

use super::{
    clock::Clock,
    model::{Evidence, Incident, Remedy as Advice, Report},
    plot,
    story::{Class, MOST, Story},
    tale::{Fate, Tale},
    text::{Command, Text},
    timeline, unseen,
    verdict::Judged,
    window::Window,
};

/// The report of what happened in a window.
pub(super) fn report(story: &Story, window: Window) -> Report {
    let Window { first, last, .. } = window;
    let clock = Clock::between(first, last);
    let host = host(story);
    let judged = Judged::new(story, &host, clock, window);
    let (timeline, moments_left_out) = timeline::of(story, clock, first);
    let worst = worst(story);
    let outages = worst.iter().copied().zip(1..);
    let others = story.of(Class::Other).zip(worst.len() + 1..);
    let incident = |(tale, nth)| incident(tale, nth, &host, clock, window);
    let (from, to) = (time::date_and_clock(first), time::date_and_clock(last));
    Report {
        title: judged.title().into(),
        state: judged.state(),
        span: format!("{host}, {from} to {to}").into(),
        verdict: judged.sentences().iter().map(Text::from).collect(),
        figures: figures(&judged),
        outages: outages.map(incident).collect(),
        more_outages: story.of(Class::Outage).count() - worst.len(),
        others: others.map(incident).collect(),
        more_others: story.left_out(Class::Other),
        timeline,
        moments_left_out,
        plot: plot::of(story, clock),
        unseen: unseen::of(story, clock, window),
        about: about(story, &host, window),
    }
}

/// The outages that are told one by one, in the order in which they began: those that lost most.
fn worst(story: &Story) -> Vec<&Tale> {
    let mut outages: Vec<(usize, &Tale)> = story.of(Class::Outage).enumerate().collect();
    outages.sort_by_key(|(nth, tale)| (Reverse(tale.last().counts.packets), *nth));
    outages.truncate(MOST);
    outages.sort_by_key(|(nth, _)| *nth);
    outages.into_iter().map(|(_, tale)| tale).collect()
}

fn host(story: &Story) -> String {
    let sessions = story.runs.iter().filter_map(|it| it.session.as_ref());
    let mut names = sessions.map(|it| it.hostname.clone());
    names
        .rfind(|it| !it.is_empty())
        .unwrap_or_else(|| "this host".to_owned())
}

fn figures(judged: &Judged<'_>) -> Vec<(&'static str, Text)> {
    let Some(duration) = judged.duration() else {
        return Vec::new();
    };
    vec![
        ("Packets lost", digits(judged.packets()).into()),
        ("Addresses affected", digits(judged.addresses()).into()),
        ("From first loss to end", duration.into()),
    ]
}

fn incident(tale: &Tale, nth: usize, host: &str, clock: Clock, window: Window) -> Incident {
    let finding = tale.last();
    let standing = &tale.standing;
    let piece = |it: &Proof| Evidence {
        at: clock.exact(it.at),
        kind: it.kind.name(),
        text: human::proof(finding, it).into(),
    };
    Incident {
        anchor: format!("finding-{nth}"),
        title: sentence_case(human::title(standing)).into(),
        kind: standing.kind.name(),
        verdict: finding.verdict.name(),
        state: state(tale),
        reason: (&standing.reason).into(),
        end: end(tale, clock, window),
        drawing: Drawing::of(finding, host),
        facts: Facts::of(finding),
        evidence: finding.evidence.iter().map(piece).collect(),
        remedies: standing.remedies.iter().map(advice).collect(),
    }
}

fn end(tale: &Tale, clock: Clock, window: Window) -> Text {
    let fate = tale.fate();
    match (fate, fate.unended(clock, window)) {
        (Fate::Over(at), _) => {
            format!("Over since {}: {}", clock.second(at), tale.last().reason).into()
        }
        (_, Some(unended)) => sentence_case(&unended).into(),
        (_, None) => Text::default(),
    }
}

fn state(tale: &Tale) -> &'static str {
    match tale.fate() {
        Fate::Over(_) => "over",
        Fate::Happened => "happened",
        Fate::Open => "not over",
        Fate::Unwatched(_) => "not seen to end",
        Fate::Again(..) => "seen again",
    }
}

fn advice(remedy: &Remedy) -> Advice {
    Advice {
        id: remedy.id,
        effect: sentence_case(&remedy.effect).into(),
        risk: (!remedy.risk.is_empty()).then(|| sentence_case(&remedy.risk).into()),
        command: Command::new(&remedy.command),
        undo: Command::new(&remedy.undo),
    }
}

fn about(story: &Story, host: &str, window: Window) -> Vec<(&'static str, Text)> {
    let (from, to) = (
        time::date_and_clock(window.first),
        time::date_and_clock(window.last),
    );
    let part = if window.is_all() {
        "Recording"
    } else {
        "Part of a recording"
    };
    let versions = story
        .runs
        .iter()
        .filter_map(|it| Some(it.session.as_ref()?.version.clone()));
    let versions: std::collections::BTreeSet<String> =
        versions.filter(|it| !it.is_empty()).collect();
    let versions: Vec<String> = versions.into_iter().collect();
    vec![
        ("Host", host.into()),
        (
            part,
            format!("{from} to {to}, {}", number(story.runs.len(), "run")).into(),
        ),
        (
            "Recorded by",
            format!("bridgetrace {}", versions.join(", ")).into(),
        ),
        (
            "Report by",
            concat!("bridgetrace ", env!("CARGO_PKG_VERSION")).into(),
        ),
        ("Times", "UTC, by the clock of that host".into()),
    ]
}

/// Facts in the order in which they are told; what has no label goes on with the one before.
#[derive(Default)]
struct Facts(Vec<(&'static str, Vec<Text>)>);

impl Facts {
    fn of(finding: &Finding) -> Vec<(&'static str, Vec<Text>)> {
        let mut facts = Self::default();
        human::tell_facts(&mut facts, finding);
        if finding.lost_events > 0 {
            let lost = count(finding.lost_events, "event");
            facts.field("unseen", &format!("{lost} lost on the way from the kernel"));
        }
        facts.0
    }
}

impl Fields for Facts {
    fn field(&mut self, label: &str, text: &str) {
        let label = spelled(label);
        match self.0.last_mut() {
            Some((last, texts)) if label.is_empty() || label == *last => texts.push(text.into()),
            _ => self.0.push((label, vec![text.into()])),
        }
    }

    fn arrow(&self) -> &'static str {
        "→"
    }
}

/// Labels for a page, where there is room.
fn spelled(label: &str) -> &'static str {
    match label {
        "" => "",
        "lost" => "Lost",
        "latest" => "Latest packet",
        "timeout" => "Timeout",
        "why" => "Route taken",
        "should" => "Route expected",
        "whose" => "Whose bridge",
        "created" => "Created",
        "note" => "Note",
        "sender" => "Sender",
        "reaches" => "Reaches",
        "cut off" => "Cut off",
        "serves" => "Serves",
        "job" => "CI job",
        "where" => "Where",
        "target" => "Target",
        "left" => "Left behind",
        "since" => "Since",
        "holds" => "Holds",
        "maker" => "Made by",
        "folder" => "Folder",
        "covers" => "Covers",
        "unused" => "Unused",
        "in use" => "In use",
        "host" => "Host",
        "next" => "Next",
        "first" => "The very next",
        "data" => "Data",
        "mount" => "Mount",
        "cure" => "Cure",
        "away" => "Away",
        "by" => "Ended by",
        "while" => "Meanwhile",
        "before" => "Before",
        "now" => "Now",
        "gone" => "Gone",
        "stopped" => "Stopped",
        "orphans" => "Orphans",
        "unseen" => "Not seen",
        _ => "Also",
    }
}

fn sentence_case(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(rest).collect()
    })
}

//! A daemon's absence as a finding.

use std::collections::VecDeque;

use serde_json::json;

use crate::{
    finding::{DaemonStory, EndedBy, Evidence, EvidenceKind, Finding, Kind, Names, Particulars},
    input::{Bystander, DaemonInfo, DockerNetwork, EngineProcess, EngineProgram},
    remedy,
    time::{SECOND, Timestamp},
    world::{World, kernel_log::Line},
};

use super::{
    Ended, cause,
    compare::{self, After, Before},
};

/// A time during which a daemon did not answer.
pub(super) struct Absence<'a> {
    pub(super) endpoint: &'a str,
    /// When it was missed.
    pub(super) lost: Timestamp,
    /// How that showed.
    pub(super) cause: &'a str,
    pub(super) back: Timestamp,
    /// Processes of it that ended.
    pub(super) ended: &'a [Ended],
    /// Ports of bridges and bridges that went: when, of which namespace, their names.
    pub(super) gone: &'a VecDeque<(Timestamp, u32, String)>,
}

/// Lines of the kernel's log, and names of links, that are told of at most.
const LINES: usize = 8;
/// How long before the end of a daemon what happens may be part of it: docker gives its containers
/// 15 s to end.
pub(super) const BEFORE: u64 = 20 * SECOND;

impl Absence<'_> {
    /// The whole engine was away.
    pub(super) fn tell(&self, world: &World, before: &Before<'_>, after: &After<'_>) -> Finding {
        let lost = compare::is_another_store(before, after);
        let netns = before.info.netns.unwrap_or(world.session.netns);
        let networks = if lost {
            before.missing_networks(after)
        } else {
            Vec::new()
        };
        let names = networks.iter().map(|network| network.name.clone());
        let (old, new) = (before.state(), after.state());
        let fewer = |old: u64| old.saturating_sub(new.images.unwrap_or(old));
        let story = DaemonStory {
            images: old.images.filter(|_| lost).map_or(0, fewer),
            before: old,
            after: new,
            networks: names.collect(),
            containers: if lost {
                before.missing_containers(after)
            } else {
                Names::default()
            },
            stopped: before.stopped(after),
            orphans: orphans(world, netns, &networks, after),
            old_data: after.info.former_root.clone().filter(|_| lost),
            ..self.outline(world, EngineProgram::Dockerd)
        };
        let kind = if lost {
            Kind::DaemonStateLost
        } else {
            Kind::DaemonRestarted
        };
        let mut reason = if lost {
            lost_reason(&story)
        } else {
            restart_reason(&story, before.ran.len())
        };
        reason += &cause::sentence(&story);
        let former = story.old_data.as_ref();
        let unit = story.unit.as_deref();
        let remedy = former.and_then(|former| remedy::data_root::back(after.info, former, unit));
        let bridges = networks.iter().map(|network| network.bridge_name());
        let mut finding = self.finding(world, netns, kind, reason, story);
        finding.remedies.extend(remedy);
        let more = self.of_links(netns).into_iter();
        finding
            .evidence
            .extend(more.chain(self.of_the_log(world, netns, bridges)));
        finding.evidence.sort_by_key(|piece| (piece.at, piece.kind));
        finding
    }

    /// What the kernel's log says of the bridges that nobody has any more: the last of it.
    fn of_the_log(
        &self,
        world: &World,
        netns: u32,
        bridges: impl Iterator<Item = String>,
    ) -> Vec<Evidence> {
        let mut said: Vec<Evidence> = Vec::new();
        for bridge in bridges {
            let lines = world.kernel_log_of(netns, &bridge);
            let lines = lines.filter(|line| self.is_part(line.at));
            said.extend(lines.map(Line::evidence));
        }
        said.sort_by_key(|piece| piece.at);
        said.split_off(said.len().saturating_sub(LINES))
    }

    /// Links that went with it.
    fn of_links(&self, netns: u32) -> Option<Evidence> {
        let gone = self.gone.iter();
        let gone = gone.filter(|(at, place, _)| *place == netns && self.is_part(*at));
        let gone: Vec<_> = gone.collect();
        let (at, ..) = gone.first()?;
        let names: Vec<&str> = gone
            .iter()
            .take(LINES)
            .map(|(.., name)| name.as_str())
            .collect();
        let more = match gone.len() - names.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let text = format!("gone from here on: {}{more}", names.join(", "));
        Some(piece(EvidenceKind::LinkChange, *at, text))
    }

    /// Whether what happened then may be part of the absence.
    fn is_part(&self, at: Timestamp) -> bool {
        at.plus(BEFORE) >= self.since() && at <= self.back
    }

    /// Only what runs the containers was away.
    pub(super) fn of_containerd(
        &self,
        world: &World,
        info: &DaemonInfo,
        now: &EngineProcess,
    ) -> Finding {
        let netns = info.netns.unwrap_or(world.session.netns);
        let story = self.outline(world, EngineProgram::Containerd);
        let mut reason = format!(
            "containerd of docker at {} was away for {}: it is pid {} now{}. dockerd went on.",
            self.endpoint,
            seconds(self.away()),
            now.pid,
            story
                .pid
                .map(|pid| format!(" and was pid {pid}"))
                .unwrap_or_default(),
        );
        reason += &cause::sentence(&story);
        self.finding(world, netns, Kind::DaemonRestarted, reason, story)
    }

    /// What does not depend on what the daemon has.
    fn outline(&self, world: &World, program: EngineProgram) -> DaemonStory {
        let ended = self.ended.iter().rev();
        let ended = ended
            .filter(|ended| ended.process.program == program)
            .max_by_key(|ended| ended.at);
        let process = ended.map(|ended| &ended.process);
        DaemonStory {
            endpoint: self.endpoint.to_owned(),
            program,
            pid: process.map(|process| process.pid),
            unit: process.and_then(|process| process.unit.clone()),
            before: crate::finding::DaemonState::default(),
            after: crate::finding::DaemonState::default(),
            away: (self.since(), self.back),
            networks: Names::default(),
            containers: Names::default(),
            images: 0,
            stopped: Names::default(),
            orphans: Names::default(),
            old_data: None,
            ended_by: ended.map_or(EndedBy::Unknown, |ended| cause::of(world, ended)),
            during: self.bystanders(),
        }
    }

    /// Whoever ran when any of the processes ended.
    fn bystanders(&self) -> Vec<Bystander> {
        let mut all: Vec<Bystander> = Vec::new();
        for bystander in self.ended.iter().flat_map(|ended| &ended.bystanders) {
            if !all.iter().any(|known| known.pid == bystander.pid) {
                all.push(bystander.clone());
            }
        }
        all
    }

    /// When it went: its connection may have been lost a moment before or after its process.
    fn since(&self) -> Timestamp {
        let ends = self.ended.iter().map(|ended| ended.at);
        ends.chain([self.lost]).min().unwrap_or(self.lost)
    }

    fn away(&self) -> u64 {
        self.back.since(self.since())
    }

    fn finding(
        &self,
        world: &World,
        netns: u32,
        kind: Kind,
        reason: String,
        story: DaemonStory,
    ) -> Finding {
        let since = self.since();
        let id = format!("{}-{netns:x}-{:x}", kind.name(), since.0);
        let ci = cause::job(world, &story).or_else(|| world.job_of_netns(netns));
        let netns = world.netns_ref(netns);
        Finding {
            start: since,
            end: Some(self.back),
            ci,
            evidence: self.timeline(world, &story),
            unknown: cause::unknown(&story).into_iter().collect(),
            particulars: Some(Particulars::DaemonLife(Box::new(story))),
            ..Finding::new(kind, id, netns, reason, self.back)
        }
    }

    /// Everything that was seen, in the order of time.
    fn timeline(&self, world: &World, story: &DaemonStory) -> Vec<Evidence> {
        let mut all = vec![said(self.back, back(story))];
        if !self.cause.is_empty() {
            all.push(said(self.lost, format!("docker was lost: {}", self.cause)));
        }
        for ended in self.ended {
            let EngineProcess { program, pid, .. } = ended.process;
            all.extend(cause::evidence(world, ended));
            all.push(said(
                ended.at,
                format!("{} (pid {pid}) ended", program.name()),
            ));
        }
        all.sort_by_key(|piece| (piece.at, piece.kind));
        all
    }
}

fn back(story: &DaemonStory) -> String {
    match story.program {
        EngineProgram::Dockerd => format!("docker {} answers again", story.after.version),
        EngineProgram::Containerd => "containerd is there again".to_owned(),
    }
}

fn said(at: Timestamp, text: String) -> Evidence {
    piece(EvidenceKind::DockerEvent, at, text)
}

fn piece(kind: EvidenceKind, at: Timestamp, text: String) -> Evidence {
    Evidence {
        kind,
        at,
        detail: [("text", json!(text))].into(),
    }
}

/// Bridges of networks that vanished, and that nobody else has.
fn orphans(world: &World, netns: u32, vanished: &[&DockerNetwork], after: &After<'_>) -> Names {
    let Some(namespace) = world.namespace(netns) else {
        return Names::default();
    };
    let known = |name: &str| after.networks.iter().any(|it| it.has_bridge_name(name));
    let is_bridge = |name: &str| {
        let link = namespace.link_named(name);
        link.is_some_and(|link| link.kind.as_deref() == Some("bridge"))
    };
    let bridges = vanished.iter().filter(|network| network.driver == "bridge");
    bridges
        .map(|network| network.bridge_name())
        .filter(|name| is_bridge(name) && !known(name))
        .collect()
}

fn restart_reason(story: &DaemonStory, ran: usize) -> String {
    let mut text = format!(
        "Docker at {} was away for {}",
        story.endpoint,
        seconds(story.away.1.since(story.away.0)),
    );
    if story.before.version != story.after.version {
        text += &format!(
            " and is version {} now, not {}",
            story.after.version, story.before.version
        );
    }
    if let (Some(old), Some(new)) = (&story.before.data_root, &story.after.data_root)
        && old != new
    {
        text += &format!(", with what it had moved from {old} to {new}");
    }
    if let (Some(old), Some(new)) = (&story.before.driver, &story.after.driver)
        && old != new
    {
        text += &format!(
            ", with the storage driver {new} in the place of {old}, whose containers and images it does \
             not see"
        );
    }
    match (story.stopped.total, ran) {
        (_, 0) => text += ".",
        (0, _) => text += "; every container that ran before runs.",
        (stopped, ran) => {
            text += &format!("; {stopped} of {ran} containers that ran before run no more.")
        }
    }
    text
}

fn lost_reason(story: &DaemonStory) -> String {
    let roots = match (&story.before.data_root, &story.after.data_root) {
        (Some(old), Some(new)) if old != new => {
            format!("its data root is {new} now and was {old}")
        }
        (_, Some(root)) => format!("its data root {root} is another than before"),
        _ => "it has another identity".to_owned(),
    };
    let mut gone = vec![
        count(story.networks.total, "network"),
        count(story.containers.total, "container"),
        count(story.images, "image"),
    ];
    gone.retain(|it| !it.starts_with("0 "));
    let gone = match gone.as_slice() {
        [] => String::new(),
        [only] => format!("; {only} vanished"),
        [all @ .., last] => format!("; {} and {last} vanished", all.join(", ")),
    };
    let orphans = match story.orphans.total {
        0 => String::new(),
        1 => ", and a bridge lives on that it does not know".to_owned(),
        n => format!(", and {n} bridges live on that it does not know"),
    };
    let without = if gone.is_empty() {
        "with another store, and had nothing to lose"
    } else {
        "without what it had"
    };
    format!(
        "Docker at {} came back after {} {without}: {roots}{gone}{orphans}.",
        story.endpoint,
        seconds(story.away.1.since(story.away.0)),
    )
}

fn count(number: u64, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}

/// `0.9 s`, `132 s`.
fn seconds(nanos: u64) -> String {
    match nanos / SECOND {
        whole @ 0..10 => format!("{whole}.{} s", nanos % SECOND / (SECOND / 10)),
        whole => format!("{whole} s"),
    }
}

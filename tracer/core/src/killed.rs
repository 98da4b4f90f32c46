//! `process-killed`: somebody ended a process that makes, keeps or orders docker networks.
//!
//! It happens once and is no state of the host. A signal waits a moment, until it is known what
//! sender and target are, and whether more follow: those to one process, or to a client and the
//! plugin it started, are one kill. What was left behind is added when the process is gone.

mod judge;
mod left;
mod tell;
#[cfg(test)]
mod tests;

use crate::{
    decode::{Sent, Who},
    finding::{Finding, Left, Party, Phase},
    input::Process,
    time::{SECOND, Timestamp},
    world::{
        World,
        kills::{By, Kill},
        processes,
    },
};

pub(crate) use judge::{SIGKILL, SIGTERM};
pub(crate) use tell::{pieces, sentence, signal_name};

/// How long a signal waits for what `/proc` says, and for its like.
const PATIENCE: u64 = SECOND / 4;
/// Signals to one process this close are one kill: runners send SIGKILL after ten seconds.
const ONE_GO: u64 = 60 * SECOND;
/// Signals to a client and its plugin.
const TOGETHER: u64 = 2 * SECOND;
/// How long it is watched what a kill left behind.
const MEMORY: u64 = 600 * SECOND;
/// Between two words about one kill.
const NEWS_GAP: u64 = SECOND;
/// Signals that wait, and kills that are watched, at once.
const AT_ONCE: usize = 256;
/// Signals of one kill that are told.
const SIGNALS: usize = 16;

/// Signals that wait and kills that are told of.
#[derive(Clone, Debug, Default)]
pub(crate) struct Killed {
    waiting: Vec<(Timestamp, Sent)>,
    cases: Vec<Case>,
}

/// What an input says of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Time {
    /// Nothing.
    Runs,
    /// It passes.
    Passes,
    /// Nothing more comes.
    Over,
}

/// A kill that is told of.
#[derive(Clone, Debug)]
struct Case {
    kill: Kill,
    left: Left,
    /// More is known than was told.
    fresh: bool,
    /// What was told last.
    told: Option<Finding>,
}

impl Killed {
    /// Takes a signal.
    pub(crate) fn take(&mut self, at: Timestamp, sent: Sent, world: &World) {
        let target = &sent.target[0];
        // Interpreters get many signals that are none of our business.
        let known = world.processes.role(target.pid, &target.name);
        if known.is_some() || processes::may_be_known_later(&target.name) {
            self.waiting.push((at, sent));
        }
    }

    /// When to be asked again.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        let waiting = self.waiting.iter().map(|(at, _)| at.plus(PATIENCE));
        waiting.min()
    }

    /// What is to be said now. What was left behind is looked at when `time` has passed.
    pub(crate) fn review(
        &mut self,
        world: &mut World,
        now: Timestamp,
        time: Time,
        sequence: &mut u64,
    ) -> Vec<Finding> {
        self.judge_due(world, now, time == Time::Over);
        let due = |case: &&mut Case| case.fresh || time != Time::Runs;
        let cases = self.cases.iter_mut().filter(due);
        let mut said: Vec<Finding> = cases
            .filter_map(|case| case.review(world, now, time == Time::Over))
            .collect();
        for finding in &mut said {
            *sequence += 1;
            finding.sequence = *sequence;
        }
        self.cases.retain(|case| !case.is_over(now));
        let excess = self.cases.len().saturating_sub(AT_ONCE);
        self.cases.drain(..excess);
        said
    }

    /// Judges what waited long enough, before somebody asks [`World::kills`].
    pub(crate) fn settle(&mut self, world: &mut World, now: Timestamp) {
        self.judge_due(world, now, false);
    }

    fn judge_due(&mut self, world: &mut World, now: Timestamp, last: bool) {
        let crowded = self.waiting.len() > AT_ONCE;
        let is_due = |at: Timestamp| last || crowded || now >= at.plus(PATIENCE);
        let mut due: Vec<(Timestamp, Sent)> = Vec::new();
        self.waiting.retain(|(at, sent)| {
            let due_now = is_due(*at);
            due.extend(due_now.then(|| (*at, sent.clone())));
            !due_now
        });
        for (at, sent) in due {
            if let Some(kill) = judge::kill(world, at, &sent) {
                self.add(world, now, kill);
            }
        }
    }

    fn add(&mut self, world: &mut World, now: Timestamp, kill: Kill) {
        if kill.usual {
            world.kills.set(now, kill);
            return;
        }
        let case = self
            .cases
            .iter_mut()
            .find(|case| is_same(&case.kill, &kill));
        let kill = match case {
            Some(case) => {
                case.join(kill);
                &case.kill
            }
            None => {
                self.cases.push(Case {
                    kill: kill.clone(),
                    left: Left::default(),
                    fresh: true,
                    told: None,
                });
                &kill
            }
        };
        world.kills.set(now, kill.clone());
    }
}

/// Whether both are one kill.
fn is_same(known: &Kill, new: &Kill) -> bool {
    let apart = new.start.since(known.last());
    if known.target.pid == new.target.pid {
        return apart < ONE_GO && known.target.name == new.target.name;
    }
    let descends =
        |child: &Party, parent: &Party| child.ancestry.iter().any(|it| it.pid == parent.pid);
    let related = descends(&known.target, &new.target) || descends(&new.target, &known.target);
    related && apart < TOGETHER && known.role.is_client() && new.role.is_client()
}

impl Case {
    /// Adds what is one kill with this. A plugin tells more than the client that started it.
    fn join(&mut self, new: Kill) {
        let same = self.kill.target.pid == new.target.pid;
        if !same && new.role < self.kill.role {
            self.kill.target = new.target;
            self.kill.role = new.role;
            self.kill.project = new.project.or(self.kill.project.take());
        }
        let known = |number| self.kill.signals.iter().any(|(_, it, _)| *it == number);
        let fresh: Vec<_> = new
            .signals
            .into_iter()
            .filter(|(_, number, _)| same || !known(*number))
            .collect();
        let room = SIGNALS.saturating_sub(self.kill.signals.len());
        self.kill.signals.extend(fresh.into_iter().take(room));
        // Each processor has its own order.
        self.kill.signals.sort_unstable();
        self.fresh = true;
        if matches!(self.kill.by, By::Kernel) {
            self.kill.by = new.by;
        }
    }

    fn review(&mut self, world: &World, now: Timestamp, last: bool) -> Option<Finding> {
        self.fresh = false;
        self.learn(world);
        self.left = left::of(world, &self.kill);
        let finding = tell::finding(world, &self.kill, &self.left, now);
        let Some(told) = &self.told else {
            self.told = Some(finding.clone());
            return Some(finding);
        };
        let over = !left::in_finding(told).is_empty() && self.left.is_empty();
        let finding = if over {
            tell::over(told, now)
        } else {
            Finding {
                phase: Phase::Updated,
                ..finding
            }
        };
        if is_told(told, &finding) {
            return None;
        }
        if !last && now.since(told.at) < NEWS_GAP {
            // Said when time has passed.
            return None;
        }
        self.told = Some(finding.clone());
        Some(finding)
    }

    /// Adds what was not known of both sides when the signal was judged.
    fn learn(&mut self, world: &World) {
        learn(world, &mut self.kill.target);
        if let By::Process(party) | By::EndOf(party) = &mut self.kill.by {
            learn(world, party);
        }
        let target = world.processes.get(self.kill.target.pid);
        let project = || target.and_then(processes::project);
        self.kill.project = self.kill.project.take().or_else(project);
    }

    /// Nothing more is to be said of it.
    fn is_over(&self, now: Timestamp) -> bool {
        let resolved = self
            .told
            .as_ref()
            .is_some_and(|told| told.phase == Phase::Resolved);
        resolved || self.left.is_empty() && now.since(self.kill.last()) > MEMORY
    }
}

/// Whether both say the same.
fn is_told(told: &Finding, finding: &Finding) -> bool {
    let same_moment = Finding {
        at: told.at,
        sequence: told.sequence,
        phase: told.phase,
        ..finding.clone()
    };
    *told == same_moment && (finding.phase == Phase::Resolved) == (told.phase == Phase::Resolved)
}

/// All that is known of a process and its parents.
fn party(world: &World, line: &[Who]) -> Option<Party> {
    let (who, parents) = line.split_first()?;
    let mut party = Party {
        pid: who.pid,
        name: who.name.clone(),
        ancestry: parents.iter().map(Process::from).collect(),
        ..Party::default()
    };
    learn(world, &mut party);
    Some(party)
}

/// Adds to a process what is known of it by now.
fn learn(world: &World, party: &mut Party) {
    let Some(info) = world.processes.named(party.pid, &party.name) else {
        return;
    };
    let container = || info.container.as_deref().map(|id| world.container(id));
    let known = std::mem::take(party);
    *party = Party {
        executable: known.executable.or_else(|| info.executable.clone()),
        cgroup: known.cgroup.or_else(|| info.cgroup.clone()),
        container: known.container.or_else(container),
        user: known.user.or_else(|| info.user.clone()),
        directory: known.directory.or_else(|| info.directory.clone()),
        arguments: match known.arguments.is_empty() {
            true => processes::concealed(&info.arguments),
            false => known.arguments,
        },
        ..known
    };
}

impl From<&Who> for Process {
    fn from(who: &Who) -> Self {
        Self {
            pid: who.pid,
            name: who.name.clone(),
        }
    }
}

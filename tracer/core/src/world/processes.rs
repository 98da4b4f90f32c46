//! Processes that matter, and what they were started with: whoever is killed cannot be asked.

mod command;
mod conceal;
mod role;

use std::collections::BTreeMap;

use crate::{
    decode::Started,
    input::{Body, DockerNetwork, Input, ProcessInfo},
    time::{SECOND, Timestamp},
};

pub(crate) use command::looks_on;
pub use command::{project, same_project};
pub use conceal::{concealed, concealed_beginning};
pub(crate) use role::may_be_known_later;
pub use role::{Role, is_runner};

/// Processes kept. A host with a thousand containers has as many shims.
const KEPT: usize = 8192;

/// Docker notes when it was told to make something, the kernel when a program began, and an end is
/// noticed within a second.
const SLACK: u64 = 2 * SECOND;

/// Processes by pid. One that has ended is kept as long as there is room.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Processes {
    known: BTreeMap<u32, Known>,
    /// Processes of jobs that a runner of this host started itself.
    jobs: BTreeMap<u32, ProcessInfo>,
}

#[derive(Clone, Debug, PartialEq)]
struct Known {
    info: ProcessInfo,
    /// The compose project it is about.
    project: Option<String>,
    seen: Timestamp,
    ended: Option<Timestamp>,
}

impl Processes {
    /// What is known of a process, be it alive or not.
    #[must_use]
    pub fn get(&self, pid: u32) -> Option<&ProcessInfo> {
        let known = self.known.get(&pid).map(|known| &known.info);
        known.or_else(|| self.jobs.get(&pid))
    }

    /// Whether the process has not ended, as far as is known.
    #[must_use]
    pub fn lives(&self, pid: u32) -> bool {
        self.known
            .get(&pid)
            .is_some_and(|known| known.ended.is_none())
    }

    /// Every process that lives, by pid.
    pub fn living(&self) -> impl Iterator<Item = &ProcessInfo> {
        let living = self.known.values().filter(|known| known.ended.is_none());
        living.map(|known| &known.info)
    }

    /// Processes that are busy with this compose project at this moment.
    pub fn busy_with<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a ProcessInfo> {
        let living = self.known.values().filter(|known| known.ended.is_none());
        let its = living.filter(move |known| known.is_about(name));
        its.map(|known| &known.info)
    }

    /// Processes of jobs that a runner of this host started itself, by pid: whoever is not among them has
    /// ended.
    pub fn jobs(&self) -> impl Iterator<Item = &ProcessInfo> {
        self.jobs.values()
    }

    /// The client that had `network` made, if one was seen: it lived then, and its command line says so.
    #[must_use]
    pub fn maker(&self, network: &DockerNetwork) -> Option<&ProcessInfo> {
        let made = network.created?;
        let lived = |known: &&Known| {
            let began = known.info.began;
            began.is_some_and(|began| began <= made.plus(SLACK))
                && known.ended.is_none_or(|ended| made <= ended.plus(SLACK))
        };
        let makes = |known: &&Known| match network.compose_project() {
            Some(project) => known.is_about(project) && !looks_on(&known.info),
            None => command::makes_network(&known.info, &network.name),
        };
        let makers = self.known.values().filter(lived).filter(makes);
        // A client starts its plugin, which does it.
        makers
            .max_by_key(|known| known.info.began)
            .map(|known| &known.info)
    }

    /// Inputs that tell what is known, those that have ended included.
    pub(super) fn snapshot(&self) -> impl Iterator<Item = Input> {
        self.known.values().flat_map(|known| {
            let input = |body| Input {
                at: known.seen,
                body,
            };
            let ended = known.ended.map(|at| Input {
                at,
                body: Body::ProcessGone(known.info.pid),
            });
            std::iter::once(input(Body::Process(known.info.clone()))).chain(ended)
        })
    }

    /// [`Self::snapshot`] of the jobs' processes.
    pub(super) fn job_snapshot(&self) -> Option<Body> {
        let all = || self.jobs.values().cloned().collect();
        (!self.jobs.is_empty()).then(|| Body::JobProcesses(all()))
    }

    pub(super) fn set_jobs(&mut self, all: &[ProcessInfo]) {
        let all = all.iter().map(|info| (info.pid, info.clone()));
        self.jobs = all.collect();
    }

    /// What is known of `pid` as long as it goes by `name`: the number may have been another process' before.
    pub(crate) fn named(&self, pid: u32, name: &str) -> Option<&ProcessInfo> {
        self.get(pid).filter(|info| info.name == name)
    }

    /// What the process is, by its program and command line; by the name `comm`, where those are
    /// not known.
    #[must_use]
    pub fn role(&self, pid: u32, comm: &str) -> Option<Role> {
        role::of(comm, self.named(pid, comm))
    }

    /// A program was started: whatever had the pid before is gone.
    pub(crate) fn start(&mut self, at: Timestamp, started: &Started) {
        let info = ProcessInfo {
            pid: started.who.pid,
            name: started.who.name.clone(),
            parent: started.parent,
            began: Some(at),
            arguments: started.arguments.clone(),
            ..ProcessInfo::default()
        };
        self.insert(at, info);
    }

    /// `/proc` was read. A process that was killed meanwhile has no command line any more, or the first page of one.
    pub(super) fn set(&mut self, at: Timestamp, info: &ProcessInfo) {
        let mut info = info.clone();
        if let Some(known) = self.named(info.pid, &info.name) {
            if info.arguments.is_empty() || is_cut_off(&info.arguments, &known.arguments) {
                info.arguments.clone_from(&known.arguments);
                // It has left its control group as well.
                info.cgroup = known.cgroup.clone().or(info.cgroup);
                info.container = known.container.clone().or(info.container);
            }
            info.executable = info.executable.or_else(|| known.executable.clone());
            info.directory = info.directory.or_else(|| known.directory.clone());
            info.user = info.user.or_else(|| known.user.clone());
            info.began = known.began.or(info.began);
            if info.variables.is_empty() {
                info.variables.clone_from(&known.variables);
            }
        }
        self.insert(at, info);
    }

    pub(super) fn end(&mut self, at: Timestamp, pid: u32) {
        if let Some(known) = self.known.get_mut(&pid) {
            known.ended.get_or_insert(at);
        }
    }

    fn insert(&mut self, at: Timestamp, info: ProcessInfo) {
        let known = Known {
            project: project(&info),
            info,
            seen: at,
            ended: None,
        };
        self.known.insert(known.info.pid, known);
        if self.known.len() > KEPT {
            // Those that have ended go first.
            let oldest = self
                .known
                .iter()
                .min_by_key(|(_, it)| (it.ended.is_none(), it.seen));
            let oldest = oldest.map(|(pid, _)| *pid);
            oldest.and_then(|pid| self.known.remove(&pid));
        }
    }
}

impl Known {
    fn is_about(&self, name: &str) -> bool {
        self.project
            .as_deref()
            .is_some_and(|known| same_project(known, name))
    }
}

/// Whether a command line is the beginning of a longer one.
fn is_cut_off(read: &[String], whole: &[String]) -> bool {
    let (read, whole) = (read.join("\0"), whole.join("\0"));
    read.len() < whole.len() && whole.starts_with(&read)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::Who;

    fn started(pid: u32) -> Started {
        Started {
            who: Who {
                pid,
                name: "docker".to_owned(),
            },
            parent: 1,
            arguments: vec!["docker".to_owned(), "pull".to_owned()],
        }
    }

    #[test]
    fn who_was_killed_before_it_was_read_keeps_its_command_line() {
        let mut processes = Processes::default();
        processes.start(Timestamp(1), &started(7));
        let read = ProcessInfo {
            pid: 7,
            name: "docker".to_owned(),
            cgroup: Some("/a".to_owned()),
            ..ProcessInfo::default()
        };
        processes.set(Timestamp(2), &read);
        let known = processes.get(7).unwrap();
        assert_eq!(
            (known.arguments.len(), known.cgroup.as_deref()),
            (2, Some("/a"))
        );
        let dead = ProcessInfo {
            cgroup: Some("/".to_owned()),
            ..read
        };
        processes.set(Timestamp(3), &dead);
        assert_eq!(processes.get(7).unwrap().cgroup.as_deref(), Some("/a"));
        processes.start(Timestamp(4), &started(7));
        assert_eq!(processes.get(7).unwrap().cgroup, None);
    }

    #[test]
    fn a_command_line_that_was_cut_off_is_not_believed() {
        let read = |words: &[&str]| {
            let mut processes = Processes::default();
            processes.start(Timestamp(1), &started(7));
            let read = ProcessInfo {
                pid: 7,
                name: "docker".to_owned(),
                arguments: words.iter().map(|&word| word.to_owned()).collect(),
                ..ProcessInfo::default()
            };
            processes.set(Timestamp(2), &read);
            processes.get(7).unwrap().arguments.join(" ")
        };
        for cut in [&[][..], &["dock"], &["docker"], &["docker", "pu"]] {
            assert_eq!(read(cut), "docker pull", "{cut:?}");
        }
        for other in [&["docker", "pull", "image"][..], &["docker", "push"]] {
            assert_eq!(read(other), other.join(" "));
        }
    }

    #[test]
    fn who_has_ended_makes_room_first() {
        let mut processes = Processes::default();
        for pid in 1..=u32::try_from(KEPT).unwrap() {
            processes.start(Timestamp(u64::from(pid)), &started(pid));
        }
        processes.end(Timestamp(500), 100);
        processes.start(Timestamp(1_000_000), &started(1_000_000));
        assert!(processes.get(100).is_none() && processes.lives(1));
        processes.start(Timestamp(1_000_001), &started(1_000_001));
        assert!(processes.get(1).is_none() && processes.lives(2));
    }
}

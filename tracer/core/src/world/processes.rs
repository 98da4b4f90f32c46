//! Processes that matter, and what they were started with: whoever is killed cannot be asked.

mod command;
mod conceal;
mod role;

use std::collections::BTreeMap;

use crate::{
    decode::Started,
    input::{Body, Input, ProcessInfo},
    time::Timestamp,
};

pub(crate) use command::looks_on;
pub use command::{project, same_project};
pub use conceal::{concealed, concealed_beginning};
pub use role::Role;
pub(crate) use role::may_be_known_later;

/// Processes kept. A host with a thousand containers has as many shims.
const KEPT: usize = 8192;

/// Processes by pid. One that has ended is kept as long as there is room.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Processes {
    known: BTreeMap<u32, Known>,
}

#[derive(Clone, Debug, PartialEq)]
struct Known {
    info: ProcessInfo,
    seen: Timestamp,
    lives: bool,
}

impl Processes {
    /// What is known of a process, be it alive or not.
    #[must_use]
    pub fn get(&self, pid: u32) -> Option<&ProcessInfo> {
        self.known.get(&pid).map(|known| &known.info)
    }

    /// Whether the process has not ended, as far as is known.
    #[must_use]
    pub fn lives(&self, pid: u32) -> bool {
        self.known.get(&pid).is_some_and(|known| known.lives)
    }

    /// Every process that lives, by pid.
    pub fn living(&self) -> impl Iterator<Item = &ProcessInfo> {
        let living = self.known.values().filter(|known| known.lives);
        living.map(|known| &known.info)
    }

    /// Inputs that tell what is known, those that have ended included.
    pub(super) fn snapshot(&self) -> impl Iterator<Item = Input> {
        self.known.values().flat_map(|known| {
            let input = |body| Input {
                at: known.seen,
                body,
            };
            let ended = (!known.lives).then(|| input(Body::ProcessGone(known.info.pid)));
            std::iter::once(input(Body::Process(known.info.clone()))).chain(ended)
        })
    }

    /// What the process is, by its program and command line; by the name `comm`, where those are
    /// not known.
    #[must_use]
    pub fn role(&self, pid: u32, comm: &str) -> Option<Role> {
        // The number may have been another process' before.
        let info = self.get(pid).filter(|info| info.name == comm);
        role::of(comm, info)
    }

    /// A program was started: whatever had the pid before is gone.
    pub(crate) fn start(&mut self, at: Timestamp, started: &Started) {
        let info = ProcessInfo {
            pid: started.who.pid,
            name: started.who.name.clone(),
            parent: started.parent,
            arguments: started.arguments.clone(),
            ..ProcessInfo::default()
        };
        self.insert(at, info);
    }

    /// `/proc` was read. A process that was killed meanwhile has no command line any more.
    pub(super) fn set(&mut self, at: Timestamp, info: &ProcessInfo) {
        let mut info = info.clone();
        if let Some(known) = self.get(info.pid).filter(|known| known.name == info.name) {
            if info.arguments.is_empty() {
                info.arguments.clone_from(&known.arguments);
                // It has left its control group as well.
                info.cgroup = known.cgroup.clone().or(info.cgroup);
                info.container = known.container.clone().or(info.container);
            }
            info.executable = info.executable.or_else(|| known.executable.clone());
            info.directory = info.directory.or_else(|| known.directory.clone());
            if info.variables.is_empty() {
                info.variables.clone_from(&known.variables);
            }
        }
        self.insert(at, info);
    }

    pub(super) fn end(&mut self, pid: u32) {
        if let Some(known) = self.known.get_mut(&pid) {
            known.lives = false;
        }
    }

    fn insert(&mut self, at: Timestamp, info: ProcessInfo) {
        let known = Known {
            info,
            seen: at,
            lives: true,
        };
        self.known.insert(known.info.pid, known);
        if self.known.len() > KEPT {
            // Those that have ended go first.
            let oldest = self.known.iter().min_by_key(|(_, it)| (it.lives, it.seen));
            let oldest = oldest.map(|(pid, _)| *pid);
            oldest.and_then(|pid| self.known.remove(&pid));
        }
    }
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
    fn who_has_ended_makes_room_first() {
        let mut processes = Processes::default();
        for pid in 1..=u32::try_from(KEPT).unwrap() {
            processes.start(Timestamp(u64::from(pid)), &started(pid));
        }
        processes.end(100);
        processes.start(Timestamp(1_000_000), &started(1_000_000));
        assert!(processes.get(100).is_none() && processes.lives(1));
        processes.start(Timestamp(1_000_001), &started(1_000_001));
        assert!(processes.get(1).is_none() && processes.lives(2));
    }
}

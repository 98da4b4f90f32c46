//! Processes of jobs that a runner started on this host itself (GitLab's shell executor): between two calls
//! of docker nothing else tells that a job lives. May block: call it off the runtime.

use std::collections::{BTreeMap, BTreeSet};

use tracer_core::{input::ProcessInfo, world::processes::is_runner};

use super::{super::netns, read};

/// Processes below runners that are looked at, and those that are told of.
const LOOKED_AT: usize = 4096;
const TOLD: usize = 256;

/// Of every job, one process in each folder it works in: a build starts thousands.
pub(super) fn all() -> Vec<ProcessInfo> {
    let all = netns::pids().into_iter();
    let all: Vec<(u32, String, u32)> = all
        .filter_map(|pid| read::descent(pid).map(|(name, parent)| (pid, name, parent)))
        .collect();
    let mut seen = BTreeSet::new();
    let below = below_runners(&all).into_iter().take(LOOKED_AT);
    let found = below.filter_map(read::process).filter(|info| {
        let job = info.variables.get("CI_JOB_ID").cloned();
        seen.insert((job, info.directory.clone()))
    });
    found.take(TOLD).collect()
}

/// Descendants of runners, by pid; each process with its name and its parent.
fn below_runners(all: &[(u32, String, u32)]) -> Vec<u32> {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for (pid, _, parent) in all {
        children.entry(*parent).or_default().push(*pid);
    }
    let runners = all.iter().filter(|(_, name, _)| is_runner(name));
    let mut waiting: Vec<u32> = runners.map(|(pid, ..)| *pid).collect();
    let mut below = BTreeSet::new();
    while let Some(pid) = waiting.pop() {
        let fresh = children.get(&pid).into_iter().flatten();
        waiting.extend(fresh.filter(|child| below.insert(**child)));
    }
    below.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_descends_from_a_runner_is_below_it() {
        let all = [
            (1, "init", 0),
            (10, "gitlab-runner", 1),
            (11, "bash", 10),
            (12, "bash", 11),
            (13, "sleep", 12),
            // It outlived its job, or never was of one.
            (14, "sleep", 1),
            (15, "gitlab-runner-h", 1),
            (16, "sh", 15),
        ]
        .map(|(pid, name, parent)| (pid, name.to_owned(), parent));
        assert_eq!(below_runners(&all), [11, 12, 13]);
        assert!(below_runners(&[]).is_empty());
    }
}

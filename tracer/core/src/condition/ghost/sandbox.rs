//! Network namespaces of containers that are gone: docker's file keeps one alive, and with it the interfaces
//! that lead into it, which stay up on their bridges.
//!
//! Named namespaces (`ip netns`), those of podman, CNI and services are never looked at: only files that a
//! dockerd keeps below its own `--exec-root`.

use crate::{
    finding::{EvidenceKind, Finding, Ghost, GhostClass, Leftover},
    input::EmptySandbox,
    remedy::ghost as remedy,
    time::{SECOND, Timestamp},
};

use super::{Purpose, Situation, finding, said};

/// A container that starts or ends leaves its namespace empty for a moment.
const PASSING: u64 = 10 * SECOND;

pub(super) fn find(situation: Situation<'_>) -> Vec<Finding> {
    let Situation {
        world,
        now,
        purpose,
        ..
    } = situation;
    // Who asks once looks a second time.
    let is_old = |since: Timestamp| purpose == Purpose::Check || now >= since.plus(PASSING);
    let all = world.docker.empty_sandboxes();
    let old = all.filter(|(_, since)| is_old(*since));
    old.map(|(sandbox, since)| tell(situation, sandbox, since))
        .collect()
}

fn tell(situation: Situation<'_>, sandbox: &EmptySandbox, since: Timestamp) -> Finding {
    let EmptySandbox {
        netns,
        inum,
        path,
        pid,
        ..
    } = sandbox;
    let ghost = Ghost {
        class: GhostClass::OrphanNamespace,
        since: Some(since),
        holds: Vec::new(),
        leftovers: vec![Leftover {
            what: "namespace",
            name: path.clone(),
            id: inum.to_string(),
            state: Some("empty".to_owned()),
        }],
        creator: None,
        working_dir: None,
    };
    let reason = format!(
        "Network namespace {path} was a container's, and nobody is in it any more: it keeps the \
         interfaces alive that lead into it."
    );
    let text = format!(
        "dockerd (pid {pid}) keeps net:[{inum}] by {path}, and no process is in that namespace"
    );
    let told = finding(situation, *netns, &format!("ns-{inum}"), ghost, reason);
    Finding {
        ci: situation.world.job_of_netns(*netns),
        evidence: vec![said(EvidenceKind::LinkChange, since, text)],
        remedies: remedy::sandbox(sandbox).into_iter().collect(),
        ..told
    }
}

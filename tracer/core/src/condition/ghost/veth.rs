//! Pairs of interfaces that docker made for a container which never got one: both ends are still where
//! they were made. (The end of one that is gone takes the other along.)

use crate::{
    finding::{EvidenceKind, Finding, Ghost, GhostClass, Leftover},
    input::{Link, Peer},
    remedy::ghost as remedy,
    time::SECOND,
    world::namespace::Namespace,
};

use super::{Purpose, Situation, all_answer, finding, log, said};

/// A pair that docker is about to hand over is in this state for milliseconds.
const PASSING: u64 = 10 * SECOND;

pub(super) fn find(situation: Situation<'_>) -> Vec<Finding> {
    let world = situation.world;
    let mut found = Vec::new();
    for (inum, namespace) in world.namespaces() {
        let lives_here = |daemon: &str| world.docker.place(daemon) == Some(inum);
        let mut daemons = world.docker.daemons_in(inum);
        if !daemons.any(|(daemon, _)| lives_here(daemon)) || !all_answer(world, inum) {
            continue;
        }
        for link in namespace.links() {
            if let Some(peer) = stranded(namespace, link)
                && is_old(situation, namespace, link)
            {
                found.push(tell(situation, inum, namespace, link, peer));
            }
        }
    }
    found
}

/// The other end of a pair of docker's that nobody took; of both ends the one made first tells.
fn stranded<'a>(namespace: &'a Namespace, link: &Link) -> Option<&'a Link> {
    let Peer { ifindex, nsid } = link.peer?;
    let peer = namespace.link(ifindex).filter(|_| nsid.is_none())?;
    let is_unused = |link: &Link| is_dockers(&link.name) && !link.up && link.master.is_none();
    (link.ifindex < ifindex && is_unused(link) && is_unused(peer)).then_some(peer)
}

/// `veth` and 7 digits: so docker names both ends until the container has its `eth0`.
fn is_dockers(name: &str) -> bool {
    let digits = name.strip_prefix("veth");
    let is_hex = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    digits.is_some_and(|digits| digits.len() == 7 && digits.bytes().all(is_hex))
}

fn is_old(situation: Situation<'_>, namespace: &Namespace, link: &Link) -> bool {
    let seen = namespace.seen(link.ifindex);
    situation.purpose == Purpose::Check
        || seen.is_some_and(|seen| situation.now >= seen.plus(PASSING))
}

fn tell(
    situation: Situation<'_>,
    inum: u32,
    namespace: &Namespace,
    link: &Link,
    peer: &Link,
) -> Finding {
    let since = namespace.seen(link.ifindex);
    let left = |link: &Link| Leftover {
        what: "veth",
        name: link.name.clone(),
        id: link.ifindex.to_string(),
        state: Some("down".to_owned()),
    };
    let mut pair = [link, peer];
    pair.sort_by_key(|end| &end.name);
    let ghost = Ghost {
        class: GhostClass::OrphanVeth,
        since,
        holds: Vec::new(),
        leftovers: pair.map(left).into(),
        creator: None,
        working_dir: None,
    };
    let reason = format!(
        "Interfaces {} and {} were made for a container that never got them: nobody uses them.",
        link.name, peer.name
    );
    let key = link.ifindex.to_string();
    let told = finding(situation, inum, &key, ghost, reason);
    let text = format!(
        "{} and {} are each other's ends, down and on no bridge",
        link.name, peer.name
    );
    let told = Finding {
        ci: situation.world.job_of_netns(inum),
        evidence: vec![said(EvidenceKind::LinkChange, told.start, text)],
        remedies: remedy::veth(situation.world, inum, link, peer)
            .into_iter()
            .collect(),
        ..told
    };
    log::with_devices(situation, [&link.name, &peer.name], told)
}

//! Bridges that docker made and no daemon knows: a daemon lost its state, or was killed.
//!
//! They must have been there when the daemon said what it has. One that came later was made by
//! somebody who is at work. One with ports is used by somebody: another daemon, of which nobody told
//! us, may have containers on it.

use crate::{
    finding::{EvidenceKind, Finding, Ghost, GhostClass, Leftover},
    input::{DaemonStatus, DockerNetwork, Link},
    remedy::ghost as remedy,
    time::Timestamp,
    world::{World, bridge, namespace::Namespace},
};

use super::{Purpose, SETTLED, Situation, all_answer, finding, log, prefixes, said, with_bridge};

pub(super) fn find(situation: Situation<'_>) -> Vec<Finding> {
    let world = situation.world;
    let mut found = Vec::new();
    for (inum, namespace) in world.namespaces() {
        let Some((listed, daemons)) = witnesses(world, inum) else {
            continue;
        };
        for link in namespace
            .links()
            .filter(|it| is_unknown(world, namespace, it))
        {
            if is_old(situation, namespace, link, listed) {
                found.push(tell(situation, (inum, namespace), link, (listed, &daemons)));
            }
        }
    }
    found
}

/// Every daemon of the namespace, when all of them have said what they have; and when the last did.
fn witnesses(world: &World, inum: u32) -> Option<(Timestamp, Vec<&str>)> {
    let lives_here = |(daemon, _): &(&str, &DaemonStatus)| world.docker.place(daemon) == Some(inum);
    let daemons = world.docker.daemons_in(inum).filter(lives_here);
    let daemons: Vec<&str> = daemons.map(|(daemon, _)| daemon).collect();
    let listed = daemons
        .iter()
        .filter_map(|it| world.docker.listed(it))
        .max()?;
    let neighbours = daemons.iter().filter_map(|it| world.docker.info(it));
    let neighbours = neighbours.map(|info| info.neighbours.len()).max()?;
    (all_answer(world, inum) && neighbours < daemons.len()).then_some((listed, daemons))
}

/// Whether docker made the bridge, and neither a daemon nor anybody on it claims it.
pub(super) fn is_unknown(world: &World, namespace: &Namespace, link: &Link) -> bool {
    let named_by_docker = bridge::docker_id(&link.name).is_some();
    let known = || {
        let mut networks = world.docker.networks();
        networks.any(|(_, network)| network.bridge_name() == link.name)
    };
    named_by_docker
        && bridge::can_swallow(namespace, link)
        && namespace.ports(link.ifindex).next().is_none()
        && !known()
}

/// Whether the bridge was there when the daemons said what they have, a moment ago at least. Who asks
/// once was told of both at the same time.
fn is_old(situation: Situation<'_>, namespace: &Namespace, link: &Link, listed: Timestamp) -> bool {
    let seen = namespace.seen(link.ifindex);
    situation.purpose == Purpose::Check
        || seen.is_some_and(|seen| seen <= listed) && situation.now >= listed.plus(SETTLED)
}

fn tell(
    situation: Situation<'_>,
    (inum, namespace): (u32, &Namespace),
    link: &Link,
    (listed, daemons): (Timestamp, &[&str]),
) -> Finding {
    let world = situation.world;
    let before = world.docker.lost_network(&link.name);
    let holds: Vec<_> = namespace.connected(link.ifindex).collect();
    let ghost = Ghost {
        class: GhostClass::UnknownBridge,
        since: Some(listed),
        holds: holds.clone(),
        leftovers: vec![left(link)],
        creator: before.map(was),
        working_dir: None,
    };
    let reason = reason(link, &prefixes(&holds), daemons, before);
    let key = link.ifindex.to_string();
    let told = finding(situation, inum, &key, ghost, reason);
    let evidence = vec![said(
        EvidenceKind::LinkChange,
        listed,
        format!(
            "{} was there when docker at {} listed its networks, and is none of them",
            link.name,
            daemons.join(", ")
        ),
    )];
    let told = Finding {
        evidence,
        ci: before.and_then(|network| world.job_of_network(daemons.first()?, network)),
        remedies: remedy::bridge(world, inum, link, daemons)
            .into_iter()
            .collect(),
        ..told
    };
    let told = with_bridge(situation, link, "docker", told);
    log::with_bridge(situation, &link.name, told)
}

fn left(link: &Link) -> Leftover {
    Leftover {
        what: "bridge",
        name: link.name.clone(),
        id: link.ifindex.to_string(),
        state: Some(if link.carrier { "up" } else { "no carrier" }.to_owned()),
    }
}

/// What the bridge was while a daemon knew it.
fn was(network: &DockerNetwork) -> String {
    match network.compose_project() {
        Some(project) => format!(
            "docker, for network {} of compose project {project}",
            network.name
        ),
        None => format!("docker, for network {}", network.name),
    }
}

fn reason(link: &Link, holds: &str, daemons: &[&str], before: Option<&DockerNetwork>) -> String {
    let was = before.map_or_else(String::new, |network| {
        format!(", which was network {}", network.name)
    });
    let holds = if holds.is_empty() {
        String::new()
    } else {
        format!(", and it still takes {holds}")
    };
    format!(
        "Docker at {} does not know bridge {}{was}: a daemon that lost its state left it behind. \
         Nobody is on it{holds}.",
        daemons.join(", "),
        link.name
    )
}

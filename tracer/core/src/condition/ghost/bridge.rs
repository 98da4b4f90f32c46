//! Bridges that docker made and no daemon knows: a daemon lost its state, or was killed.
//!
//! They must have been there when the daemon said what it has. One that came later was made by
//! somebody who is at work. One with ports is used by somebody: another daemon, of which nobody told
//! us, may have containers on it.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;

use crate::{
    finding::{Evidence, EvidenceKind, Finding, Ghost, GhostClass, Leftover},
    input::{DaemonStatus, DockerNetwork, Link},
    remedy::ghost as remedy,
    time::Timestamp,
    world::{World, bridge, namespace::Namespace},
};

use super::{
    Purpose, SETTLED, Situation, all_answer,
    duplicate::{self, Known},
    finding, log, prefixes, said, with_bridge,
};

pub(super) fn find(situation: Situation<'_>) -> Vec<Finding> {
    let world = situation.world;
    let mut found = Vec::new();
    for (inum, namespace) in world.namespaces() {
        let Some((listed, daemons)) = witnesses(world, inum) else {
            continue;
        };
        let sharers = duplicate::sharers(situation, inum, namespace);
        for link in unknown(world, namespace) {
            if is_old(situation, namespace, link, listed) {
                found.push(tell(
                    situation,
                    (inum, namespace),
                    link,
                    (listed, &daemons),
                    &sharers,
                ));
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

/// Bridges that docker made, and that neither a daemon nor anybody on them claims.
fn unknown<'a>(world: &World, namespace: &'a Namespace) -> impl Iterator<Item = &'a Link> {
    let networks = world.docker.networks();
    let known: BTreeSet<String> = networks.map(|(_, network)| network.bridge_name()).collect();
    let ports = namespace.links().filter_map(|link| link.master);
    let in_use: BTreeSet<u32> = ports.collect();
    let bridges = namespace.bridges();
    bridges.filter(move |link| {
        bridge::docker_id(&link.name).is_some()
            && !in_use.contains(&link.ifindex)
            && !known.contains(&link.name)
    })
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
    sharers: &BTreeMap<IpNet, Vec<Known<'_>>>,
) -> Finding {
    let world = situation.world;
    let before = world.docker.lost_network(&link.name);
    let holds: Vec<_> = namespace.connected(link.ifindex).collect();
    let rival = holds.iter().find_map(|prefix| {
        let other = sharers.get(prefix)?.first()?;
        Some(Rival {
            link: other.link,
            network: other.network,
            prefix: *prefix,
        })
    });
    let ghost = Ghost {
        class: match rival {
            Some(_) => GhostClass::DuplicateSubnet,
            None => GhostClass::UnknownBridge,
        },
        since: Some(listed),
        holds: holds.clone(),
        leftovers: vec![left(link)],
        creator: before.map(was),
        working_dir: None,
    };
    let mut reason = reason(link, &prefixes(&holds), daemons, before);
    reason.extend(rival.iter().map(|rival| rival.text(namespace, link)));
    let key = link.ifindex.to_string();
    let told = finding(situation, inum, &key, ghost, reason);
    let mut evidence = vec![said(
        EvidenceKind::LinkChange,
        listed,
        format!(
            "{} was there when docker at {} listed its networks, and is none of them",
            link.name,
            daemons.join(", ")
        ),
    )];
    evidence.extend(rival.and_then(|rival| rival.evidence(namespace, link, listed)));
    let told = Finding {
        evidence,
        ci: world.job_there(inum, daemons.first().copied().zip(before)),
        remedies: remedy::bridge(world, inum, link, daemons)
            .into_iter()
            .collect(),
        ..told
    };
    let told = with_bridge(situation, link, "docker", told);
    log::with_bridge(situation, &link.name, told)
}

/// A network that docker made since, with the subnet of the bridge it forgot.
struct Rival<'a> {
    link: &'a Link,
    network: &'a DockerNetwork,
    prefix: IpNet,
}

impl Rival<'_> {
    fn text(&self, namespace: &Namespace, link: &Link) -> String {
        let Self {
            network, prefix, ..
        } = self;
        match duplicate::wins(namespace, link, self.link) {
            true => format!(
                " Network {} has {prefix} as well: the route of {} wins, and nobody on {} can be \
                 reached from this host.",
                network.name, link.name, network.name
            ),
            false => format!(" Network {} has {prefix} as well.", network.name),
        }
    }

    fn evidence(&self, namespace: &Namespace, link: &Link, at: Timestamp) -> Option<Evidence> {
        let wins = |one, other| {
            duplicate::wins(namespace, one, other)
                .then(|| duplicate::evidence(at, self.prefix, one, other))
        };
        wins(link, self.link).or_else(|| wins(self.link, link))
    }
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

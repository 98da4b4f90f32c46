//! Networks that list a container which is gone: docker refuses to remove them ("has active
//! endpoints"), and the address stays taken.

use crate::{
    finding::{EvidenceKind, Finding, Ghost, GhostClass, Leftover},
    input::{DaemonStatus, DockerEndpoint, DockerNetwork},
    remedy::ghost as remedy,
    time::SECOND,
};

use super::{Purpose, Situation, creator, finding, group::is_phantom, said, short, with_network};

/// Removing a container takes docker a moment, in which its endpoint has no container any more; a
/// loaded daemon takes seconds.
const PASSING: u64 = 10 * SECOND;

pub(super) fn find(situation: Situation<'_>) -> Vec<Finding> {
    let networks = situation.world.docker.networks();
    networks
        .filter_map(|(daemon, network)| tell(situation, daemon, network))
        .collect()
}

fn tell(situation: Situation<'_>, daemon: &str, network: &DockerNetwork) -> Option<Finding> {
    let world = situation.world;
    let answers = |(known, status): (&str, &DaemonStatus)| {
        known == daemon && matches!(status, DaemonStatus::Reachable(_))
    };
    let told = world.docker.told(daemon, &network.id)?;
    let listed = world.docker.listed(daemon)?;
    // Who asks once looks a second time.
    let passing = situation.purpose == Purpose::Watch && situation.now < told.plus(PASSING);
    if passing || !world.docker.daemons().any(answers) {
        return None;
    }
    let phantoms = network.endpoints.iter().filter(|it| is_phantom(it));
    let phantoms: Vec<&DockerEndpoint> = phantoms.collect();
    let first = phantoms.first()?;
    let ghost = Ghost {
        class: GhostClass::PhantomEndpoint,
        since: Some(told.min(listed)),
        holds: phantoms
            .iter()
            .flat_map(|it| it.addresses.iter().copied().map(Into::into))
            .collect(),
        leftovers: phantoms.iter().map(|it| left(it)).collect(),
        creator: world.processes.maker(network).map(creator::of),
        working_dir: None,
    };
    let reason = format!(
        "Network {} lists container {}, which is gone: docker will not remove the network, and its \
         address stays taken.",
        network.name, first.container_name
    );
    let netns = world.docker.place(daemon).unwrap_or(world.session.netns);
    let key = format!("{}-endpoints", short(&network.id));
    let text = format!(
        "docker still lists {} in {}",
        first.container_name, network.name
    );
    let found = finding(situation, netns, &key, ghost, reason);
    let found = Finding {
        evidence: vec![said(EvidenceKind::DockerEvent, told.min(listed), text)],
        remedies: remedy::endpoints(daemon, network, &phantoms)
            .into_iter()
            .collect(),
        ..found
    };
    Some(with_network(situation, daemon, network, found))
}

fn left(endpoint: &DockerEndpoint) -> Leftover {
    Leftover {
        what: "endpoint",
        name: endpoint.container_name.clone(),
        id: endpoint.container.clone(),
        state: None,
    }
}

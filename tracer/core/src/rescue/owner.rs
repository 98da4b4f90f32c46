//! Who on the bridge would be cut off by the route, and whether that can be known.

use std::net::IpAddr;

use crate::{
    input::{Cause, DaemonStatus, Link},
    world::{World, bridge::owner_by_name, namespace::Namespace},
};

use super::Refusal;

/// Refuses an address that a running container has, or that somebody on the bridge is known to have lately.
/// Who is not known has to be asked before the route is set.
pub(super) fn is_free(
    world: &World,
    namespace: &Namespace,
    bridge: &Link,
    address: IpAddr,
) -> Result<(), Refusal> {
    let netns = world.session.netns;
    if let Some((_, network, endpoint)) = world.docker.container_at(netns, address) {
        return Err(Refusal::Container {
            name: endpoint.container_name.clone(),
            id: endpoint.container.clone(),
            network: network.name.clone(),
        });
    }
    if namespace.is_answering(bridge.ifindex, address) {
        return Err(Refusal::Answers {
            address,
            bridge: bridge.name.clone(),
        });
    }
    Ok(())
}

/// Why docker's word on who has an address on the bridge is missing, if it is. The bridge alone does not
/// tell of a container that is paused, or does not answer in time.
pub(super) fn unsure(world: &World, bridge: &Link) -> Vec<String> {
    let netns = world.session.netns;
    let docker = &world.docker;
    let known = docker.network_of_bridge(netns, &bridge.name);
    let mut unsure = Vec::new();
    for (endpoint, status) in docker.daemons_in(netns) {
        match status {
            // Its own network: whatever others have is not on this bridge.
            DaemonStatus::Reachable(_) if known.is_some_and(|(daemon, _)| daemon == endpoint) => {
                return Vec::new();
            }
            DaemonStatus::Reachable(info) => unsure.extend(info.neighbours.iter().map(|pid| {
                format!("another dockerd runs here (pid {pid}) and was not asked (--docker-host)")
            })),
            DaemonStatus::Unreachable(why) => {
                let named = world.session.daemons.iter().any(|it| it == endpoint);
                // Where docker is not installed there is no socket, and the bridge is somebody else's.
                let absent = why.cause == Cause::NoSocket && !named;
                if !absent || owner_by_name(&bridge.name) == "docker" {
                    unsure.push(format!("docker at {endpoint}: {why}"));
                }
            }
        }
    }
    unsure
}

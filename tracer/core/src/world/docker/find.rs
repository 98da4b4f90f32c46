//! Questions about docker's networks and containers.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::{
    finding::ContainerRef,
    input::{DaemonStatus, DockerContainer, DockerEndpoint, DockerNetwork, Landmark},
};

use super::Docker;

impl Docker {
    /// Daemons whose word counts in the namespace `netns`: those that live there, and those of which
    /// nobody knows where they live, unless they were found in a container.
    pub fn daemons_in(&self, netns: u32) -> impl Iterator<Item = (&str, &DaemonStatus)> {
        self.daemons().filter(move |(daemon, _)| {
            let place = self.place(daemon);
            let here = place.map_or_else(|| !is_inner(daemon), |inum| inum == netns);
            here && !self.is_alias(daemon)
        })
    }

    /// The network behind a bridge of this name in the namespace `netns`.
    #[must_use]
    pub fn network_of_bridge(&self, netns: u32, bridge: &str) -> Option<(&str, &DockerNetwork)> {
        let named = self.bridges.get(bridge)?.iter();
        let networks = named.filter(|(daemon, _)| !self.is_alias(daemon));
        networks
            .filter_map(|key| Some((key.0.as_str(), self.networks.get(key)?)))
            .find(|(daemon, network)| self.is_bridge_in(netns, daemon, network))
    }

    /// Who runs with this address in a bridge network of the namespace `netns`, and the endpoint of
    /// the daemon that says so.
    #[must_use]
    pub fn container_at(
        &self,
        netns: u32,
        address: IpAddr,
    ) -> Option<(&str, &DockerNetwork, &DockerEndpoint)> {
        self.bridges_in(netns).find_map(|(daemon, network)| {
            let there = |e: &&DockerEndpoint| {
                e.addresses.contains(&address) && self.may_run(daemon, &e.container)
            };
            let endpoint = network.endpoints.iter().find(there)?;
            Some((daemon, network, endpoint))
        })
    }

    /// Who is reached by this port of the host and lives in the network behind a bridge of the namespace
    /// `netns`; and the endpoint of the daemon that says so.
    #[must_use]
    pub fn publisher(
        &self,
        netns: u32,
        bridge: &str,
        proto: u8,
        port: u16,
    ) -> Option<(&str, &DockerNetwork, &DockerEndpoint)> {
        let (daemon, network) = self.network_of_bridge(netns, bridge)?;
        let publishes = |endpoint: &&DockerEndpoint| {
            let container = self.container(daemon, &endpoint.container);
            container.is_some_and(|container| {
                let mut ports = container.ports.iter();
                ports.any(|known| known.proto == proto && known.host == port)
            })
        };
        let endpoint = network.endpoints.iter().find(publishes)?;
        Some((daemon, network, endpoint))
    }

    /// Whether the daemon is reached by another endpoint as well, which speaks for it.
    #[must_use]
    pub fn is_alias(&self, daemon: &str) -> bool {
        self.aliases.contains(daemon)
    }

    /// A daemon's network by its id.
    #[must_use]
    pub fn network(&self, daemon: &str, id: &str) -> Option<&DockerNetwork> {
        self.networks.get(&(daemon.to_owned(), id.to_owned()))
    }

    /// A daemon's container by its id.
    #[must_use]
    pub fn container(&self, daemon: &str, id: &str) -> Option<&DockerContainer> {
        self.containers.get(daemon, id)
    }

    /// A container by its id, whatever daemon runs it, and that one's endpoint.
    #[must_use]
    pub fn container_by_id(&self, id: &str) -> Option<(&str, &DockerContainer)> {
        self.containers
            .iter()
            .find(|((_, known), _)| known == id)
            .map(|((daemon, _), container)| (daemon.as_str(), container))
    }

    /// What a container is called, or was before it was removed.
    #[must_use]
    pub fn container_ref(&self, id: &str) -> Option<ContainerRef> {
        let removed = || self.removed.iter().rev().find(|it| it.id == id).cloned();
        let present = self.container_by_id(id);
        let present = present.map(|(_, container)| ContainerRef::from(container));
        present.or_else(removed)
    }

    /// What a daemon of the namespace `netns` is configured to use the address as.
    #[must_use]
    pub fn landmark(&self, netns: u32, address: IpAddr) -> Option<&Landmark> {
        self.daemons_in(netns)
            .filter_map(|(daemon, _)| self.info(daemon))
            .flat_map(|info| &info.landmarks)
            .find(|landmark| landmark.address == address)
    }

    /// What daemons of the namespace `netns` are configured to use in `prefix`.
    pub fn landmarks_in(&self, netns: u32, prefix: IpNet) -> impl Iterator<Item = &Landmark> {
        self.daemons_in(netns)
            .filter_map(|(daemon, _)| self.info(daemon))
            .flat_map(|info| &info.landmarks)
            .filter(move |landmark| prefix.contains(&landmark.address))
    }

    /// Containers with the daemon's socket: whoever is in one commands it.
    pub fn commanding<'a>(
        &'a self,
        endpoint: &'a str,
    ) -> impl Iterator<Item = &'a DockerContainer> {
        self.containers.commanding(endpoint)
    }

    /// Containers of a compose project, by its name.
    pub fn project_containers(
        &self,
        endpoint: &str,
        project: &str,
    ) -> impl Iterator<Item = &DockerContainer> {
        self.containers.of_project(endpoint, project)
    }

    /// Networks that are bridges in the namespace `netns`.
    pub fn bridges_in(&self, netns: u32) -> impl Iterator<Item = (&str, &DockerNetwork)> {
        self.networks()
            .filter(move |(daemon, network)| self.is_bridge_in(netns, daemon, network))
    }

    fn is_bridge_in(&self, netns: u32, daemon: &str, network: &DockerNetwork) -> bool {
        network.driver == "bridge" && self.lives_in(netns, daemon, network)
    }

    /// A remote daemon's docker0 is not this host's; a name made of the network's id is proof.
    fn lives_in(&self, netns: u32, daemon: &str, network: &DockerNetwork) -> bool {
        match self.place(daemon) {
            Some(inum) => inum == netns,
            None if is_inner(daemon) => false,
            None => daemon.starts_with("unix:") || network.has_default_bridge_name(),
        }
    }

    /// An endpoint may be known a moment before its container is.
    fn may_run(&self, daemon: &str, id: &str) -> bool {
        self.container(daemon, id)
            .is_none_or(DockerContainer::is_running)
    }
}

/// Whether the daemon was found inside a container, as its endpoint tells. It has no word on any
/// namespace but its own: it may be anybody's.
#[must_use]
pub fn is_inner(daemon: &str) -> bool {
    daemon.starts_with("unix:///proc/")
}

impl From<&DockerContainer> for ContainerRef {
    fn from(container: &DockerContainer) -> Self {
        Self {
            id: container.id.clone(),
            name: container.name.clone(),
            service: container.labels.get("com.docker.compose.service").cloned(),
        }
    }
}

#[cfg(test)]
mod tests;

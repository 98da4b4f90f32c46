//! Who it concerns: containers, landmarks, jobs.

use crate::{
    finding::{CiJob, Concerned, ContainerRef, ContainerRole, Kind},
    incident::Incident,
    input::{DockerEndpoint, DockerNetwork, Landmark},
};

use super::Context;

/// Victims whose part is looked up; an outage may have thousands.
const LOOKED_UP: usize = 64;

impl Context<'_> {
    /// The container the finding is about.
    pub(super) fn container(&self, incident: &Incident) -> Option<Concerned> {
        use ContainerRole::{CutOff, Receiver, Resident, Sender};
        let (role, container) = match incident.kind {
            Kind::Misdelivery => (Receiver, self.inhabitant(incident)),
            Kind::ForwardBlackhole if self.sender.is_some() => (Sender, self.sender_container()),
            _ if self.rival.is_some() => (CutOff, self.cut_off_container(incident)),
            Kind::ForwardBlackhole => return None,
            _ => (Resident, self.resident()),
        };
        container.map(|container| Concerned { role, container })
    }

    /// The first container of the network.
    fn resident(&self) -> Option<ContainerRef> {
        let endpoints = self.network?.1.endpoints.iter();
        let first = endpoints.min_by_key(|endpoint| &endpoint.container_name)?;
        Some(self.container_ref(first))
    }

    /// The container whose packets are forwarded.
    pub(super) fn sender_container(&self) -> Option<ContainerRef> {
        let (_, _, endpoint) = self.sender?;
        Some(self.container_ref(endpoint))
    }

    /// The container that has the victim's address on this bridge.
    pub(super) fn inhabitant(&self, incident: &Incident) -> Option<ContainerRef> {
        self.victim_in(self.network?.1, incident)
    }

    /// The container that has the victim's address on the bridge that loses.
    pub(super) fn cut_off_container(&self, incident: &Incident) -> Option<ContainerRef> {
        let docker = &self.world.docker;
        let (_, network) = docker.network_of_bridge(incident.place.netns, &self.rival?.name)?;
        self.victim_in(network, incident)
    }

    fn victim_in(&self, network: &DockerNetwork, incident: &Incident) -> Option<ContainerRef> {
        let is_victim = |endpoint: &&DockerEndpoint| {
            let mut addresses = endpoint.addresses.iter();
            addresses.any(|address| incident.remotes.contains_key(address))
        };
        let endpoint = network.endpoints.iter().find(is_victim)?;
        Some(self.container_ref(endpoint))
    }

    fn container_ref(&self, endpoint: &DockerEndpoint) -> ContainerRef {
        let container = self.world.docker.container_by_id(&endpoint.container);
        let service = container.and_then(|(_, c)| c.labels.get("com.docker.compose.service"));
        ContainerRef {
            id: endpoint.container.clone(),
            name: endpoint.container_name.clone(),
            service: service.cloned(),
        }
    }

    /// What the victim is configured as.
    pub(super) fn landmark(&self, incident: &Incident) -> Option<&Landmark> {
        let (netns, socket) = (incident.place.netns, incident.socket);
        let latest = std::iter::once(&incident.key.destination);
        let mut victims = latest.chain(incident.remotes.keys().take(LOOKED_UP));
        victims.find_map(|victim| self.world.landmark_for(netns, socket, *victim))
    }

    /// The job behind the container, the network, or the container the namespace is in.
    pub(super) fn ci(&self, concerned: Option<&Concerned>) -> Option<CiJob> {
        let world = self.world;
        let of_network = || {
            let (daemon, network) = self.network?;
            world.job_of_network(daemon, network)
        };
        let of_namespace = || world.job_of_netns(self.netns.inum);
        concerned
            .and_then(|concerned| world.job_of_container(&concerned.container.id))
            .or_else(of_network)
            .or_else(of_namespace)
    }
}

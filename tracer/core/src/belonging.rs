//! Whom a line of the kernel's log belongs to: the bridge, its network, its container, their job; and
//! whether it is part of a story that is told, or what every container does that comes and goes.

use std::fmt::{self, Display, Formatter};

use crate::{
    finding::CiJob,
    input::DockerNetwork,
    world::{
        World,
        kernel_log::{Line, Note},
    },
};

/// Whom a line belongs to. Names are hostile text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Belonging {
    /// The namespace of the bridge.
    pub netns: u32,
    /// The bridge.
    pub bridge: String,
    /// The docker network behind it.
    pub network: Option<String>,
    /// The compose project that the network is of.
    pub project: Option<String>,
    /// The container on the port, where the network has one container and the bridge one port.
    pub container: Option<String>,
    /// The CI job of the network.
    pub job: Option<CiJob>,
    /// The id of the finding that the line is part of; none if it is normal.
    pub story: Option<String>,
}

impl Belonging {
    /// Of a line about a bridge or a port of one; a process has none.
    pub(crate) fn of(world: &World, line: &Line) -> Option<Self> {
        let (netns, bridge) = world.bridge_of_line(line)?;
        let known = world.docker.network_of_bridge(netns, bridge);
        let network = known.map(|(_, network)| network);
        let network = network.or_else(|| world.docker.lost_network(bridge));
        Some(Self {
            netns,
            bridge: bridge.to_owned(),
            network: network.map(|network| network.name.clone()),
            project: network.and_then(|it| it.compose_project().map(str::to_owned)),
            container: network.and_then(|network| container(world, netns, line, network)),
            job: known.and_then(|(daemon, network)| world.job_of_network(daemon, network)),
            story: None,
        })
    }
}

/// The only container of the network, where the bridge has no other port than the one of the line: docker
/// does not say which port is whose.
fn container(world: &World, netns: u32, line: &Line, network: &DockerNetwork) -> Option<String> {
    let namespace = world.namespace(netns)?;
    let bridge = namespace.link_named(&network.bridge_name())?;
    let mut ports = namespace.ports(bridge.ifindex);
    let is_port = |name: &str| line.note.names(name) || matches!(line.note, Note::Renamed { .. });
    match (network.endpoints.as_slice(), ports.next(), ports.next()) {
        ([only], Some(port), None) if is_port(&port.name) => Some(only.container_name.clone()),
        _ => None,
    }
}

impl Display for Belonging {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.story {
            Some(finding) => write!(f, "part of {finding}")?,
            None => f.write_str("normal")?,
        }
        match &self.network {
            Some(network) => write!(f, ": network {network}")?,
            None => write!(f, ": bridge {}", self.bridge)?,
        }
        if let Some(project) = &self.project {
            write!(f, " of project {project}")?;
        }
        if let Some(container) = &self.container {
            write!(f, ", container {container}")?;
        }
        let Some(job) = &self.job else {
            return Ok(());
        };
        let doubt = if job.uncertain { "probably " } else { "" };
        let id = job.job_id.as_deref().or(job.pipeline_id.as_deref());
        let id = id.or(job.project_path.as_deref()).unwrap_or("unknown");
        write!(f, ", {doubt}{} job {id}", job.system)
    }
}

#[cfg(test)]
mod tests;

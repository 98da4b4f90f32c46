//! Which CI job something belongs to, and how that is known.
//!
//! A runner labels what it makes itself. What a job makes, by a shell, through a mounted socket or in
//! a daemon of its own, has no such labels: then names, folders and times tell, the surest first.

mod folders;
pub(crate) mod labels;
mod makers;
pub(crate) mod names;
mod runs;
mod variables;

use std::collections::BTreeMap;

use crate::{
    finding::{CiJob, Party},
    input::{DockerContainer, DockerNetwork, NetnsOwner, ProcessInfo},
};

use super::World;

pub(crate) use folders::is_checkout;

impl World {
    /// The job behind a container, whatever daemon runs it.
    #[must_use]
    pub fn job_of_container(&self, id: &str) -> Option<CiJob> {
        let (daemon, container) = self.docker.container_by_id(id)?;
        self.job_of(daemon, container)
    }

    /// The job behind a container of this daemon.
    #[must_use]
    pub fn job_of(&self, daemon: &str, container: &DockerContainer) -> Option<CiJob> {
        let by_labels = labels::job(&container.labels);
        let by_labels = by_labels.map(|job| CiJob {
            known_by: format!("the labels of container {}", container.name),
            ..job
        });
        by_labels
            .or_else(|| runs::maker(self, daemon, container.created?, container.working_dir()))
            .or_else(|| folders::job(container.working_dir()?))
    }

    /// The job behind a network of this daemon.
    #[must_use]
    pub fn job_of_network(&self, daemon: &str, network: &DockerNetwork) -> Option<CiJob> {
        let by_labels = labels::job(&network.labels).map(|job| CiJob {
            known_by: "the network's labels".to_owned(),
            ..job
        });
        by_labels
            .or_else(|| names::network(&network.name))
            .or_else(|| self.job_of_project(daemon, network))
            .or_else(|| self.job_of_netns(self.docker.place(daemon)?))
    }

    /// The job that a process is part of.
    #[must_use]
    pub fn job_of_process(&self, process: &ProcessInfo) -> Option<CiJob> {
        let container = || self.job_of_container(process.container.as_deref()?);
        makers::of(process)
            .or_else(container)
            .or_else(|| folders::job(process.directory.as_deref()?))
    }

    /// The job of somebody who sent or got a signal: its own, or that of the closest of its parents that
    /// is part of one.
    #[must_use]
    pub fn job_of_party(&self, party: &Party) -> Option<CiJob> {
        let own = self.job_of_known(party.pid, &party.name);
        let container = || self.job_of_container(&party.container.as_ref()?.id);
        let mut parents = party.ancestry.iter();
        let parent = || {
            let job = parents.find_map(|it| self.job_of_known(it.pid, &it.name))?;
            let whose = format!(", a parent of {} (pid {})", party.name, party.pid);
            Some(CiJob {
                known_by: job.known_by + &whose,
                ..job
            })
        };
        own.or_else(container).or_else(parent)
    }

    fn job_of_known(&self, pid: u32, name: &str) -> Option<CiJob> {
        self.job_of_process(self.processes.named(pid, name)?)
    }

    /// The job that a namespace was made for: that of the container, pod or process it is of.
    #[must_use]
    pub fn job_of_netns(&self, inum: u32) -> Option<CiJob> {
        let namespace = self.namespace(inum)?;
        self.job_of_place(inum, namespace.owner.as_ref()?, &namespace.variables)
    }

    /// [`World::job_of_netns`] of a namespace that need not be followed; `variables` are those of a process
    /// in it.
    #[must_use]
    pub fn job_of_place(
        &self,
        inum: u32,
        owner: &NetnsOwner,
        variables: &BTreeMap<String, String>,
    ) -> Option<CiJob> {
        let by_variables = || {
            Some(CiJob {
                known_by: "the environment of a process in its network namespace".to_owned(),
                ..variables::job(variables)?
            })
        };
        match owner {
            _ if inum == self.session.netns => None,
            NetnsOwner::Container { id, pod, .. } => self
                .job_of_container(id)
                .or_else(by_variables)
                .or_else(|| names::pod(pod.as_ref()?)),
            NetnsOwner::Process(_) => by_variables(),
            NetnsOwner::Host | NetnsOwner::Named(_) | NetnsOwner::Unknown => None,
        }
    }

    /// The job behind a finding of which nothing is known but where it happened and whose network it is
    /// about.
    #[must_use]
    pub(crate) fn job_there(
        &self,
        netns: u32,
        network: Option<(&str, &DockerNetwork)>,
    ) -> Option<CiJob> {
        let by_network = network.and_then(|(daemon, it)| self.job_of_network(daemon, it));
        by_network.or_else(|| self.job_of_netns(netns))
    }

    /// What compose made tells, by its containers, where it was made.
    fn job_of_project(&self, daemon: &str, network: &DockerNetwork) -> Option<CiJob> {
        let project = network.compose_project();
        let mut containers = project.map(|project| self.docker.project_containers(daemon, project));
        let folder = containers
            .as_mut()
            .and_then(|them| them.find_map(DockerContainer::working_dir));
        let by_time = || runs::maker(self, daemon, network.created?, folder);
        let by_maker = || self.job_of_process(self.processes.maker(network)?);
        makers::job(self, network)
            .or_else(by_time)
            .or_else(by_maker)
            .or_else(|| folders::job(folder?))
    }
}

#[cfg(test)]
mod tests;

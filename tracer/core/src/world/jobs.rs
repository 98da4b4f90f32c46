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

use crate::{
    finding::CiJob,
    input::{DockerContainer, DockerNetwork, NetnsOwner, ProcessInfo},
};

use super::World;

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
        variables::job(&process.variables)
            .or_else(container)
            .or_else(|| folders::job(process.directory.as_deref()?))
    }

    /// The job that a namespace was made for: that of the container, or pod, it is of.
    #[must_use]
    pub fn job_of_netns(&self, inum: u32) -> Option<CiJob> {
        if inum == self.session.netns {
            return None;
        }
        let Some(NetnsOwner::Container { id, pod, .. }) = self.namespace(inum)?.owner.as_ref()
        else {
            return None;
        };
        let by_pod = || names::pod(pod.as_ref()?);
        self.job_of_container(id).or_else(by_pod)
    }

    /// What compose made tells, by its containers, where it was made.
    fn job_of_project(&self, daemon: &str, network: &DockerNetwork) -> Option<CiJob> {
        let project = network.compose_project();
        let mut containers = project.map(|project| self.docker.project_containers(daemon, project));
        let folder = containers
            .as_mut()
            .and_then(|them| them.find_map(DockerContainer::working_dir));
        let by_process = project.and_then(|project| makers::job(self, project));
        let by_time = || runs::maker(self, daemon, network.created?, folder);
        by_process
            .or_else(by_time)
            .or_else(|| folders::job(folder?))
    }
}

#[cfg(test)]
mod tests;

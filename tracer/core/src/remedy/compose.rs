//! Through compose, when compose made the network and its files are known.

use ipnet::Ipv4Net;

use crate::{
    finding::Remedy,
    input::{DockerContainer, DockerNetwork},
};

use super::{
    Case,
    shell::{name, plain, quote},
    subnets,
};

const LABEL: &str = "com.docker.compose.";
/// The file that holds the subnet, beside the project's own.
const OVER: &str = "bridgetrace-subnet.yml";
/// What `down` and `up` take along.
pub(super) const LOSES: &str = "the project's containers are recreated: its services stop for that \
     moment, anonymous volumes start empty, and profiles, --scale, --env-file and variables given \
     to the original `up` have to be given again";

/// What compose knows of the project, from the labels of its containers.
pub(super) struct Project<'a> {
    name: &'a str,
    network: &'a str,
    directory: &'a str,
    files: Vec<&'a str>,
    old: bool,
}

/// The project that made the network; `None` if compose could not be told which network is meant.
pub(super) fn project<'a>(
    case: &Case<'a>,
    daemon: &'a str,
    network: &'a DockerNetwork,
) -> Option<Project<'a>> {
    let name = network.compose_project()?;
    let label = |key: &str| network.labels.get(&format!("{LABEL}{key}"));
    let old = label("version").is_some_and(|version| version.starts_with("1."));
    // Compose 1 labels a network that has a name of its own with that name, and nobody knows its
    // key in the file.
    let key = label("network").filter(|key| !(old && **key == network.name))?;
    // A project whose containers are gone has told nobody where its file is.
    let mut containers = case.world.docker.project_containers(daemon, name);
    let (directory, files) = containers.find_map(whereabouts)?;
    // Both enter YAML or are compose's own: what is not as compose writes it did not come from it.
    (plain(key) && plain(name) && directory.starts_with('/')).then(|| Project {
        name,
        network: key,
        directory,
        files: files.split(',').collect(),
        old,
    })
}

/// Where the project lies, and its files.
fn whereabouts(container: &DockerContainer) -> Option<(&str, &str)> {
    let label = |key: &str| container.labels.get(&format!("{LABEL}{key}"));
    Some((
        label("project.working_dir")?,
        label("project.config_files")?,
    ))
}

impl Project<'_> {
    /// The compose command line up to its verb.
    fn tool(&self) -> Option<String> {
        let tool = if self.old {
            "docker-compose"
        } else {
            "docker compose"
        };
        let files = self
            .files
            .iter()
            .map(|file| Some(format!(" -f {}", name(file)?)));
        let files: String = files.collect::<Option<_>>()?;
        Some(format!("{tool} -p {}{files}", name(self.name)?))
    }

    fn enter(&self, daemon: &str) -> Option<String> {
        let (directory, host) = (quote(self.directory)?, quote(daemon)?);
        Some(format!("cd -- {directory} && export DOCKER_HOST={host}"))
    }

    /// Makes all of it anew, as its files say.
    pub(super) fn renew(&self, daemon: &str) -> Option<String> {
        let (enter, tool) = (self.enter(daemon)?, self.tool()?);
        Some(format!("{enter} && {tool} down && {tool} up -d"))
    }

    /// A file for compose with the subnet in it.
    fn snippet(&self, subnet: Ipv4Net) -> String {
        let version = if self.old { "version: '3.5'\n" } else { "" };
        let network = self.network;
        // Without the quotes some keys would be numbers or booleans.
        format!(
            "{version}networks:\n  \"{network}\":\n    ipam:\n      config:\n        - subnet: {subnet}\n"
        )
    }

    /// Gives the network a subnet.
    pub(super) fn remedy(&self, daemon: &str, subnet: Ipv4Net) -> Option<Remedy> {
        let (enter, tool) = (self.enter(daemon)?, self.tool()?);
        let snippet = self.snippet(subnet);
        Some(Remedy {
            id: "compose-subnet",
            command: format!(
                "({enter} &&\ncat > {OVER} <<'EOF' &&\n{snippet}EOF\n{tool} down && {tool} -f \
                 {OVER} up -d)"
            ),
            undo: format!("({enter} && {tool} -f {OVER} down && rm {OVER} && {tool} up -d)"),
            effect: format!(
                "project {} moves to {subnet} for good, once the ipam: part is kept in its compose \
                 file",
                self.name
            ),
            risk: format!("{LOSES}; {}", subnets::UNKNOWABLE),
        })
    }
}

//! `bridgetrace.signal`: who ended whom.

use serde::Serialize;
use tracer_core::{
    finding::{Killing, Left, Party},
    input::Process,
};

use super::super::who::Container;

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Signal<'a> {
    /// The last signal, e.g. `SIGKILL`.
    name: &'static str,
    number: u32,
    /// Who made it: `SI_USER`, `SI_TKILL`, `SI_KERNEL`, …
    code: &'a str,
    /// Who sent it; absent where the kernel itself did.
    #[serde(skip_serializing_if = "Option::is_none")]
    sender: Option<Side<'a>>,
    target: Target<'a>,
    /// Compose project the target was busy with.
    #[serde(skip_serializing_if = "Option::is_none")]
    project: Option<&'a str>,
    /// What the project has on the host while nobody runs it.
    #[serde(skip_serializing_if = "Option::is_none")]
    left: Option<LeftBehind<'a>>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Target<'a> {
    /// `compose`, `docker`, `buildx`, `buildkitd`, `dockerd`, `containerd`, `containerd-shim`,
    /// `runner`.
    role: &'static str,
    #[serde(flatten)]
    side: Side<'a>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(in crate::sink::ecs) struct Side<'a> {
    pid: u32,
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    executable: Option<&'a str>,
    /// The beginning of its command line.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    args: Vec<&'a str>,
    /// Whose it is: a name, or the number of a user whose name is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    working_directory: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cgroup: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    container: Option<Container<'a>>,
    /// Its parents at that moment, the closest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ancestry: Vec<Ancestor<'a>>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Ancestor<'a> {
    pid: u32,
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct LeftBehind<'a> {
    /// Names of docker networks.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    networks: &'a [String],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    containers: Vec<LeftContainer<'a>>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct LeftContainer<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
    /// `created`, `running`, `exited`, …
    #[serde(skip_serializing_if = "str::is_empty")]
    state: &'a str,
}

impl<'a> Signal<'a> {
    pub(super) fn new(killing: &'a Killing) -> Self {
        Self {
            name: killing.name,
            number: killing.number,
            code: &killing.code,
            sender: killing.sender.as_ref().map(Side::new),
            target: Target {
                role: killing.role.name(),
                side: Side::new(&killing.target),
            },
            project: present(killing.project.as_ref()),
            left: LeftBehind::new(&killing.left),
        }
    }
}

impl<'a> Side<'a> {
    pub(in crate::sink::ecs) fn new(party: &'a Party) -> Self {
        Self {
            pid: party.pid,
            name: &party.name,
            executable: present(party.executable.as_ref()),
            args: party
                .arguments
                .iter()
                .map(String::as_str)
                .filter(|word| !word.is_empty())
                .collect(),
            user: present(party.user.as_ref()),
            working_directory: present(party.directory.as_ref()),
            cgroup: present(party.cgroup.as_ref()),
            container: party.container.as_ref().and_then(Container::new),
            ancestry: party.ancestry.iter().map(Ancestor::new).collect(),
        }
    }
}

impl<'a> Ancestor<'a> {
    fn new(process: &'a Process) -> Self {
        Self {
            pid: process.pid,
            name: &process.name,
        }
    }
}

impl<'a> LeftBehind<'a> {
    fn new(left: &'a Left) -> Option<Self> {
        let leftover = |(name, state): &'a (String, String)| LeftContainer { name, state };
        (!left.is_empty()).then(|| Self {
            networks: &left.networks,
            containers: left.containers.iter().map(leftover).collect(),
        })
    }
}

fn present(text: Option<&String>) -> Option<&str> {
    text.map(String::as_str).filter(|text| !text.is_empty())
}

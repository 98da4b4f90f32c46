//! Network namespaces, and whose they are.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Process;
#[cfg(doc)]
use super::VARIABLES;

/// A network namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Netns {
    /// Inode number.
    pub inum: u32,
    /// Whose it is.
    pub owner: NetnsOwner,
    /// Why its links and routes cannot be read, if they cannot.
    pub unreadable: Option<String>,
    /// What the environment of a process in it says of its CI job: of the [`VARIABLES`] those that are
    /// set. Hostile text.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, String>,
}

/// Whose network namespace it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NetnsOwner {
    /// The one bridgetrace runs in.
    Host,
    /// `/run/netns/NAME`.
    Named(String),
    /// Known only by a process in it.
    Process(Process),
    /// A container's.
    Container {
        /// Container id, 64 hex digits, from the cgroup of the process.
        id: String,
        /// The Kubernetes pod it is part of.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pod: Option<Pod>,
        /// The first process in it.
        process: Process,
    },
    /// Nothing is known.
    Unknown,
}

/// A container's place in Kubernetes, as containerd wrote it down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pod {
    /// Kubernetes namespace. Hostile text, as is all of it.
    pub namespace: String,
    /// Name of the pod.
    pub name: String,
    /// Name of the container in it; none for the one that holds the network namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
}

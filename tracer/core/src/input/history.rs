//! What no present state tells, and packets on their way may still need to be judged by.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

use super::{DockerContainer, DockerNetwork};

/// What is remembered of docker's past.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// Addresses that were containers' a while ago.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub departed: Vec<Departed>,
    /// Containers that were removed, latest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<Removed>,
    /// Containers of CI jobs that were removed, latest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub past_jobs: Vec<PastJob>,
    /// Networks that a daemon lost without a word, latest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<DockerNetwork>,
}

/// An address that left a network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Departed {
    /// Endpoint of the daemon whose network it was.
    pub daemon: String,
    /// The address.
    pub address: IpAddr,
    /// When it left.
    pub at: Timestamp,
}

/// A container that was removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removed {
    /// Its id.
    pub id: String,
    /// Its name. Hostile text.
    pub name: String,
    /// The compose service it ran. Hostile text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
}

/// A container of a CI job that was removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastJob {
    /// Endpoint of its daemon.
    pub daemon: String,
    /// The container as it was.
    pub container: DockerContainer,
    /// When it was removed.
    pub at: Timestamp,
}

impl History {
    /// Whether nothing is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

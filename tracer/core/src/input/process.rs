//! What `/proc` says of processes that matter.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// A process that makes, keeps or orders docker networks, or that had to do with one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessInfo {
    /// Pid in bridgetrace's pid namespace.
    pub pid: u32,
    /// `comm`.
    pub name: String,
    /// Pid of the parent; 0 for none.
    #[serde(default)]
    pub parent: u32,
    /// When it was started, in clock ticks since the machine was: tells it from a later process with
    /// the same pid.
    #[serde(default)]
    pub started: u64,
    /// Path of its program, without the mark of one that was replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub executable: Option<String>,
    /// Its command line, the beginning of it. Hostile text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<String>,
    /// Its control group: a path in the unified hierarchy, else in the one that says most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cgroup: Option<String>,
    /// Id of the container that group belongs to, 64 hex digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// Its working directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<String>,
    /// When that was, by the wall clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub began: Option<Timestamp>,
    /// Whose it is: a name, or the number of a user without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Of its environment only [`VARIABLES`].
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, String>,
}

/// Environment variables that are read; the others may hold passwords.
pub const VARIABLES: [&str; 7] = [
    "CI_JOB_ID",
    "CI_JOB_URL",
    "CI_PIPELINE_ID",
    "CI_PROJECT_DIR",
    "CI_PROJECT_ID",
    "CI_PROJECT_PATH",
    "COMPOSE_PROJECT_NAME",
];

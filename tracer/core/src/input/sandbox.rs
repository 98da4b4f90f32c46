//! Network namespaces that docker made for containers.

use serde::{Deserialize, Serialize};

/// A network namespace that a dockerd keeps for a container, and that no process is in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EmptySandbox {
    /// Namespace that dockerd lives in, inode number.
    pub netns: u32,
    /// The empty one, inode number.
    pub inum: u32,
    /// The file that keeps it alive, as dockerd sees it.
    pub path: String,
    /// Pid of that dockerd, in bridgetrace's pid namespace.
    pub pid: u32,
    /// Whether dockerd sees other mounts than bridgetrace does.
    pub elsewhere: bool,
}

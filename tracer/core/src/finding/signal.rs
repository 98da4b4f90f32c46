//! What a finding about a killed process has to tell.

use crate::{input::Process, world::processes::Role};

use super::ContainerRef;

/// A signal, or several in one go, that ended a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Killing {
    /// Number of the last signal.
    pub number: u32,
    /// Its name.
    pub name: &'static str,
    /// Who made it: the name of its `si_code`, or the number.
    pub code: String,
    /// Who sent it; none where the kernel itself did.
    pub sender: Option<Party>,
    /// Who got it.
    pub target: Party,
    /// What that is.
    pub role: Role,
    /// The compose project it was busy with.
    pub project: Option<String>,
    /// What nobody takes care of now.
    pub left: Left,
}

/// A process that sent a signal or got one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Party {
    /// Pid in bridgetrace's pid namespace.
    pub pid: u32,
    /// `comm`.
    pub name: String,
    /// Path of its program.
    pub executable: Option<String>,
    /// Its command line, the beginning of it.
    pub arguments: Vec<String>,
    /// Its control group.
    pub cgroup: Option<String>,
    /// The container it was in.
    pub container: Option<ContainerRef>,
    /// Whose it is: a name, or the number of a user whose name is not known.
    pub user: Option<String>,
    /// Its working directory.
    pub directory: Option<String>,
    /// Its parents at that moment, the closest first.
    pub ancestry: Vec<Process>,
}

/// What a project has on the host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// Names of networks, sorted.
    pub networks: Vec<String>,
    /// Names of containers and their state, sorted.
    pub containers: Vec<(String, String)>,
}

impl Left {
    /// Whether there is nothing.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.networks.is_empty() && self.containers.is_empty()
    }
}

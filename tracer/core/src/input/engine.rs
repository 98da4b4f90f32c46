//! The processes of a docker engine, and what surrounds their end.

use serde::{Deserialize, Serialize};

use super::Process;

/// A data root that a daemon does not use any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormerRoot {
    /// Its path as the daemon sees it.
    pub path: String,
    /// Containers kept there, counted up to 10,000.
    pub containers: u64,
}

/// One of the processes that make up a docker engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineProcess {
    /// Which one.
    pub program: EngineProgram,
    /// Pid in bridgetrace's pid namespace.
    pub pid: u32,
    /// The systemd unit it belongs to, e.g. `docker.service`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
}

/// A program of a docker engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EngineProgram {
    /// `dockerd`: answers at the endpoint.
    Dockerd,
    /// `containerd`: runs the containers.
    Containerd,
}

impl EngineProgram {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dockerd => "dockerd",
            Self::Containerd => "containerd",
        }
    }
}

/// Programs that install, upgrade and restart services.
const PACKAGE_MANAGERS: [&str; 12] = [
    "apt",
    "apt-get",
    "apt.systemd.daily",
    "aptitude",
    "dnf",
    "dpkg",
    "needrestart",
    "rpm",
    "snapd",
    "unattended-upgrade",
    "yum",
    "zypper",
];
/// Bytes of a `comm` (`TASK_COMM_LEN` in `include/linux/sched.h`, without the zero at the end).
const COMM: usize = 15;

/// The package manager with this file name or `comm`, which is its beginning.
#[must_use]
pub fn package_manager(name: &str) -> Option<&'static str> {
    let mut all = PACKAGE_MANAGERS.into_iter();
    all.find(|known| *known == name || known.get(..COMM) == Some(name))
}

/// A process that ran when another one ended, and may have to do with it: a package manager.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bystander {
    /// Pid in bridgetrace's pid namespace.
    pub pid: u32,
    /// What it is known as, e.g. `dpkg`.
    pub name: String,
    /// Its command line, cut to a bearable length. Hostile text.
    pub command: String,
    /// The systemd unit it belongs to, e.g. `apt-daily-upgrade.service`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Its parent, that one's parent, and so on: `comm` and pid.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parents: Vec<Process>,
}

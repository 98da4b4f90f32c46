//! What `ghost-network` tells besides.

use ipnet::IpNet;

use crate::time::Timestamp;

/// Something that was left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ghost {
    /// What it is.
    pub class: GhostClass,
    /// Since when, as far as that is known.
    pub since: Option<Timestamp>,
    /// Prefixes that nobody else can use as long as it is there.
    pub holds: Vec<IpNet>,
    /// What is left.
    pub leftovers: Vec<Leftover>,
    /// Who made it, in words. May hold hostile names.
    pub creator: Option<String>,
    /// Folder its compose project was started in. Hostile text.
    pub working_dir: Option<String>,
}

/// What kind of ghost (contract: `bridgetrace.ghost.class`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum GhostClass {
    /// Networks of a compose project that nobody will finish or take away.
    LeftoverProject,
    /// What a CI runner made for a job that is over.
    LeftoverJob,
    /// A bridge of docker's that its daemon does not know.
    UnknownBridge,
    /// A veth whose container is gone.
    OrphanVeth,
    /// A network namespace of docker's whose container is gone.
    OrphanNamespace,
    /// A network that lists a container which is gone.
    PhantomEndpoint,
    /// Two networks with one subnet.
    DuplicateSubnet,
}

impl GhostClass {
    /// The name scripts know.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::LeftoverProject => "leftover-project",
            Self::LeftoverJob => "leftover-job",
            Self::UnknownBridge => "unknown-bridge",
            Self::OrphanVeth => "orphan-veth",
            Self::OrphanNamespace => "orphan-namespace",
            Self::PhantomEndpoint => "phantom-endpoint",
            Self::DuplicateSubnet => "duplicate-subnet",
        }
    }
}

/// One thing that is left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leftover {
    /// What it is: `network`, `container`, `veth`, `bridge`, `namespace` or `endpoint`.
    pub what: &'static str,
    /// Its name. Hostile text.
    pub name: String,
    /// Its id; an ifindex for what is the kernel's.
    pub id: String,
    /// What has become of it: `created`, `exited`, `down`, …
    pub state: Option<String>,
}

/// A network that nobody uses, and that is no ghost for all that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnusedNetwork {
    /// Name. Hostile text.
    pub name: String,
    /// Id.
    pub id: String,
    /// Endpoint of its daemon.
    pub daemon: String,
    /// Compose project.
    pub compose_project: Option<String>,
    /// Its prefixes.
    pub subnets: Vec<IpNet>,
    /// Since when no container runs in it, as far as that is known.
    pub since: Option<Timestamp>,
}

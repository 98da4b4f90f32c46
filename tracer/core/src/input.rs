//! Everything the core is ever told. A recording is a sequence of these; live and replay feed
//! the same ones.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

mod counters;
mod docker;
mod engine;
mod hex;
mod history;
mod netns;
mod network;
mod peers;
mod process;
mod sandbox;
mod unreachable;

pub use counters::{Counter, HookLoss};
pub use netns::{Netns, NetnsOwner, Pod};
pub use network::{
    Address, Link, Neighbour, NetChange, Nexthop, Peer, Route, RouteKind, Rule, RuleAction, Sysctls,
};
pub use peers::{Connection, Login, Peers};

pub use docker::{
    AddressPool, Daemon, DaemonInfo, DaemonStatus, DockerContainer, DockerEndpoint, DockerNetwork,
    DockerSubnet, NetworkEvent, PublishedPort,
};
pub use engine::{Bystander, EngineProcess, EngineProgram, FormerRoot, package_manager};
pub use history::{Departed, History, PastJob, Removed};
pub use process::{ProcessInfo, VARIABLES};
pub use sandbox::EmptySandbox;
pub use unreachable::{Cause, Mount, Sidecar, Unreachable};

/// One thing that happened, and when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// When it happened. Inputs may arrive slightly out of order: sources differ.
    pub at: Timestamp,
    /// What happened.
    pub body: Body,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Body {
    /// Tracing begins. First input of every run.
    Session(Session),
    /// A record from the ring buffer, undecoded (`tracer_common::Event`, `Signal` or `Exec`).
    Kernel(#[serde(with = "hex")] Vec<u8>),
    /// Exact packet counters, summed over CPUs, totals since the start. Only entries that changed.
    Counters(Vec<Counter>),
    /// Events the kernel half could not deliver: totals since the start, of one hook.
    Loss(HookLoss),
    /// A network namespace became known.
    Netns(Netns),
    /// Nothing lives in the namespace any more; it is no longer followed (inode number).
    NetnsGone(u32),
    /// Something changed in a network namespace.
    Net {
        /// Inode number of the namespace.
        netns: u32,
        /// What changed.
        change: NetChange,
    },
    /// State of a docker daemon.
    Daemon(Daemon),
    /// A daemon is no longer followed (endpoint): where it lived there is nothing any more.
    DaemonGone(String),
    /// Clients of a job's own daemon whose certificates are hidden from them: the complete list.
    Sidecars(Vec<Sidecar>),
    /// A daemon was found in a namespace; it has said nothing yet.
    DaemonFound {
        /// Its endpoint.
        daemon: String,
        /// Namespace it lives in, inode number.
        netns: u32,
    },
    /// Networks a daemon created and removed before it was asked for its list, oldest first.
    DockerHistory {
        /// The daemon's endpoint.
        daemon: String,
        /// Whether it reaches back to the daemon's start: a daemon remembers its last 256 events, of
        /// all kinds.
        complete: bool,
        /// What happened to networks.
        events: Vec<NetworkEvent>,
    },
    /// Complete list of a daemon's networks and containers: what is missing is gone.
    DockerListing {
        /// The daemon's endpoint.
        daemon: String,
        /// Every network.
        networks: Vec<DockerNetwork>,
        /// Every container, stopped ones included.
        containers: Vec<DockerContainer>,
    },
    /// A network was just created. What it is like is told later, or never if it is gone by then.
    DockerNetworkMade {
        /// The daemon's endpoint.
        daemon: String,
        /// Network id.
        id: String,
    },
    /// A network was created or changed.
    DockerNetwork {
        /// The daemon's endpoint.
        daemon: String,
        /// Its present state.
        network: DockerNetwork,
    },
    /// A network was removed.
    DockerNetworkGone {
        /// The daemon's endpoint.
        daemon: String,
        /// Network id.
        id: String,
    },
    /// A container was created or changed.
    DockerContainer {
        /// The daemon's endpoint.
        daemon: String,
        /// Its present state.
        container: DockerContainer,
    },
    /// A container was removed.
    DockerContainerGone {
        /// The daemon's endpoint.
        daemon: String,
        /// Container id.
        id: String,
    },
    /// A process of an engine became known; its end will be told.
    EngineProcess {
        /// The daemon's endpoint.
        daemon: String,
        /// The process.
        process: EngineProcess,
    },
    /// A process of an engine ended.
    EngineProcessEnded {
        /// The daemon's endpoint.
        daemon: String,
        /// Its pid.
        pid: u32,
        /// Package managers that ran a moment later.
        bystanders: Vec<Bystander>,
    },
    /// A line of the kernel's log about a bridge, a port of one, or a process that met a bad end.
    KernelLog {
        /// The line. Hostile: names in it are anybody's choice.
        text: String,
        /// Whether the kernel wrote it; else somebody with access to `/dev/kmsg` did.
        by_kernel: bool,
    },
    /// Lines of the kernel's log that were overwritten before they were read, whatever they said: the
    /// total since the start.
    KernelLogLost(u64),
    /// Who holds a socket.
    SocketOwner {
        /// Inode of the socket.
        inode: u64,
        /// The process.
        process: Process,
        /// What its own files say is outside: it may live in a mount namespace of its own.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        landmarks: Vec<Landmark>,
    },
    /// Who is in use from a network namespace: the complete list.
    Peers {
        /// Inode number of the namespace.
        netns: u32,
        /// Everybody.
        peers: Peers,
    },
    /// A process that matters, as it is now.
    Process(ProcessInfo),
    /// That process has ended (pid).
    ProcessGone(u32),
    /// Processes of jobs that a runner of this host started itself: the complete list.
    JobProcesses(Vec<ProcessInfo>),
    /// Network namespaces that docker keeps and nobody is in: the complete list.
    EmptySandboxes(Vec<EmptySandbox>),
    /// Addresses that this host's own files say are outside: the complete list.
    Landmarks(Vec<Landmark>),
    /// What was known of the past before the first input of a recording whose beginning was dropped.
    /// Nobody tells it live.
    History(History),
    /// Time passes.
    Tick,
    /// Tracing ends; counters before this one are final.
    Stop,
}

impl Body {
    /// As [`NetChange::is_about_neighbours`].
    #[must_use]
    pub const fn is_about_neighbours(&self) -> bool {
        matches!(self, Self::Net { change, .. } if change.is_about_neighbours())
    }
}

/// What is true for a whole run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Name of the host.
    pub hostname: String,
    /// Version of bridgetrace that made the inputs.
    pub version: String,
    /// Namespace bridgetrace runs in, inode number: "the host".
    pub netns: u32,
    /// What cannot be seen in this run, each a sentence in plain words.
    pub unseen: Vec<String>,
    /// Who must stay reachable, as the operator says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub protected: Vec<IpNet>,
    /// Endpoints of daemons that bridgetrace was told to ask: by its command line, its environment or
    /// a docker context, not merely by default.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub daemons: Vec<String>,
}

/// A process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Pid in bridgetrace's pid namespace.
    pub pid: u32,
    /// `comm`.
    pub name: String,
}

/// An address that something on this host is configured to use: somebody outside, whatever the
/// routes say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Landmark {
    /// The address.
    pub address: IpAddr,
    /// What it is used as.
    pub role: LandmarkRole,
    /// Where that is written: a path, or a daemon's endpoint.
    pub source: String,
}

/// What a configured address is used as.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LandmarkRole {
    /// `nameserver` of a `resolv.conf`.
    Nameserver,
    /// A name in `/etc/hosts`. Hostile text.
    Host(String),
    /// A registry mirror of a docker daemon, its URL.
    RegistryMirror(String),
    /// A proxy, its URL.
    Proxy(String),
}

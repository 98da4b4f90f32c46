//! Everything the core is ever told. A recording is a sequence of these; live and replay feed
//! the same ones.

use std::{collections::BTreeMap, net::IpAddr};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

mod docker;
mod engine;
mod history;
mod peers;
mod process;
mod sandbox;
mod unreachable;

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

/// Lost packets of one remote, see `tracer_common::LostPackets`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counter {
    /// Namespace, inode number.
    pub netns: u32,
    /// ifindex of the bridge.
    pub ifindex: u32,
    /// The address nobody answers for.
    pub remote: IpAddr,
    /// Packets that met the unresolved neighbour.
    pub unresolved: u64,
    /// Which way the packets were going, a `tracer_common::Way` number.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub way: u32,
    /// Packets seen dying, by `tracer_common::DropReason` number.
    pub dropped: BTreeMap<u8, u64>,
    /// Lookups that routed a reply into the bridge although its remote had come in elsewhere.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub misrouted: u64,
    /// Packets to a watched remote that were sent out by the suspected bridge.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub delivered: u64,
    /// TCP segments and SYN-ACKs to a watched remote that were sent again.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub retransmitted: u64,
}

impl Counter {
    /// Nothing lost by this remote yet.
    #[must_use]
    pub const fn zero(netns: u32, ifindex: u32, remote: IpAddr) -> Self {
        Self {
            netns,
            ifindex,
            remote,
            unresolved: 0,
            way: 0,
            dropped: BTreeMap::new(),
            misrouted: 0,
            delivered: 0,
            retransmitted: 0,
        }
    }
}

fn is_zero<T: Default + PartialEq>(number: &T) -> bool {
    *number == T::default()
}

/// Events of one hook that were lost, totals since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookLoss {
    /// Tracepoint.
    pub hook: String,
    /// Records the ring buffer had no room for.
    pub rejected: u64,
    /// Packets that could not be counted.
    pub uncounted: u64,
    /// Runs the kernel skipped because the program was already active on that CPU.
    pub skipped: u64,
    /// Inputs that are missing in a recording. None ever is while the host is watched.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub missing: u64,
}

impl HookLoss {
    /// Everything that was lost.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.rejected
            .saturating_add(self.uncounted)
            .saturating_add(self.skipped)
            .saturating_add(self.missing)
    }
}

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

/// Kernel settings of a network namespace
/// (<https://docs.kernel.org/networking/ip-sysctl.html>).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sysctls {
    /// `net.ipv4.tcp_retries2`: retransmissions of data before a connection is given up.
    pub tcp_retries2: u32,
}

/// A change in a network namespace, from rtnetlink.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NetChange {
    /// A full dump follows: forget everything about the namespace.
    Resync,
    /// The dump is complete.
    Synced,
    /// A link appeared or changed.
    Link(Link),
    /// A link is gone (ifindex).
    LinkGone(u32),
    /// An address appeared or changed.
    Address(Address),
    /// An address is gone.
    AddressGone(Address),
    /// A route appeared or changed.
    Route(Route),
    /// A route is gone.
    RouteGone(Route),
    /// A policy rule appeared.
    Rule(Rule),
    /// A policy rule is gone.
    RuleGone(Rule),
    /// A neighbour entry appeared or changed.
    Neighbour(Neighbour),
    /// A neighbour entry is gone.
    NeighbourGone(Neighbour),
    /// The namespace's settings, read before its dump.
    Sysctls(Sysctls),
}

impl NetChange {
    /// Whether it is about neighbours, who come and go by the thousand and change no route.
    #[must_use]
    pub const fn is_about_neighbours(&self) -> bool {
        matches!(self, Self::Neighbour(_) | Self::NeighbourGone(_))
    }
}

/// A network interface.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Index within its namespace.
    pub ifindex: u32,
    /// Name. Hostile: anyone with `CAP_NET_ADMIN` in a namespace chooses it.
    pub name: String,
    /// `IFLA_INFO_KIND` (`bridge`, `veth`, …); absent for hardware.
    pub kind: Option<String>,
    /// ifindex of the bridge, bond or VRF it belongs to.
    pub master: Option<u32>,
    /// `IFF_UP`.
    pub up: bool,
    /// `IFF_LOWER_UP`.
    pub carrier: bool,
    /// The other end of a veth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<Peer>,
}

/// The other end of a veth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    /// ifindex within its namespace.
    pub ifindex: u32,
    /// The namespace, by the number that the one of this end has for it; none if it is the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nsid: Option<i32>,
}

/// An interface address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Address {
    /// Interface.
    pub ifindex: u32,
    /// Address with the length of its prefix.
    pub address: IpNet,
}

/// A route.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Route {
    /// Routing table (254 is `main`).
    pub table: u32,
    /// Destination prefix; of length 0 for a default route.
    pub destination: IpNet,
    /// What it does.
    pub kind: RouteKind,
    /// Priority; lower wins.
    pub metric: u32,
    /// Type of service it is limited to; 0 is any.
    pub tos: u8,
    /// `RT_SCOPE_*`: 0 universe, 253 link, 254 host.
    pub scope: u8,
    /// `RTPROT_*`: 2 is the kernel.
    pub protocol: u8,
    /// Preferred source address.
    pub prefsrc: Option<IpAddr>,
    /// Nexthops; none for a route that drops.
    pub nexthops: Vec<Nexthop>,
}

/// What a route does (`RTN_*`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RouteKind {
    /// Forwards or sends.
    #[default]
    Unicast,
    /// Delivers here.
    Local,
    /// Drops silently (`blackhole`), with an error (`unreachable`, `prohibit`).
    Drop,
    /// Ends the search in this table.
    Throw,
    /// Broadcast, multicast, anycast and whatever else has no part in replies.
    Other,
}

/// Where a route leads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Nexthop {
    /// Outgoing interface.
    pub ifindex: u32,
    /// Gateway; none when the destination is on the link.
    pub gateway: Option<IpAddr>,
    /// The interface has no carrier (`RTNH_F_LINKDOWN`).
    pub linkdown: bool,
}

/// A policy rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Rule {
    /// Priority; lower is looked at first.
    pub priority: u32,
    /// IPv6 rule (else IPv4).
    pub ipv6: bool,
    /// `not`: the selectors must fail.
    pub invert: bool,
    /// Source prefix.
    pub from: Option<IpNet>,
    /// Destination prefix.
    pub to: Option<IpNet>,
    /// Incoming interface (`lo` for local packets).
    pub iif: Option<String>,
    /// Interface the sender is bound to.
    pub oif: Option<String>,
    /// fwmark value and mask.
    pub fwmark: Option<(u32, u32)>,
    /// Selectors bridgetrace does not evaluate (ports, uid, tos, l3mdev…) are present.
    pub other_selectors: bool,
    /// What it does.
    pub action: RuleAction,
    /// Routes of this prefix length or shorter do not count.
    pub suppress_prefixlen: Option<u8>,
}

/// What a policy rule does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RuleAction {
    /// Look the destination up in this table.
    Table(u32),
    /// Go on at the rule with this priority.
    Goto(u32),
    /// Drop.
    Drop,
    /// Nothing.
    #[default]
    Nop,
}

/// A neighbour (ARP) entry.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Neighbour {
    /// Interface.
    pub ifindex: u32,
    /// Protocol address.
    pub address: IpAddr,
    /// Link-layer address, if known.
    pub lladdr: Option<String>,
    /// `NUD_*` bits.
    pub state: u16,
}

/// Bytes as lowercase hex, so that a recording of a few inputs can be read and diffed.
mod hex {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        // Each record of a flood comes by here.
        let digit = |half: u8| char::from(b"0123456789abcdef"[usize::from(half & 0xf)]);
        let digits = bytes
            .iter()
            .flat_map(|byte| [digit(byte >> 4), digit(*byte)]);
        let text: String = digits.collect();
        serializer.serialize_str(&text)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digits = text.as_bytes();
        if digits.len() % 2 != 0 {
            return Err(D::Error::custom("odd number of hex digits"));
        }
        digits
            .chunks(2)
            .map(|pair| {
                std::str::from_utf8(pair)
                    .ok()
                    .and_then(|pair| u8::from_str_radix(pair, 16).ok())
                    .ok_or_else(|| D::Error::custom("not a hex digit"))
            })
            .collect()
    }
}

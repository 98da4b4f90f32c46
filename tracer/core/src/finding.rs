//! What the core says: plain data, rendered by the sinks and by nobody else.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::{input::Process, time::Timestamp, world::pools::PoolUse};

mod daemon;
mod daemon_life;
mod evidence;
mod ghost;
mod kind;
mod overlap;
mod signal;

pub use self::{
    daemon::DaemonTrouble,
    daemon_life::{DaemonState, DaemonStory, EndedBy, Names, Stop},
    evidence::{Evidence, EvidenceKind},
    ghost::{Ghost, GhostClass, Leftover, UnusedNetwork},
    kind::{Kind, Phase, Verdict},
    overlap::{Covered, Overlap, Role},
    signal::{Killing, Left, Party},
};

/// One finding, or one step in its life.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The same for every step of one incident.
    pub id: String,
    /// What it is.
    pub kind: Kind,
    /// Where in its life.
    pub phase: Phase,
    /// How sure.
    pub verdict: Verdict,
    /// Number of this step in the run, from 1.
    pub sequence: u64,
    /// When this step was taken.
    pub at: Timestamp,
    /// When the incident began.
    pub start: Timestamp,
    /// When it ended, once it has.
    pub end: Option<Timestamp>,
    /// One plain sentence: what is lost and why.
    pub reason: String,
    /// What is not known and why, each a plain sentence.
    pub unknown: Vec<String>,
    /// Where it happened.
    pub netns: NetnsRef,
    /// A packet that was lost: the latest that brought something new.
    pub packet: Option<Packet>,
    /// Device the remote's packets come in by.
    pub ingress: Option<Interface>,
    /// Device the lost packets leave by.
    pub egress: Option<Interface>,
    /// Local process whose packets are lost; none when the kernel itself answers (ICMP).
    pub process: Option<Process>,
    /// The container it concerns, and its part in it.
    pub container: Option<Concerned>,
    /// The CI job behind that container, the network, or the container the namespace is in.
    pub ci: Option<CiJob>,
    /// When the sender's socket gives up, for TCP.
    pub gives_up: Option<GivesUp>,
    /// The route taken.
    pub route: Option<RouteRef>,
    /// The route that would be taken were the bridge's routes not there.
    pub expected_route: Option<RouteRef>,
    /// The bridge.
    pub bridge: Option<Bridge>,
    /// The docker network behind the bridge.
    pub docker_network: Option<NetworkRef>,
    /// Everyone whose packets are lost, most packets first.
    pub victims: Vec<Victim>,
    /// What proves it.
    pub evidence: Vec<Evidence>,
    /// How much.
    pub counts: Counts,
    /// What to type.
    pub remedies: Vec<Remedy>,
    /// Events known to be lost when this was said.
    pub lost_events: u64,
    /// What only findings of its kind have to tell.
    pub particulars: Option<Particulars>,
}

impl Finding {
    /// A finding of which nothing is known but this, opened now.
    #[must_use]
    pub fn new(kind: Kind, id: String, netns: NetnsRef, reason: String, at: Timestamp) -> Self {
        Self {
            id,
            kind,
            phase: Phase::Opened,
            verdict: Verdict::Confirmed,
            sequence: 0,
            at,
            start: at,
            end: None,
            reason,
            unknown: Vec::new(),
            netns,
            packet: None,
            ingress: None,
            egress: None,
            process: None,
            container: None,
            ci: None,
            gives_up: None,
            route: None,
            expected_route: None,
            bridge: None,
            docker_network: None,
            victims: Vec::new(),
            evidence: Vec::new(),
            counts: Counts::default(),
            remedies: Vec::new(),
            lost_events: 0,
            particulars: None,
        }
    }
}

impl Finding {
    /// Sockets it tells of whose owner is not known, by inode number.
    pub fn nameless_sockets(&self) -> impl Iterator<Item = u64> {
        let with: &[Covered] = match &self.particulars {
            Some(Particulars::Overlap(overlap)) => &overlap.with,
            _ => &[],
        };
        let nameless = with.iter().filter(|it| it.process.is_none());
        nameless.filter_map(|it| it.socket)
    }
}

/// What only one kind of finding has to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Particulars {
    /// Of a daemon that cannot be asked.
    Daemon(DaemonTrouble),
    /// Of `ghost-network`.
    Ghost(Ghost),
    /// Whom a network covers.
    Overlap(Overlap),
    /// How much of a daemon's address pools is left, and who has the rest.
    Pools(Box<PoolUse>),
    /// Of a daemon that was away.
    DaemonLife(Box<DaemonStory>),
    /// Of a killed process.
    Signal(Box<Killing>),
}

impl Particulars {
    /// The same of a state that is over: what was to be done about it is not.
    pub(crate) fn without_advice(self) -> Self {
        match self {
            Self::Daemon(trouble) => Self::Daemon(DaemonTrouble {
                remedy: None,
                ..trouble
            }),
            other => other,
        }
    }
}

/// A network namespace, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetnsRef {
    /// Inode number.
    pub inum: u32,
    /// `host`, or whose it is.
    pub owner: String,
    /// The container whose namespace it is.
    pub container: Option<ContainerRef>,
}

/// A packet that was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Packet {
    /// Source address.
    pub source: IpAddr,
    /// Destination address.
    pub destination: IpAddr,
    /// IP protocol number.
    pub proto: u8,
    /// Source and destination port, for protocols that have them.
    pub ports: Option<(u16, u16)>,
    /// Type, for ICMP.
    pub icmp_type: Option<u8>,
}

/// A network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Name.
    pub name: String,
    /// Index within its namespace.
    pub ifindex: u32,
}

/// A container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerRef {
    /// Container id.
    pub id: String,
    /// Name.
    pub name: String,
    /// Compose service it runs.
    pub service: Option<String>,
}

/// A container and its part in the story.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Concerned {
    /// Its part.
    pub role: ContainerRole,
    /// The container.
    pub container: ContainerRef,
}

/// A container's part in a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContainerRole {
    /// Its packets are forwarded and lost.
    Sender,
    /// It gets what is misdelivered.
    Receiver,
    /// It is on the bridge whose route loses: what is lost is meant for it.
    CutOff,
    /// The network exists for its sake, among others.
    Resident,
}

impl ContainerRole {
    /// The name scripts know.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sender => "sender",
            Self::Receiver => "receiver",
            Self::CutOff => "cut-off",
            Self::Resident => "resident",
        }
    }
}

/// A CI job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CiJob {
    /// `gitlab`, …
    pub system: String,
    /// Job id.
    pub job_id: Option<String>,
    /// Where to read about it.
    pub job_url: Option<String>,
    /// Pipeline id.
    pub pipeline_id: Option<String>,
    /// Project id.
    pub project_id: Option<String>,
    /// Where the project is checked out below the runner's folder: its path, perhaps with a folder
    /// of its own at the end.
    pub project_path: Option<String>,
    /// What tells that it is this job, after "known by"; may hold hostile names.
    pub known_by: String,
    /// That does not prove it.
    pub uncertain: bool,
}

/// How long a TCP sender goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GivesUp {
    /// Seconds from the first loss to the socket's error, about.
    pub after_s: u64,
    /// The setting that decides it.
    pub sysctl: &'static str,
    /// Its value.
    pub value: u32,
}

/// A route, resolved to one nexthop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteRef {
    /// Destination prefix.
    pub prefix: IpNet,
    /// Gateway, if the destination is not on the link.
    pub gateway: Option<IpAddr>,
    /// Outgoing device.
    pub device: String,
    /// Routing table.
    pub table: u32,
}

/// A bridge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bridge {
    /// Name.
    pub name: String,
    /// Index within its namespace.
    pub ifindex: u32,
    /// Whether it has carrier; a bridge without any running container has none.
    pub carrier: bool,
    /// `docker`, `libvirt`, … or `unknown`.
    pub owner: String,
}

/// A docker network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkRef {
    /// Network id.
    pub id: String,
    /// Name.
    pub name: String,
    /// Its prefixes.
    pub subnets: Vec<IpNet>,
    /// Endpoint of its daemon.
    pub daemon: String,
    /// Compose project.
    pub compose_project: Option<String>,
    /// Creation time.
    pub created: Option<Timestamp>,
    /// Containers attached: name and address.
    pub endpoints: Vec<(String, Option<IpAddr>)>,
}

/// Somebody whose packets are lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Victim {
    /// The address.
    pub address: IpAddr,
    /// Packets lost so far.
    pub packets: u64,
}

/// How much was lost, exactly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Packets handed to a neighbour that never answered, plus those dropped before that.
    pub packets: u64,
    /// Flows seen.
    pub flows: u64,
    /// Addresses affected.
    pub remotes: u64,
}

/// Something to type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remedy {
    /// Stable name.
    pub id: &'static str,
    /// Shell command, for root.
    pub command: String,
    /// Shell command that takes it back.
    pub undo: String,
    /// What it does.
    pub effect: String,
    /// What it breaks or risks.
    pub risk: String,
}

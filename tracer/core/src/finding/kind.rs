//! What a finding is, where it is in its life, and how sure it is: the words of the contract.

/// Finding kinds (contract: `event.action`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A reply of this host, routed into a bridge.
    ReplyBlackhole,
    /// Traffic this host starts, to somebody outside whose address a bridge covers.
    RequestBlackhole,
    /// A container's traffic, routed into another bridge.
    ForwardBlackhole,
    /// A reply that reaches a container which has the remote's address.
    Misdelivery,
    /// A request that dies on arrival because the way back to its sender leads into a bridge.
    ReversePathDrop,
    /// A network covers somebody who is in use from here; nothing is lost yet.
    SubnetOverlap,
    /// Something that was left behind: a network, bridge, veth or container.
    GhostNetwork,
    /// A daemon's address pools are nearly or wholly used up.
    AddressPool,
    /// A daemon was away and is back with what it had.
    DaemonRestarted,
    /// A daemon is back with another identity or data root.
    DaemonStateLost,
    /// A daemon cannot be asked.
    DaemonUnreachable,
    /// A process that makes or keeps networks was killed.
    ProcessKilled,
    /// Something was not seen.
    EventsLost,
}

impl Kind {
    /// Whether packets are lost: the finding has a bridge, victims and counts. The others tell of a
    /// state of the host, or of something that happened on it.
    #[must_use]
    pub const fn is_loss(self) -> bool {
        matches!(
            self,
            Self::ReplyBlackhole
                | Self::RequestBlackhole
                | Self::ForwardBlackhole
                | Self::Misdelivery
                | Self::ReversePathDrop
        )
    }

    /// Whether it happens at a moment, and goes on in no way.
    #[must_use]
    pub const fn is_moment(self) -> bool {
        matches!(
            self,
            Self::ProcessKilled | Self::DaemonRestarted | Self::DaemonStateLost
        )
    }

    /// The name scripts know.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ReplyBlackhole => "reply-blackhole",
            Self::RequestBlackhole => "request-blackhole",
            Self::ForwardBlackhole => "forward-blackhole",
            Self::Misdelivery => "misdelivery",
            Self::ReversePathDrop => "reverse-path-drop",
            Self::SubnetOverlap => "subnet-overlap",
            Self::GhostNetwork => "ghost-network",
            Self::AddressPool => "address-pool",
            Self::DaemonRestarted => "daemon-restarted",
            Self::DaemonStateLost => "daemon-state-lost",
            Self::DaemonUnreachable => "daemon-unreachable",
            Self::ProcessKilled => "process-killed",
            Self::EventsLost => "events-lost",
        }
    }
}

/// Where a finding is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Said for the first time.
    Opened,
    /// Something new is known.
    Updated,
    /// It is over.
    Resolved,
}

impl Phase {
    /// The name scripts know.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Updated => "updated",
            Self::Resolved => "resolved",
        }
    }
}

/// How sure a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Events were lost or a source was unreachable, and it matters.
    Inconclusive,
    /// A route into a bridge where nobody has that address.
    Suspected,
    /// Proven by asymmetry, or by the neighbour's failure and the packet's death.
    Confirmed,
}

impl Verdict {
    /// The name scripts know.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Inconclusive => "inconclusive",
            Self::Suspected => "suspected",
            Self::Confirmed => "confirmed",
        }
    }
}

//! The words that differ from kind to kind.

use tracer_core::finding::{Finding, Kind};

/// How one kind of finding is spoken of.
pub(super) struct Words {
    /// The heading: what happens, to somebody woken up by it.
    pub(super) title: &'static str,
    /// The heading of an update, before the bridge's name.
    pub(super) still: &'static str,
    /// Stands between the packets and the remote's address.
    pub(super) towards: &'static str,
    /// Stands before a route: whose way it is.
    pub(super) way: &'static str,
}

pub(super) const fn of(finding: &Finding) -> Words {
    let words = Words {
        title: "replies vanish in a bridge",
        still: "still losing replies in",
        towards: "to",
        way: "route",
    };
    match finding.kind {
        Kind::ReplyBlackhole => words,
        Kind::RequestBlackhole => Words {
            title: "requests vanish in a bridge",
            still: "still losing requests in",
            ..words
        },
        Kind::ForwardBlackhole => Words {
            title: "a container's packets vanish in another bridge",
            still: "still losing a container's packets in",
            ..words
        },
        Kind::Misdelivery => Words {
            title: "replies are delivered to the wrong machine",
            still: "still delivering replies to the wrong machine in",
            towards: "meant for",
            ..words
        },
        Kind::ReversePathDrop => Words {
            title: "requests are dropped on arrival",
            still: "still dropping requests on arrival because of",
            towards: "from",
            way: "way back by route",
        },
        kind => {
            let title = state(kind);
            Words {
                title,
                still: title,
                ..words
            }
        }
    }
}

/// The heading of what is no loss of packets.
const fn state(kind: Kind) -> &'static str {
    match kind {
        Kind::SubnetOverlap => "a docker network covers addresses in use",
        Kind::GhostNetwork => "left behind, and nobody's any more",
        Kind::AddressPool => "docker runs out of address pools",
        Kind::DaemonRestarted => "docker was away",
        Kind::DaemonStateLost => "docker is back without what it had",
        Kind::DaemonUnreachable => "docker cannot be asked",
        Kind::ProcessKilled => "a process was killed",
        _ => "not everything was seen",
    }
}

//! What proves a finding.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::time::Timestamp;

/// A piece of evidence.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// What kind.
    pub kind: EvidenceKind,
    /// When it was first seen.
    pub at: Timestamp,
    /// Particulars, ready for JSON.
    pub detail: BTreeMap<&'static str, Value>,
}

/// Kinds of evidence (contract).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EvidenceKind {
    /// The remote's packets come in by another device than the replies leave by.
    IngressAsymmetry,
    /// The route lookup was answered with the bridge.
    RouteIntoBridge,
    /// No container of the network has the address.
    NoSuchEndpoint,
    /// Nobody answered ARP.
    NeighbourFailed,
    /// The kernel dropped the packet.
    Drop,
    /// The bridge has no carrier: no running container uses it.
    GhostBridge,
    /// TCP sends again what nobody acknowledges.
    Retransmit,
    /// A container has the remote's address.
    EndpointHasAddress,
    /// Whoever has the remote's address reset a connection it knows nothing of.
    ResetByContainer,
    /// Another bridge has a route to the same prefix, and loses.
    DuplicateRoute,
    /// The way back to the sender of a request leads into the bridge.
    ReversePath,
    /// The destination is configured as somebody outside (nameserver, mirror, …).
    ConfiguredPeer,
    /// A process got a signal.
    Signal,
    /// The kernel's log says so.
    KernelLog,
    /// A docker daemon said so, or stopped to.
    DockerEvent,
    /// A link came, went or changed.
    LinkChange,
}

impl EvidenceKind {
    /// The name scripts know.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::IngressAsymmetry => "ingress-asymmetry",
            Self::RouteIntoBridge => "route-into-bridge",
            Self::NoSuchEndpoint => "no-such-endpoint",
            Self::NeighbourFailed => "neighbour-failed",
            Self::Drop => "drop",
            Self::GhostBridge => "ghost-bridge",
            Self::Retransmit => "retransmit",
            Self::EndpointHasAddress => "endpoint-has-address",
            Self::ResetByContainer => "reset-by-container",
            Self::DuplicateRoute => "duplicate-route",
            Self::ReversePath => "reverse-path",
            Self::ConfiguredPeer => "configured-peer",
            Self::Signal => "signal",
            Self::KernelLog => "kernel-log",
            Self::DockerEvent => "docker-event",
            Self::LinkChange => "link-change",
        }
    }
}

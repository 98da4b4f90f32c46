//! Whom a network, or a subnet that docker may give to one, covers.

use ipnet::IpNet;

use crate::input::Process;

/// A prefix and who is in use within it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overlap {
    /// The network's.
    pub prefix: IpNet,
    /// Who is covered, those in use first; bounded.
    pub with: Vec<Covered>,
    /// How many more are.
    pub more: usize,
    /// No network has it yet: docker's address pools do.
    pub slot: bool,
}

/// Somebody in use whom a network covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Covered {
    /// What it is.
    pub role: Role,
    /// Its address, or the prefix of a route.
    pub prefix: IpNet,
    /// In plain words: `established ssh connection to port 22`.
    pub what: String,
    /// Inode of the socket that is connected to it.
    pub socket: Option<u64>,
    /// Who holds that socket.
    pub process: Option<Process>,
}

/// Why somebody must stay reachable; the surest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// An established connection.
    Peer,
    /// The operator says so.
    Protected,
    /// A configured nameserver.
    Nameserver,
    /// A configured registry mirror.
    Mirror,
    /// A configured proxy.
    Proxy,
    /// Somebody logged in from there lately.
    Login,
    /// A route leads there.
    Route,
}

impl Role {
    /// The name scripts know.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Peer => "peer",
            Self::Protected => "protected",
            Self::Nameserver => "nameserver",
            Self::Mirror => "mirror",
            Self::Proxy => "proxy",
            Self::Login => "login",
            Self::Route => "route",
        }
    }
}

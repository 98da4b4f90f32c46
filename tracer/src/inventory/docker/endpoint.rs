//! Where a docker engine is reached.

mod context;
mod environment;
mod explain;
mod knock;
mod parse;
mod tls;

use std::{fmt, io, path::Path};

use self::tls::{Certificates, Secure};

/// Where the engine listens unless told otherwise.
const LOCAL: &str = "/var/run/docker.sock";
/// The port of plain docker TCP.
const PORT: u16 = 2375;
/// The port of docker TCP with TLS.
const TLS_PORT: u16 = 2376;

pub(super) use self::{environment::pinned_version, tls::client};
pub(crate) use self::{
    environment::{Daemons, Environment},
    parse::EndpointError,
};

/// Where a docker engine is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// A unix socket, absolute path.
    Unix(String),
    /// Plain HTTP over TCP: `host:port`.
    Tcp(String),
    /// The same over TLS.
    Tls(Secure),
}

impl Endpoint {
    /// The same over TLS, if it is one over TCP: a unix socket needs none.
    fn secured(self, certificates: Certificates) -> Self {
        match self {
            Self::Tcp(address) => Self::Tls(Secure {
                address,
                certificates,
            }),
            other => other,
        }
    }

    /// Whether there is anything at that place, whether or not it answers: where docker is not
    /// installed there is no socket.
    pub(crate) fn is_there(&self) -> bool {
        match self {
            Self::Unix(path) => Path::new(path)
                .symlink_metadata()
                .map_or_else(|error| error.kind() != io::ErrorKind::NotFound, |_| true),
            Self::Tcp(_) | Self::Tls(_) => true,
        }
    }

    /// Whether the daemon is reached through another process' files, and has other files itself.
    pub(super) fn leads_elsewhere(&self) -> bool {
        matches!(self, Self::Unix(path) if path.starts_with("/proc/"))
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(formatter, "unix://{path}"),
            Self::Tcp(address) | Self::Tls(Secure { address, .. }) => {
                write!(formatter, "tcp://{address}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_through_another_process_leads_elsewhere() {
        let unix = |path: &str| Endpoint::Unix(path.to_owned());
        assert!(unix("/proc/7/root/run/docker.sock").leads_elsewhere());
        assert!(!unix(LOCAL).leads_elsewhere());
        assert!(!Endpoint::Tcp("docker:2375".to_owned()).leads_elsewhere());
    }
}

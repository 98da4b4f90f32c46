//! Where a docker engine is reached.

mod explain;
mod knock;
mod parse;

use std::{env, fmt, io, path::Path};

/// Where the engine listens unless told otherwise.
const LOCAL: &str = "/var/run/docker.sock";
/// The port of plain docker TCP.
const PORT: u16 = 2375;

pub(crate) use self::parse::EndpointError;

/// Where a docker engine is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// A unix socket, absolute path.
    Unix(String),
    /// Plain HTTP over TCP: `host:port`.
    Tcp(String),
}

impl Endpoint {
    /// `$DOCKER_HOST`, else the local socket; and whether somebody said so.
    pub(crate) fn default_from_env() -> Result<(Self, bool), EndpointError> {
        match env::var("DOCKER_HOST") {
            Ok(given) if !given.trim().is_empty() => Ok((Self::parse(&given)?, true)),
            _ => Ok((Self::Unix(LOCAL.into()), false)),
        }
    }

    /// Whether there is anything at that place, whether or not it answers: where docker is not
    /// installed there is no socket.
    pub(crate) fn is_there(&self) -> bool {
        match self {
            Self::Unix(path) => Path::new(path)
                .symlink_metadata()
                .map_or_else(|error| error.kind() != io::ErrorKind::NotFound, |_| true),
            Self::Tcp(_) => true,
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
            Self::Tcp(address) => write!(formatter, "tcp://{address}"),
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

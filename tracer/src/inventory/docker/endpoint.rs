//! Where a docker engine is reached.

use std::{env, fmt, io, path::Path};

use tokio::net::{TcpStream, UnixStream};

/// Where the engine listens unless told otherwise.
const LOCAL: &str = "/var/run/docker.sock";
/// The port of plain docker TCP.
const PORT: u16 = 2375;

/// Where a docker engine is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// A unix socket, absolute path.
    Unix(String),
    /// Plain HTTP over TCP: `host:port`.
    Tcp(String),
}

/// A docker endpoint bridgetrace cannot use.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EndpointError {
    /// Nothing was given.
    #[error(
        "docker endpoint is empty: give unix:///path/to/docker.sock or tcp://host:{PORT}, or \
         leave it out to use unix://{LOCAL}"
    )]
    Empty,
    /// A path that depends on where bridgetrace was started.
    #[error("docker endpoint {given:?}: the socket path is not absolute; write unix:///{path}")]
    Relative {
        /// What was given.
        given: String,
        /// Its path.
        path: String,
    },
    /// No host, or a port that is none.
    #[error("docker endpoint {given:?}: {problem}; write tcp://host:{PORT}")]
    Address {
        /// What was given.
        given: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A kind of endpoint bridgetrace does not speak.
    #[error("docker endpoint {given:?}: {cause}; {remedy}")]
    Unsupported {
        /// What was given.
        given: String,
        /// Why not.
        cause: &'static str,
        /// What to do instead.
        remedy: &'static str,
    },
    /// Not an endpoint at all.
    #[error(
        "docker endpoint {given:?} is neither unix:///path nor tcp://host:port; for a local \
         engine write unix://{LOCAL}"
    )]
    Unknown {
        /// What was given.
        given: String,
    },
}

impl Endpoint {
    /// Understands `unix:///path`, `tcp://host:port` and `http://host:port`.
    pub(crate) fn parse(given: &str) -> Result<Self, EndpointError> {
        let given = given.trim();
        if given.is_empty() {
            return Err(EndpointError::Empty);
        }
        let unknown = || EndpointError::Unknown {
            given: given.into(),
        };
        let (scheme, rest) = given.split_once("://").ok_or_else(unknown)?;
        match scheme {
            "unix" => unix(given, rest),
            "tcp" | "http" => tcp(given, rest),
            _ => Err(unsupported(given, scheme).unwrap_or_else(unknown)),
        }
    }

    /// `$DOCKER_HOST`, else the local socket.
    pub(crate) fn default_from_env() -> Result<Self, EndpointError> {
        match env::var("DOCKER_HOST") {
            Ok(given) if !given.trim().is_empty() => Self::parse(&given),
            _ => Ok(Self::Unix(LOCAL.into())),
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

    /// Tries whether anything listens. Returns the pid of who listens on a unix socket, in
    /// bridgetrace's pid namespace; 0 or nothing when it cannot be told.
    pub(super) async fn knock(&self) -> io::Result<Option<u32>> {
        match self {
            Self::Unix(path) => {
                let pid = UnixStream::connect(path).await?.peer_cred()?.pid();
                Ok(pid
                    .and_then(|pid| u32::try_from(pid).ok())
                    .filter(|pid| *pid != 0))
            }
            Self::Tcp(address) => TcpStream::connect(address).await.map(|_| None),
        }
    }

    /// Why knocking failed, in one plain sentence.
    pub(super) fn explain(&self, error: &io::Error) -> String {
        match self {
            Self::Unix(path) => explain_unix(path, error),
            Self::Tcp(address) => explain_tcp(address, error),
        }
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

fn unix(given: &str, path: &str) -> Result<Endpoint, EndpointError> {
    if path.is_empty() {
        return Err(EndpointError::Empty);
    }
    if !path.starts_with('/') {
        return Err(EndpointError::Relative {
            given: given.into(),
            path: path.into(),
        });
    }
    Ok(Endpoint::Unix(path.into()))
}

fn tcp(given: &str, rest: &str) -> Result<Endpoint, EndpointError> {
    let wrong = |problem| EndpointError::Address {
        given: given.into(),
        problem,
    };
    let address = rest.strip_suffix('/').unwrap_or(rest);
    if address.contains(['/', '?', '#', '@']) || address.contains(char::is_whitespace) {
        return Err(wrong("more than a host and a port"));
    }
    let (host, port) = split_port(address);
    if host.is_empty() || host == "[]" {
        return Err(wrong("no host"));
    }
    if host.contains(':') && !(host.starts_with('[') && host.ends_with(']')) {
        return Err(wrong("an IPv6 address needs brackets"));
    }
    let port = match port {
        None => PORT,
        Some(port) => port
            .parse()
            .ok()
            .filter(|port| *port != 0)
            .ok_or_else(|| wrong("not a port"))?,
    };
    Ok(Endpoint::Tcp(format!("{host}:{port}")))
}

/// `[::1]:2375`, `[::1]`, `host:2375`, `host`; anything else with colons stays whole.
fn split_port(address: &str) -> (&str, Option<&str>) {
    match address.rsplit_once(':') {
        Some((host, port)) if host.ends_with(']') || !host.contains(':') => (host, Some(port)),
        _ => (address, None),
    }
}

fn unsupported(given: &str, scheme: &str) -> Option<EndpointError> {
    let (cause, remedy) = match scheme {
        "https" => (
            "TLS endpoints are not supported",
            "run bridgetrace on the docker host itself with unix:///var/run/docker.sock",
        ),
        "ssh" => (
            "bridgetrace does not log in to other machines",
            "run it on that machine: packets are lost, and seen, there",
        ),
        "npipe" => (
            "named pipes are those of docker on Windows",
            "run bridgetrace on the Linux host, with unix:///var/run/docker.sock",
        ),
        "fd" => (
            "that is how dockerd is told to listen, not where it is reached",
            "write unix:///var/run/docker.sock",
        ),
        _ => return None,
    };
    Some(EndpointError::Unsupported {
        given: given.into(),
        cause,
        remedy,
    })
}

fn explain_unix(path: &str, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => {
            format!(
                "there is no socket {path}: docker is not installed, stopped, or listens elsewhere"
            )
        }
        io::ErrorKind::PermissionDenied => {
            format!("permission denied on {path}: root or a member of its group may use it")
        }
        io::ErrorKind::ConnectionRefused if is_other_file(path) => {
            format!("{path} is not a socket")
        }
        io::ErrorKind::ConnectionRefused => {
            format!("nobody listens on {path}: dockerd has stopped and left the socket behind")
        }
        _ => format!("{path} cannot be used: {error}"),
    }
}

fn is_other_file(path: &str) -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    Path::new(path)
        .metadata()
        .is_ok_and(|meta| !meta.file_type().is_socket())
}

fn explain_tcp(address: &str, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            format!("{address} refused the connection: nothing listens on that port")
        }
        _ => format!("{address} cannot be reached: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(given: &str) -> String {
        Endpoint::parse(given).map_or_else(|error| error.to_string(), |it| it.to_string())
    }

    #[test]
    fn usable_endpoints_have_one_spelling() {
        assert_eq!(
            parsed("unix:///var/run/docker.sock"),
            "unix:///var/run/docker.sock"
        );
        assert_eq!(parsed(" tcp://10.0.0.1:4243/ "), "tcp://10.0.0.1:4243");
        assert_eq!(parsed("http://docker:2375"), "tcp://docker:2375");
        assert_eq!(parsed("tcp://docker"), "tcp://docker:2375");
        assert_eq!(parsed("tcp://[::1]"), "tcp://[::1]:2375");
        assert_eq!(parsed("tcp://[::1]:99"), "tcp://[::1]:99");
    }

    #[test]
    fn a_path_through_another_process_leads_elsewhere() {
        let unix = |path: &str| Endpoint::Unix(path.to_owned());
        assert!(unix("/proc/7/root/run/docker.sock").leads_elsewhere());
        assert!(!unix(LOCAL).leads_elsewhere());
        assert!(!Endpoint::Tcp("docker:2375".to_owned()).leads_elsewhere());
    }

    #[test]
    fn unusable_endpoints_name_the_thing_the_cause_and_the_remedy() {
        for (given, cause, remedy) in [
            ("", "empty", "unix:///path"),
            ("unix://", "empty", "unix:///path"),
            ("unix://run/d.sock", "not absolute", "unix:///run/d.sock"),
            (
                "/var/run/docker.sock",
                "neither",
                "unix:///var/run/docker.sock",
            ),
            ("gopher://x", "neither", "unix:///var/run/docker.sock"),
            ("https://host:2376", "TLS", "unix:///var/run/docker.sock"),
            ("ssh://root@host", "log in", "run it on that machine"),
            ("npipe:////./pipe/docker_engine", "Windows", "Linux host"),
            ("fd://", "listen", "unix:///var/run/docker.sock"),
            ("tcp://", "no host", "tcp://host:2375"),
            ("tcp://:2375", "no host", "tcp://host:2375"),
            ("tcp://host:0", "not a port", "tcp://host:2375"),
            ("tcp://host:70000", "not a port", "tcp://host:2375"),
            (
                "tcp://host:2375/v1.41",
                "more than a host",
                "tcp://host:2375",
            ),
            ("tcp://fe80::1:2375", "brackets", "tcp://host:2375"),
        ] {
            let said = parsed(given);
            assert!(
                said.contains(given.trim_start_matches("unix://")),
                "{given}: {said}"
            );
            assert!(
                said.contains(cause) && said.contains(remedy),
                "{given}: {said}"
            );
            assert!(!said.contains('\n') && !said.to_lowercase().contains("daemon running"));
        }
    }

    #[test]
    fn failures_to_connect_are_told_apart() {
        let endpoint = Endpoint::Unix("/proc/self/stat".into());
        let said: Vec<String> = [
            io::ErrorKind::NotFound,
            io::ErrorKind::PermissionDenied,
            io::ErrorKind::ConnectionRefused,
            io::ErrorKind::BrokenPipe,
        ]
        .map(|kind| endpoint.explain(&kind.into()))
        .into();
        assert!(said[0].contains("no socket"), "{said:?}");
        assert!(said[1].contains("permission denied"), "{said:?}");
        assert!(said[2].contains("is not a socket"), "{said:?}");
        assert!(said[3].contains("cannot be used"), "{said:?}");
    }

    proptest::proptest! {
        #[test]
        fn no_text_breaks_the_parser(given in ".*") {
            if let Ok(endpoint) = Endpoint::parse(&given) {
                proptest::prop_assert_eq!(Endpoint::parse(&endpoint.to_string()), Ok(endpoint));
            }
        }
    }
}

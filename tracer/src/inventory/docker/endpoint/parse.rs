//! Understands an endpoint as it is typed.

use super::{Endpoint, LOCAL, PORT, TLS_PORT};

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
    /// A variable of the environment holds one of these.
    #[error("${name}: {error}")]
    Variable {
        /// Its name.
        name: &'static str,
        /// What is wrong.
        error: Box<EndpointError>,
    },
    /// A version that is none.
    #[error("$DOCKER_API_VERSION {given:?} is not a version of docker's API, such as 1.41")]
    ApiVersion {
        /// What was given.
        given: String,
    },
    /// There is no context of that name.
    #[error(
        "docker context {name:?}, chosen by {chosen_by}, is not found below {folder}: see docker context \
         ls, or name the daemon with --docker-host; under sudo the contexts are root's"
    )]
    NoContext {
        /// Its name.
        name: String,
        /// What chose it.
        chosen_by: String,
        /// Where contexts are.
        folder: String,
    },
    /// A context that cannot be used.
    #[error("docker context {name:?}: {error}")]
    Context {
        /// Its name.
        name: String,
        /// What is wrong.
        error: Box<EndpointError>,
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
    /// Understands `unix:///path`, `tcp://host:port` and `http://host:port`. Over TLS the port is
    /// another one, unless it is given.
    pub(super) fn parse(given: &str, tls: bool) -> Result<Self, EndpointError> {
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
            "tcp" | "http" => tcp(given, rest, if tls { TLS_PORT } else { PORT }),
            _ => Err(unsupported(given, scheme).unwrap_or_else(unknown)),
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

fn tcp(given: &str, rest: &str, default: u16) -> Result<Endpoint, EndpointError> {
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
        None => default,
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
            "docker knows no https://",
            "for TLS write tcp://host:2376, with DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH set",
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

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(given: &str) -> String {
        Endpoint::parse(given, false).map_or_else(|error| error.to_string(), |it| it.to_string())
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
            ("https://host:2376", "https", "DOCKER_TLS_VERIFY=1"),
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

    proptest::proptest! {
        #[test]
        fn no_text_breaks_the_parser(given in ".*") {
            if let Ok(endpoint) = Endpoint::parse(&given, false) {
                let again = Endpoint::parse(&endpoint.to_string(), true);
                proptest::prop_assert_eq!(again, Ok(endpoint));
            }
        }
    }
}

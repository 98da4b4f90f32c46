//! Which daemon is meant: by the command line, the environment or a context, as the docker client
//! decides it.

use std::{
    collections::BTreeMap,
    env,
    path::{Path, PathBuf},
};

use super::{Endpoint, EndpointError, LOCAL, context, tls::Certificates};

/// The variables that the docker client goes by.
const VARIABLES: [&str; 8] = [
    "DOCKER_HOST",
    "DOCKER_CONTEXT",
    "DOCKER_CONFIG",
    "DOCKER_TLS",
    "DOCKER_TLS_VERIFY",
    "DOCKER_CERT_PATH",
    "DOCKER_API_VERSION",
    "HOME",
];

/// What the docker client would go by.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment(BTreeMap<&'static str, String>);

/// Daemons to ask.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Daemons {
    /// Where.
    pub(crate) endpoints: Vec<Endpoint>,
    /// Whether somebody named them: without that it is where docker usually is, if it is there.
    pub(crate) named: bool,
}

impl Environment {
    /// This process' own.
    pub(crate) fn own() -> Self {
        let set = |name| Some((name, env::var(name).ok()?));
        Self(VARIABLES.into_iter().filter_map(set).collect())
    }

    /// The daemons that are meant when `given` is what the command line names: those, or
    /// `$DOCKER_HOST`, or the context in use, or the local socket.
    pub(crate) fn daemons(&self, given: &[String]) -> Result<Daemons, EndpointError> {
        if let Some(version) = self.get("DOCKER_API_VERSION") {
            api_version(version).ok_or_else(|| EndpointError::ApiVersion {
                given: version.to_owned(),
            })?;
        }
        let mut endpoints = Vec::new();
        for url in given {
            let endpoint = self.endpoint(url)?;
            if !endpoints.contains(&endpoint) {
                endpoints.push(endpoint);
            }
        }
        let named = |endpoints| Daemons {
            endpoints,
            named: true,
        };
        if !endpoints.is_empty() {
            return Ok(named(endpoints));
        }
        if let Some(host) = self.get("DOCKER_HOST") {
            let from = |error| EndpointError::Variable {
                name: "DOCKER_HOST",
                error: Box::new(error),
            };
            return Ok(named(vec![self.endpoint(host).map_err(from)?]));
        }
        if let Some(endpoint) = context::in_use(self)? {
            return Ok(named(vec![endpoint]));
        }
        Ok(Daemons {
            endpoints: vec![Endpoint::Unix(LOCAL.into())],
            named: false,
        })
    }

    /// An endpoint as typed, over TLS where the environment says so.
    fn endpoint(&self, given: &str) -> Result<Endpoint, EndpointError> {
        let endpoint = Endpoint::parse(given, self.wants_tls())?;
        Ok(match self.certificates() {
            Some(certificates) => endpoint.secured(certificates),
            None => endpoint,
        })
    }

    /// Any text will do, even `0`: that is how docker's client reads it.
    fn wants_tls(&self) -> bool {
        self.get("DOCKER_TLS_VERIFY").is_some() || self.get("DOCKER_TLS").is_some()
    }

    fn certificates(&self) -> Option<Certificates> {
        let folder = self.get("DOCKER_CERT_PATH").map(PathBuf::from);
        self.wants_tls().then(|| Certificates {
            folder: folder.unwrap_or_else(|| self.config_folder()),
            verify: self.get("DOCKER_TLS_VERIFY").is_some(),
        })
    }

    /// Where the docker client keeps its own things.
    pub(super) fn config_folder(&self) -> PathBuf {
        self.get("DOCKER_CONFIG").map_or_else(
            || Path::new(self.get("HOME").unwrap_or("/root")).join(".docker"),
            PathBuf::from,
        )
    }

    /// A variable that is set to something.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let value = self.0.get(name)?.trim();
        (!value.is_empty()).then_some(value)
    }
}

/// `$DOCKER_API_VERSION`: then nothing is agreed on with the daemon.
pub(in super::super) fn pinned_version() -> Option<(usize, usize)> {
    let version = env::var("DOCKER_API_VERSION").ok()?;
    api_version(version.trim())
}

/// `1.41`.
fn api_version(text: &str) -> Option<(usize, usize)> {
    let (major, minor) = text.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
impl Environment {
    /// With these variables.
    pub(super) fn of(variables: &[(&'static str, &str)]) -> Self {
        let set = variables
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()));
        Self(set.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meant(variables: &[(&'static str, &str)], given: &[&str]) -> String {
        let given: Vec<String> = given.iter().map(ToString::to_string).collect();
        match Environment::of(variables).daemons(&given) {
            Err(error) => error.to_string(),
            Ok(daemons) => {
                let names: Vec<String> = daemons
                    .endpoints
                    .iter()
                    .map(|endpoint| match endpoint {
                        Endpoint::Tls(secure) => format!(
                            "{endpoint} by {} verified {}",
                            secure.certificates.folder.display(),
                            secure.certificates.verify
                        ),
                        _ => endpoint.to_string(),
                    })
                    .collect();
                format!("{} named {}", names.join(" "), daemons.named)
            }
        }
    }

    #[test]
    fn daemons_are_those_the_docker_client_would_ask() {
        let nowhere = ("HOME", "/nonexistent");
        let verify = ("DOCKER_TLS_VERIFY", "0");
        let folder = ("DOCKER_CERT_PATH", "/certs/client");
        let host = |url| ("DOCKER_HOST", url);
        for (variables, given, expected) in [
            (
                &[nowhere][..],
                &[][..],
                "unix:///var/run/docker.sock named false",
            ),
            (
                &[nowhere, host("")],
                &[],
                "unix:///var/run/docker.sock named false",
            ),
            (&[host("tcp://a")], &[], "tcp://a:2375 named true"),
            (&[host("tcp://a")], &["tcp://b"], "tcp://b:2375 named true"),
            (
                &[host("tcp://docker"), verify, folder],
                &[],
                "tcp://docker:2376 by /certs/client verified true named true",
            ),
            (
                &[("DOCKER_TLS", "1"), nowhere],
                &["tcp://d:99"],
                "tcp://d:99 by /nonexistent/.docker verified false named true",
            ),
            // The client does without TLS unless told to verify, whatever certificates there are.
            (
                &[host("tcp://a:2376"), folder],
                &[],
                "tcp://a:2376 named true",
            ),
            (
                &[verify, folder],
                &["unix:///run/d"],
                "unix:///run/d named true",
            ),
            (
                &[verify, ("DOCKER_CONFIG", "/cfg")],
                &["tcp://a", "tcp://a:2376"],
                "tcp://a:2376 by /cfg verified true named true",
            ),
        ] {
            assert_eq!(meant(variables, given), expected);
        }
    }

    #[test]
    fn what_is_wrong_in_the_environment_names_the_variable() {
        let said = meant(&[("DOCKER_HOST", "ssh://root@h")], &[]);
        assert!(
            said.contains("DOCKER_HOST") && said.contains("ssh://root@h"),
            "{said}"
        );
        let said = meant(&[("DOCKER_API_VERSION", "soon")], &["tcp://a"]);
        assert!(
            said.contains("DOCKER_API_VERSION") && said.contains("1.41"),
            "{said}"
        );
    }
}

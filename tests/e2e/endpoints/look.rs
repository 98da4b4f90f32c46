//! A daemon behind TLS, and what one look with some environment says of it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bridgetrace_lab::certificates::{Authority, daemon_options};
use bridgetrace_lab::dockerd::Options;
use bridgetrace_lab::{Dockerd, Netns, Tracer, WorldDump, preflight};
use serde_json::Value;

/// Where the daemon serves TLS, by a name that its certificate is for.
pub(super) const TLS: &str = "tcp://127.0.0.1:2376";
/// What its certificate is for.
pub(super) const NAMES: &str = "DNS:localhost,IP:127.0.0.1";
pub(super) const SOON: Duration = Duration::from_secs(20);

/// A server whose dockerd wants TLS.
pub(super) struct Secure {
    pub(super) daemon: Dockerd,
    pub(super) authority: Authority,
    /// The good set of a client's files.
    pub(super) client: PathBuf,
    pub(super) srv: Netns,
}

impl Secure {
    pub(super) fn raise() -> Result<Self> {
        preflight::require()?;
        let srv = Netns::new("srv")?;
        let authority = Authority::new("lab")?;
        let server = authority.issue("server", NAMES)?;
        let client = authority.issue("client", "DNS:client")?;
        Ok(Self {
            daemon: Dockerd::start_with(&srv, options(&server))?,
            authority,
            client,
            srv,
        })
    }

    /// Runs a test's body; when it fails, dumps the world.
    pub(super) fn play<T>(mut self, body: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let namespaces = [&self.srv];
        let world = WorldDump::new(&namespaces, Some(&self.daemon));
        world.on_error(|| body(&mut self))
    }

    /// One look with these variables.
    pub(super) fn look(&self, variables: &[(&str, &str)]) -> Result<Told> {
        look(&self.srv, variables)
    }

    /// One look over TLS with the certificates in this folder.
    pub(super) fn look_with(&self, folder: &Path) -> Result<Told> {
        let folder = folder.display().to_string();
        self.look(&secured(TLS, &folder))
    }
}

pub(super) fn options(server: &Path) -> Options {
    let arguments = daemon_options(server, "0.0.0.0:2376");
    arguments.into_iter().fold(Options::new(), Options::arg)
}

/// The variables of incident I-5.
pub(super) fn secured<'a>(host: &'a str, folder: &'a str) -> [(&'a str, &'a str); 3] {
    [
        ("DOCKER_HOST", host),
        ("DOCKER_TLS_VERIFY", "1"),
        ("DOCKER_CERT_PATH", folder),
    ]
}

/// What a look said of the daemon.
#[derive(Debug)]
pub(super) struct Told {
    /// The finding, if the daemon cannot be asked.
    pub(super) finding: Option<Value>,
    /// The daemon in the summary.
    pub(super) daemon: Value,
}

pub(super) fn look(netns: &Netns, variables: &[(&str, &str)]) -> Result<Told> {
    look_through(netns, &bridgetrace_lab::tracer::binary()?, &[], variables)
}

/// The same by a program that runs bridgetrace with what follows its own words.
pub(super) fn look_through(
    netns: &Netns,
    program: &Path,
    words: &[&str],
    variables: &[(&str, &str)],
) -> Result<Told> {
    let mut arguments = words.to_vec();
    arguments.extend(["check", "--format", "jsonl"]);
    let mut check = Tracer::start_program(netns, program, &arguments, variables)?;
    check.wait_exit(SOON)?;
    let mut lines = check.values()?;
    let log: Vec<String> = check.log().into_iter().map(|line| line.text).collect();
    let last = lines.pop().with_context(|| log.join("\n"))?;
    let of_daemon = |line: &Value| line["event"]["action"] == "daemon-unreachable";
    Ok(Told {
        finding: lines.into_iter().find(of_daemon),
        daemon: last["bridgetrace"]["check"]["daemons"][0].clone(),
    })
}

impl Told {
    /// Fails unless the daemon cannot be asked for this cause, in a sentence that holds these words, and
    /// something can be done about it.
    pub(super) fn fails(&self, cause: &str, words: &[&str]) -> Result<()> {
        let finding = self
            .finding
            .as_ref()
            .with_context(|| format!("{cause}: it can be asked: {self:#?}"))?;
        let daemon = &finding["bridgetrace"]["daemon"];
        ensure!(daemon["cause"] == cause, "{cause}: {finding:#}");
        let reason = finding["event"]["reason"].as_str().unwrap_or_default();
        for word in words {
            ensure!(reason.contains(word), "{cause}: no {word:?} in {reason}");
        }
        ensure!(
            !reason.to_lowercase().contains("daemon running"),
            "{reason}"
        );
        let remedy = daemon["remedy"].as_str().unwrap_or_default();
        ensure!(!remedy.is_empty(), "{cause}: nothing to do: {finding:#}");
        Ok(())
    }

    /// Fails unless the daemon answered.
    pub(super) fn answers(&self) -> Result<()> {
        ensure!(
            self.finding.is_none() && self.daemon["version"].is_string(),
            "{self:#?}"
        );
        Ok(())
    }
}

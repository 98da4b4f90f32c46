//! The command line resolved: every default filled in, every value checked.

use std::{env, io::stdout, time::Duration};

use anyhow::{Context as _, Result};
use ipnet::IpNet;

use crate::{
    cli::{Check, Format, Trace},
    inventory::docker::Endpoint,
    sink::human::Look,
};

/// What a live trace will do.
#[derive(Debug)]
pub(crate) struct Plan {
    /// What to print.
    pub(crate) output: Output,
    /// When to stop by itself.
    pub(crate) duration: Option<Duration>,
    /// Daemons to ask.
    pub(crate) endpoints: Vec<Endpoint>,
    /// Whether the kernel half logs.
    pub(crate) kernel_log: bool,
}

/// What a single look will do.
#[derive(Debug)]
pub(crate) struct CheckPlan {
    /// What to print.
    pub(crate) output: Output,
    /// Daemons to ask.
    pub(crate) endpoints: Vec<Endpoint>,
    /// Somebody named the daemons: that they are not there is worth knowing.
    pub(crate) named: bool,
    /// Who must stay reachable.
    pub(crate) protected: Vec<IpNet>,
}

/// What to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    /// For people, on such a terminal.
    Human(Look),
    /// JSON Lines.
    JsonLines,
}

impl Plan {
    /// Resolves what was typed.
    pub(crate) fn resolve(trace: &Trace) -> Result<Self> {
        Ok(Self {
            output: Output::of(trace.format),
            duration: trace.duration,
            endpoints: endpoints(&trace.docker_host)?,
            kernel_log: trace.verbose >= 2,
        })
    }
}

impl CheckPlan {
    /// Resolves what was typed.
    pub(crate) fn resolve(check: &Check) -> Result<Self> {
        let from_env = env::var_os("DOCKER_HOST").is_some_and(|host| !host.is_empty());
        Ok(Self {
            output: Output::of(check.format),
            endpoints: endpoints(&check.docker_host)?,
            named: from_env || !check.docker_host.is_empty(),
            protected: check.peer.clone(),
        })
    }
}

impl Output {
    fn of(format: Format) -> Self {
        match format {
            Format::Human => Self::Human(Look::of(&stdout())),
            Format::Jsonl => Self::JsonLines,
        }
    }
}

fn endpoints(given: &[String]) -> Result<Vec<Endpoint>> {
    if given.is_empty() {
        return Ok(vec![Endpoint::default_from_env().context("$DOCKER_HOST")?]);
    }
    let mut endpoints = Vec::new();
    for url in given {
        let endpoint = Endpoint::parse(url)?;
        if !endpoints.contains(&endpoint) {
            endpoints.push(endpoint);
        }
    }
    Ok(endpoints)
}

/// What the log says. People read what is watched on standard output; JSON Lines leave that to
/// the log, so there it says a little more by default.
pub(crate) const fn log_level(verbose: u8, format: Format) -> log::LevelFilter {
    match (verbose, format) {
        (0, Format::Human) => log::LevelFilter::Warn,
        (0 | 1, _) => log::LevelFilter::Info,
        (2, _) => log::LevelFilter::Debug,
        _ => log::LevelFilter::Trace,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_daemon_named_twice_is_asked_once() {
        let twice = [
            "unix:///run/a.sock".to_owned(),
            "unix:///run/a.sock".to_owned(),
        ];
        assert_eq!(endpoints(&twice).unwrap().len(), 1);
    }

    #[test]
    fn a_bad_endpoint_is_an_error_before_anything_is_loaded() {
        assert!(endpoints(&["nonsense".to_owned()]).is_err());
    }
}

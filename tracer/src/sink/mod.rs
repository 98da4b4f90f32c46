//! Sinks render findings; they decide nothing.
//!
//! A sink gets the banner once, then every step of every finding in order. What comes from outside
//! (names of containers, networks, interfaces and processes) is hostile text: see [`escape`].

use std::io::{self, Write};

use tracer_core::{finding::Finding, input::Session, summary::Summary};

use crate::config;

use self::{ecs::Origin, human::Human, jsonl::JsonLines};

pub(crate) mod columns;
pub(crate) mod ecs;
pub(crate) mod escape;
#[cfg(test)]
pub(crate) mod fixtures;
#[cfg(test)]
pub(crate) mod golden;
pub(crate) mod human;
pub(crate) mod jsonl;
pub(crate) mod time;

/// Somewhere findings go. What it was told it has handed over when it returns.
pub(crate) trait Sink {
    /// Says what is being watched; called once, before any finding.
    fn banner(&mut self, banner: &Banner) -> io::Result<()>;

    /// Renders one step of one finding.
    fn finding(&mut self, finding: &Finding) -> io::Result<()>;

    /// Says what a single look came to; called once, after all findings.
    fn summary(&mut self, summary: &Summary) -> io::Result<()>;
}

/// Renders to `out` what happens in the session.
pub(crate) fn render(
    output: config::Output,
    out: impl Write + 'static,
    session: &Session,
) -> Box<dyn Sink> {
    match output {
        config::Output::Human(look) => Box::new(Human::new(out, look)),
        config::Output::JsonLines => {
            let origin = Origin {
                hostname: session.hostname.clone(),
                version: session.version.clone(),
            };
            Box::new(JsonLines::new(out, origin))
        }
    }
}

/// What is being watched and what cannot be seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Banner {
    /// Version of bridgetrace.
    pub(crate) version: String,
    /// Name of the host.
    pub(crate) hostname: String,
    /// Bridges present at the start, in all namespaces.
    pub(crate) bridges: usize,
    /// Network namespaces whose links and routes are followed.
    pub(crate) namespaces: usize,
    /// A phrase for each daemon: `docker 20.10.24 at unix:///var/run/docker.sock`, or
    /// `no docker at unix:///var/run/docker.sock: permission denied`.
    pub(crate) daemons: Vec<String>,
    /// What will not be seen in this run, each a plain sentence.
    pub(crate) unseen: Vec<String>,
}

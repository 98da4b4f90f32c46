//! The whole state of the lab as text, for tests that fail.

use std::fmt::Write as _;
use std::thread;

use anyhow::Result;

use crate::{Docker, Dockerd, Netns};

const VIEWS: [(&str, &[&str]); 6] = [
    ("links", &["ip", "-details", "-statistics", "link"]),
    ("addresses", &["ip", "-brief", "address"]),
    ("rules", &["ip", "rule"]),
    ("routes", &["ip", "route", "show", "table", "all"]),
    (
        "routes (IPv6)",
        &["ip", "-6", "route", "show", "table", "all"],
    ),
    ("neighbours", &["ip", "-statistics", "neighbour"]),
];

const DOCKER_VIEWS: [(&str, &[&str]); 2] = [
    ("networks", &["network", "ls", "--no-trunc"]),
    ("containers", &["ps", "--all", "--no-trunc"]),
];

/// Seconds that the dump waits for a daemon: the test may have paused it.
const PATIENCE: &str = "5";

/// Links, addresses, rules, routes and neighbours of every namespace, networks and
/// containers of the daemon, and the end of its log.
pub fn dump(namespaces: &[&Netns], daemon: Option<&Dockerd>) -> String {
    render(namespaces.iter().copied(), daemon.map(|daemon| &**daemon))
}

fn render<'a>(namespaces: impl Iterator<Item = &'a Netns>, docker: Option<&Docker>) -> String {
    let mut text = String::new();
    for netns in namespaces {
        for (title, command) in VIEWS {
            let title = format!("{} ({}) {title}", netns.name(), netns.inum());
            section(&mut text, &title, netns.run(command));
        }
    }
    if let Some(docker) = docker {
        for (title, arguments) in DOCKER_VIEWS {
            section(&mut text, title, docker.run_within(PATIENCE, arguments));
        }
        section(&mut text, "dockerd log", Ok(docker.log_tail(40)));
    }
    text
}

fn section(text: &mut String, title: &str, content: Result<String>) {
    let content = content.unwrap_or_else(|error| format!("{error:#}"));
    // Writing to a String cannot fail.
    writeln!(text, "── {title}\n{content}").ok();
}

/// Prints the world if the test panics while this is alive, or fails inside
/// [`WorldDump::on_error`]. Make it last, so that it is dropped before the world.
pub struct WorldDump {
    namespaces: Vec<Netns>,
    docker: Option<Docker>,
}

impl WorldDump {
    /// Watches over these.
    pub fn new(namespaces: &[&Netns], daemon: Option<&Dockerd>) -> Self {
        Self {
            namespaces: namespaces.iter().copied().cloned().collect(),
            docker: daemon.map(Dockerd::client),
        }
    }

    /// Runs the body of a test that reports by `Result`; prints the world if it fails.
    pub fn on_error<T>(&self, body: impl FnOnce() -> Result<T>) -> Result<T> {
        body().inspect_err(|_| self.print())
    }

    fn print(&self) {
        eprintln!("{}", render(self.namespaces.iter(), self.docker.as_ref()));
    }
}

impl Drop for WorldDump {
    fn drop(&mut self) {
        if thread::panicking() {
            self.print();
        }
    }
}

//! A container of the lab's daemon, as its user and as the kernel see it.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::{Docker, Netns, wait_until};

const LISTENING: Duration = Duration::from_secs(20);

/// A handle to a container. It ends with its daemon, not with the handle.
#[derive(Clone, Debug)]
pub struct Container {
    docker: Docker,
    id: String,
    name: String,
}

impl Container {
    pub(crate) fn new(docker: Docker, id: String, name: String) -> Self {
        Self { docker, id, name }
    }

    /// The full id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The pid of its first process, as the test and the tracepoints see it. `.State.Pid`
    /// counts inside the daemon's pid namespace.
    pub fn pid(&self) -> Result<u32> {
        processes()
            .find(|&pid| is_first_of(pid, &self.id))
            .with_context(|| format!("{} does not run", self.name))
    }

    /// Its network namespace, under a name of its own.
    pub fn netns(&self) -> Result<Netns> {
        Netns::attach(&self.name, self.pid()?)
    }

    /// Its IPv4 address in a network.
    pub fn address(&self, network: &str) -> Result<IpAddr> {
        self.inspect_address(network, "IPAddress")
    }

    /// Its IPv6 address in a network.
    pub fn address6(&self, network: &str) -> Result<IpAddr> {
        self.inspect_address(network, "GlobalIPv6Address")
    }

    fn inspect_address(&self, network: &str, field: &str) -> Result<IpAddr> {
        let format =
            format!("--format={{{{(index .NetworkSettings.Networks \"{network}\").{field}}}}}");
        let address = self.docker.run(&["inspect", &format, &self.id])?;
        let what = || format!("the address of {} in {network}: {address:?}", self.name);
        address.parse().with_context(what)
    }

    /// Runs a command inside to its end and returns its stdout.
    pub fn exec(&self, command: &[&str]) -> Result<String> {
        self.docker.run(&[&["exec", &self.id], command].concat())
    }

    /// Starts a command inside and leaves it to itself.
    pub fn spawn(&self, command: &[&str]) -> Result<()> {
        let exec = ["exec", "--detach", &self.id];
        self.docker.run(&[&exec[..], command].concat()).map(drop)
    }

    /// Whether a process inside gets an answer to one echo request within a second.
    pub fn reaches(&self, address: impl Into<IpAddr>) -> bool {
        let address = address.into().to_string();
        self.exec(&["ping", "-c1", "-W1", &address]).is_ok()
    }

    /// Whether a process inside can open a TCP connection within two seconds.
    pub fn connects(&self, to: impl Into<SocketAddr>) -> bool {
        let to = to.into();
        let (ip, port) = (to.ip().to_string(), to.port().to_string());
        self.exec(&["nc", "-w2", &ip, &port, "-e", "true"]).is_ok()
    }

    /// Removes it, running or not.
    pub fn remove(self) -> Result<()> {
        self.docker.run(&["rm", "--force", &self.id]).map(drop)
    }

    /// Waits until something inside listens on a TCP port. Asks the kernel: a connection
    /// would be traffic of which the test knows nothing.
    pub fn wait_listening(&self, port: u16) -> Result<()> {
        let what = format!("{} to listen on port {port}", self.name);
        wait_until(&what, LISTENING, || Ok(listens(self.pid()?, port)))
            .with_context(|| self.docker.run(&["logs", &self.id]).unwrap_or_default())
    }
}

fn processes() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten();
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

/// Whether this is process 1 of the container: the control group is named after it, which
/// holds for the containers of a nested daemon as well.
fn is_first_of(pid: u32, container: &str) -> bool {
    let read = |file| fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
    let inside = read("cgroup").lines().any(|line| line.ends_with(container));
    inside && read("status").lines().any(is_init)
}

/// `NSpid:` lists the process's pid in every pid namespace, the innermost last.
fn is_init(line: &str) -> bool {
    line.strip_prefix("NSpid:")
        .is_some_and(|pids| pids.split_whitespace().next_back() == Some("1"))
}

fn listens(pid: u32, port: u16) -> bool {
    // `sl local_address rem_address st …`, where 0A is LISTEN.
    let end = format!(":{port:04X}");
    ["tcp", "tcp6"].iter().any(|table| {
        let table = fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap_or_default();
        table.lines().any(|line| {
            let fields: Vec<_> = line.split_whitespace().collect();
            matches!(fields[..], [_, local, _, "0A", ..] if local.ends_with(&end))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::is_init;

    #[test]
    fn the_first_process_is_1_in_the_innermost_namespace() {
        assert!(is_init("NSpid:\t4711\t52\t1"));
        assert!(!is_init("NSpid:\t4711\t1\t52"));
        assert!(!is_init("NSpid:\t4711\t52\t11"));
        assert!(!is_init("Pid:\t1"));
    }
}

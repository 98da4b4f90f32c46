//! What to run in a container, said in the order in which one thinks of it.
//!
//! ```no_run
//! # use bridgetrace_lab::{Dockerd, Service, Topology};
//! # fn main() -> anyhow::Result<()> {
//! # let lab = Topology::new()?;
//! # let daemon = Dockerd::start(&lab.srv)?;
//! daemon.import_busybox()?;
//! daemon.create_network("apps", &["10.201.1.0/24"])?;
//! let web = Service::echo("web", 7).network("apps").publish(8007, 7).run(&daemon)?;
//! # Ok(()) }
//! ```

use std::net::IpAddr;

use anyhow::Result;

use crate::docker::BUSYBOX;
use crate::{Container, Docker};

/// A container to be: `docker run --detach --init` of the busybox image.
#[derive(Clone, Debug)]
pub struct Service {
    name: String,
    arguments: Vec<String>,
    script: String,
    /// What it listens on, if it is a TCP service.
    port: Option<u16>,
}

impl Service {
    /// A container that runs a shell script. Its name needs two characters or more.
    pub fn shell(name: &str, script: &str) -> Self {
        Self {
            name: name.to_owned(),
            arguments: Vec::new(),
            script: script.to_owned(),
            port: None,
        }
    }

    /// A container that does nothing.
    pub fn idle(name: &str) -> Self {
        Self::shell(name, "exec sleep 3600")
    }

    /// A TCP service that sends back what it gets.
    pub fn echo(name: &str, port: u16) -> Self {
        let mut this = Self::shell(name, &format!("exec nc -ll -p {port} -e cat"));
        this.port = Some(port);
        this
    }

    /// A web server on port 80 with one page.
    pub fn httpd(name: &str, page: &str) -> Self {
        let script =
            format!("mkdir /www; echo '{page}' >/www/index.html; exec httpd -f -p 80 -h /www");
        let mut this = Self::shell(name, &script);
        this.port = Some(80);
        this
    }

    /// The network to be in, docker0's unless asked.
    pub fn network(self, name: &str) -> Self {
        self.arg(format!("--network={name}"))
    }

    /// A fixed address in its network, of either family.
    pub fn ip(self, address: impl Into<IpAddr>) -> Self {
        match address.into() {
            IpAddr::V4(address) => self.arg(format!("--ip={address}")),
            IpAddr::V6(address) => self.arg(format!("--ip6={address}")),
        }
    }

    /// Publishes a TCP port of the container on the host: by DNAT for the world outside,
    /// by docker-proxy for the host itself.
    pub fn publish(self, host: u16, container: u16) -> Self {
        self.arg(format!("--publish={host}:{container}"))
    }

    /// A label.
    pub fn label(self, key: &str, value: &str) -> Self {
        self.arg(format!("--label={key}={value}"))
    }

    /// One more argument of `docker run`.
    pub fn arg(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Starts the container; returns once its service listens.
    pub fn run(&self, docker: &Docker) -> Result<Container> {
        let name = format!("--name={}", self.name);
        let mut command = vec!["run", "--detach", "--init", &name];
        command.extend(self.arguments.iter().map(String::as_str));
        command.extend([BUSYBOX, "sh", "-c", &self.script]);
        let id = docker.run(&command)?;
        let container = Container::new(docker.clone(), id, self.name.clone());
        if let Some(port) = self.port {
            container.wait_listening(port)?;
        }
        Ok(container)
    }
}

//! The docker side of the outage: four projects that were here before, and the fifth.

use std::fs;
use std::io::Read;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bridgetrace_lab::docker::{BUSYBOX, bridge_name};
use bridgetrace_lab::{Dockerd, Process};

use crate::interrupt;

/// The network that takes the client's addresses.
pub(super) const NETWORK: &str = "XXXX-openldap_default";
/// Compose wants a project's name in small letters; the network keeps its own.
const PROJECT: &str = "xxxx-openldap";
/// They take 172.18.0.0/16 to 172.21.0.0/16, so that 172.22.0.0/16 is the next in docker's row.
const EARLIER: [&str; 4] = ["gitlab", "registry", "wiki", "monitoring"];
const UP: Duration = Duration::from_secs(60);

/// A compose project, not started yet.
pub(super) struct Project {
    directory: PathBuf,
}

impl Project {
    /// Makes the image, the earlier networks and the compose file.
    pub(super) fn prepare(daemon: &Dockerd) -> Result<Self> {
        daemon.import_busybox()?;
        for name in EARLIER {
            interrupt::check()?;
            daemon.docker(&["network", "create", &format!("{name}_default")])?;
        }
        let directory = daemon.directory().join(PROJECT);
        fs::create_dir(&directory).context("create the project's folder")?;
        fs::write(directory.join("docker-compose.yml"), compose_file())
            .context("write the compose file")?;
        Ok(Self { directory })
    }

    /// `docker-compose up --detach`, with `meanwhile` called while it works.
    pub(super) fn up(
        &self,
        daemon: &Dockerd,
        mut meanwhile: impl FnMut() -> Result<()>,
    ) -> Result<()> {
        let mut command = daemon.compose_command(&self.directory, PROJECT, &["up", "--detach"]);
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut compose = Process::spawn(command)?;
        let status = interrupt::wait_for("docker-compose up", UP, || {
            meanwhile()?;
            compose.exited()
        })?;
        let mut said = String::new();
        // A few lines: they wait in the pipe.
        let stderr = compose.child().stderr.as_mut().context("no stderr")?;
        stderr.read_to_string(&mut said)?;
        ensure!(status.success(), "docker-compose up: {status}\n{said}");
        Ok(())
    }
}

/// The bridge and the subnet that docker has given the project's network.
pub(super) fn whereabouts(daemon: &Dockerd) -> Result<(String, String)> {
    let format = "{{.Id}} {{(index .IPAM.Config 0).Subnet}}";
    let answer = daemon.docker(&["network", "inspect", "--format", format, NETWORK])?;
    let (id, subnet) = answer.split_once(' ').context("no subnet")?;
    Ok((bridge_name(id), subnet.to_owned()))
}

fn compose_file() -> String {
    format!(
        "version: \"3.5\"
services:
  openldap:
    image: {BUSYBOX}
    container_name: openldap
    init: true
    command: sleep 600
    ports: [\"3899:389\", \"6366:636\"]
networks:
  default:
    name: {NETWORK}
"
    )
}

//! docker-compose makes networks as it did in the outages: out of the daemon's pools, and
//! left behind when it is killed.

use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bridgetrace_lab::docker::BUSYBOX;
use bridgetrace_lab::dockerd::{Dockerd, Options};
use bridgetrace_lab::{Process, Topology, WorldDump, peers, preflight, wait_until};
use nix::sys::signal::Signal;

const SOON: Duration = Duration::from_secs(10);
const PROJECT: &str = "xxxx-openldap";
const NETWORK: &str = "xxxx-openldap_default";

#[test]
fn the_project_takes_the_next_pool_and_its_container_runs() -> Result<()> {
    preflight::require()?;
    let lab = Topology::new()?;
    let pools = Options::new().arg("--default-address-pool=base=172.22.0.0/15,size=16");
    let daemon = Dockerd::start_with(&lab.srv, pools)?;
    let world = WorldDump::new(&lab.namespaces(), Some(&daemon));
    world.on_error(|| {
        let directory = project(&daemon)?;
        daemon.compose(&directory, PROJECT, &["up", "--detach"])?;
        let format =
            "{{(index .IPAM.Config 0).Subnet}} {{index .Labels \"com.docker.compose.project\"}}";
        let network = daemon.docker(&["network", "inspect", "--format", format, NETWORK])?;
        // docker0 has the first.
        ensure!(network == format!("172.23.0.0/16 {PROJECT}"), "{network}");
        let container = Ipv4Addr::new(172, 23, 0, 2);
        ensure!(
            peers::reachable(&lab.srv, container)?,
            "the container is silent"
        );
        daemon.compose(&directory, PROJECT, &["down", "--timeout=1"])?;
        ensure!(!daemon.docker(&["network", "ls"])?.contains(NETWORK));
        Ok(())
    })
}

#[test]
fn a_killed_compose_leaves_its_network() -> Result<()> {
    preflight::require()?;
    let lab = Topology::new()?;
    let daemon = Dockerd::start(&lab.srv)?;
    let world = WorldDump::new(&lab.namespaces(), Some(&daemon));
    world.on_error(|| {
        let directory = project(&daemon)?;
        let mut command = daemon.compose_command(&directory, PROJECT, &["up"]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut compose = Process::spawn(command)?;
        let networks = || daemon.docker(&["network", "ls"]);
        wait_until("the project's network", SOON, || {
            Ok(networks()?.contains(NETWORK))
        })?;
        let name = fs::read_to_string(format!("/proc/{}/comm", compose.id()))?;
        ensure!(name == "docker-compose\n", "the pid is that of {name}");
        compose.signal(Signal::SIGKILL)?;
        ensure!(!compose.wait(SOON)?.success());
        ensure!(networks()?.contains(NETWORK), "somebody cleaned up");
        Ok(())
    })
}

/// A project of one container in a directory of its own.
fn project(daemon: &Dockerd) -> Result<PathBuf> {
    daemon.import_busybox()?;
    let directory = daemon.directory().join("project");
    fs::create_dir(&directory).context("create the project")?;
    let service = format!("image: {BUSYBOX}\n    init: true\n    command: sleep 600");
    fs::write(
        directory.join("docker-compose.yml"),
        format!("services:\n  ldap:\n    {service}\n"),
    )?;
    Ok(directory)
}

//! Containers of one network whose packets the kernel sends into the bridge of another,
//! where docker's isolation drops them.

use std::net::{IpAddr, SocketAddr};

use anyhow::Result;

use crate::topology::SRV;
use crate::{Container, Docker, Service};

/// The network of the containers, far from everybody's addresses.
pub const APPS: &str = "apps";
/// Where [`published_echo`] is reached from outside.
pub const PUBLISHED: SocketAddr = SocketAddr::new(IpAddr::V4(SRV), 8007);

const SUBNET: &str = "10.201.1.0/24";

/// Starts the container `echo` in the network [`APPS`], published as [`PUBLISHED`].
///
/// After [`collide`](super::collide) the PC cannot reach it any more: the reply leaves
/// `apps` by the bridge of the other network.
pub fn published_echo(docker: &Docker) -> Result<Container> {
    ensure_apps(docker)?;
    Service::echo("echo", 7)
        .network(APPS)
        .publish(PUBLISHED.port(), 7)
        .run(docker)
}

/// Starts the container `bystander` in the network [`APPS`].
///
/// After [`collide`](super::collide) it cannot reach the PC any more: the request leaves
/// `apps` by the bridge of the other network.
pub fn bystander(docker: &Docker) -> Result<Container> {
    ensure_apps(docker)?;
    Service::idle("bystander").network(APPS).run(docker)
}

fn ensure_apps(docker: &Docker) -> Result<()> {
    let names = docker.run(&["network", "ls", "--format={{.Name}}"])?;
    if !names.lines().any(|name| name == APPS) {
        docker.create_network(APPS, &[SUBNET])?;
    }
    Ok(())
}

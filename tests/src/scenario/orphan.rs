//! A daemon that has lost its state: its bridges are still there and still attract.

use anyhow::Result;

use crate::docker::bridge_name;
use crate::{Docker, Dockerd, Netns};

/// What there is after the state was lost.
#[derive(Clone, Debug)]
pub struct Loss {
    /// The bridge that nobody knows any more. Its route is the older one and wins.
    pub orphan: String,
    /// The bridge of the network that was made anew.
    pub successor: String,
    /// The id of the network that was made anew.
    pub network: String,
}

/// Makes the network `name`, restarts the daemon with another data root, and makes the
/// same network again: docker allows it, and there are two identical routes.
///
/// The images are lost too. `daemon.restart_with(daemon.options().data_root("data"))`
/// finds everything again.
pub fn lose_state(daemon: &mut Dockerd, name: &str, subnet: &str) -> Result<Loss> {
    let lost = daemon.create_network(name, &[subnet])?;
    daemon.restart_with(daemon.options().data_root("amnesia"))?;
    let network = daemon.create_network(name, &[subnet])?;
    Ok(Loss {
        orphan: bridge_name(&lost),
        successor: bridge_name(&network),
        network,
    })
}

/// The `br-…` bridges in `netns` that belong to no network of the daemon.
pub fn orphaned_bridges(netns: &Netns, docker: &Docker) -> Result<Vec<String>> {
    let ids = docker.run(&["network", "ls", "--quiet", "--no-trunc"])?;
    let known: Vec<String> = ids.lines().map(bridge_name).collect();
    let links = netns.run(&["ip", "-brief", "link", "show", "type", "bridge"])?;
    let bridges = links
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| name.starts_with("br-"))
        .map(str::to_owned);
    Ok(bridges.filter(|bridge| !known.contains(bridge)).collect())
}

//! What docker says.

use std::{collections::BTreeMap, net::IpAddr};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

use super::{FormerRoot, Landmark, Unreachable};

/// A docker daemon as seen through its API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Daemon {
    /// Where it is reached, e.g. `unix:///var/run/docker.sock`: its key everywhere.
    pub endpoint: String,
    /// Whether it answers.
    pub status: DaemonStatus,
}

/// Whether a daemon answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DaemonStatus {
    /// It answers.
    Reachable(Box<DaemonInfo>),
    /// It does not, and why.
    Unreachable(Unreachable),
}

/// What a daemon says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DaemonInfo {
    /// Engine version, e.g. `20.10.24`.
    pub version: String,
    /// API version agreed on, e.g. `1.41`.
    pub api_version: String,
    /// Namespace the daemon runs in, inode number, if it could be found.
    pub netns: Option<u32>,
    /// Path of its `daemon.json`, if pools may be set there: absent when it cannot be read.
    pub config_file: Option<String>,
    /// Whether that file exists. Its text stays where it is: it may hold passwords.
    #[serde(default)]
    pub has_config: bool,
    /// Registry mirrors and proxies it is configured to use, as far as they are addresses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub landmarks: Vec<Landmark>,
    /// Other processes in its network namespace that run dockerd: bridges may be theirs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub neighbours: Vec<u32>,
    /// Pools it cuts subnets from, in its order: none are its own, so the built-in ones are used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pools: Vec<AddressPool>,
    /// Nameservers it keeps its subnets away from, as its own `resolv.conf` said when it was asked.
    /// Absent when that cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nameservers: Option<Vec<IpAddr>>,
    /// What it calls itself (`docker info`: `ID`). Engines up to 23 keep it in `/etc/docker`, later
    /// ones in their data root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Where it keeps everything, a path as the daemon sees it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_root: Option<String>,
    /// Whether the data root is set on the command line: then `daemon.json` must not set it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub has_data_root_option: bool,
    /// Its storage driver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver: Option<String>,
    /// Images it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub images: Option<u64>,
    /// Whether containers go on while it is away (`live-restore`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub live_restore: bool,
    /// Its process, in bridgetrace's pid namespace, if it could be found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// The data root it had before, if that is another and still there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub former_root: Option<FormerRoot>,
}

/// A range that a daemon cuts subnets from (`default-address-pools`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressPool {
    /// The range.
    pub base: IpNet,
    /// Length of the prefixes it is cut into.
    pub size: u8,
}

/// What happened to a network, as the daemon's own short memory of events tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkEvent {
    /// When.
    pub at: Timestamp,
    /// Network id.
    pub id: String,
    /// Whether it was created; else it was removed.
    pub created: bool,
}

/// A docker network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DockerNetwork {
    /// Network id, 64 hex digits.
    pub id: String,
    /// Name. Hostile text.
    pub name: String,
    /// Driver; only `bridge` makes bridges of this daemon.
    pub driver: String,
    /// Address ranges with their gateways.
    pub subnets: Vec<DockerSubnet>,
    /// Labels. Hostile text.
    pub labels: BTreeMap<String, String>,
    /// Driver options.
    pub options: BTreeMap<String, String>,
    /// `--internal`.
    pub internal: bool,
    /// Creation time.
    pub created: Option<Timestamp>,
    /// Containers attached.
    pub endpoints: Vec<DockerEndpoint>,
}

/// One range of a docker network's IPAM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DockerSubnet {
    /// The prefix.
    pub subnet: IpNet,
    /// The bridge's own address.
    pub gateway: Option<IpAddr>,
}

/// A container's place in a network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DockerEndpoint {
    /// Network id.
    pub network: String,
    /// Container id.
    pub container: String,
    /// Container name. Hostile text.
    pub container_name: String,
    /// Its addresses in the network.
    pub addresses: Vec<IpAddr>,
    /// Its MAC address there.
    pub mac: Option<String>,
}

/// A container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DockerContainer {
    /// Container id, 64 hex digits.
    pub id: String,
    /// Name without the leading slash. Hostile text.
    pub name: String,
    /// Image it was made from.
    pub image: String,
    /// `created`, `running`, `exited`, …
    pub state: String,
    /// Labels. Hostile text.
    pub labels: BTreeMap<String, String>,
    /// Its networks.
    pub endpoints: Vec<DockerEndpoint>,
    /// Ports of the host that lead to it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<PublishedPort>,
    /// When it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    /// When its process began last; none if it never ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<Timestamp>,
    /// When its process ended last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished: Option<Timestamp>,
    /// How its process ended: 128 and the signal's number where a signal ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i64>,
    /// The docker socket is mounted into it: what it makes is made by the host's daemon.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub has_socket: bool,
}

/// A port of the host that leads to a container (`docker run -p`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedPort {
    /// IP protocol number.
    pub proto: u8,
    /// Port of the host.
    pub host: u16,
    /// Port of the container.
    pub container: u16,
}

impl DockerContainer {
    /// Whether it holds its addresses: what is `exited` or `dead` may be listed in a network for a
    /// moment longer.
    #[must_use]
    pub fn is_running(&self) -> bool {
        matches!(self.state.as_str(), "running" | "paused" | "restarting")
    }

    /// Whether it was made, and nothing more.
    #[must_use]
    pub fn never_ran(&self) -> bool {
        self.state == "created"
    }

    /// The compose project it belongs to.
    #[must_use]
    pub fn compose_project(&self) -> Option<&str> {
        self.labels
            .get("com.docker.compose.project")
            .map(String::as_str)
    }

    /// The folder its compose project was started in.
    #[must_use]
    pub fn working_dir(&self) -> Option<&str> {
        self.labels
            .get("com.docker.compose.project.working_dir")
            .map(String::as_str)
    }
}

impl DockerNetwork {
    /// Name of the bridge in the kernel: the option if set, else `br-` and 12 digits of the id.
    #[must_use]
    pub fn bridge_name(&self) -> String {
        self.given_bridge_name()
            .map_or_else(|| format!("br-{}", self.short_id()), str::to_owned)
    }

    /// Whether [`Self::bridge_name`] is this one: asked of every network, so no name is made for it.
    #[must_use]
    pub fn has_bridge_name(&self, name: &str) -> bool {
        match self.given_bridge_name() {
            Some(given) => given == name,
            None => self.is_default_bridge_name(name),
        }
    }

    /// Whether the bridge is named after the network's id, as no other network's is.
    #[must_use]
    pub fn has_default_bridge_name(&self) -> bool {
        let given = self.given_bridge_name();
        given.is_none_or(|name| self.is_default_bridge_name(name))
    }

    fn given_bridge_name(&self) -> Option<&str> {
        let name = self.options.get("com.docker.network.bridge.name");
        name.map(String::as_str)
    }

    fn is_default_bridge_name(&self, name: &str) -> bool {
        name.strip_prefix("br-") == Some(self.short_id())
    }

    fn short_id(&self) -> &str {
        self.id.get(..12).unwrap_or(&self.id)
    }

    /// The container attached with this address.
    #[must_use]
    pub fn endpoint_at(&self, address: IpAddr) -> Option<&DockerEndpoint> {
        self.endpoints
            .iter()
            .find(|e| e.addresses.contains(&address))
    }

    /// The compose project that made the network.
    #[must_use]
    pub fn compose_project(&self) -> Option<&str> {
        self.labels
            .get("com.docker.compose.project")
            .map(String::as_str)
    }
}

//! Docker's networks, containers and daemons, with as much history as a packet may need: it is
//! judged by the world of its moment.

mod containers;
mod find;
mod lasting;
mod snapshot;

pub use find::is_inner;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque, btree_map::Entry},
    net::IpAddr,
};

use self::{containers::Containers, lasting::Lasting};
use super::jobs;
use crate::{
    finding::ContainerRef,
    input::{
        Body, Daemon, DaemonInfo, DaemonStatus, DockerContainer, DockerNetwork, EmptySandbox,
        Sidecar, Unreachable,
    },
    time::{SECOND, Timestamp},
};

/// How long an address that left a network still counts as having been a container's.
const MEMORY: u64 = 600 * SECOND;
/// Departed addresses kept.
const DEPARTED: usize = 65_536;
/// Removed containers kept.
const REMOVED: usize = 1024;
/// Containers of jobs that are over, kept.
const PAST_JOBS: usize = 256;
/// Networks that daemons lost, kept.
const LOST: usize = 256;

/// A network or container is known by its daemon's endpoint and its id.
type Key = (String, String);

/// What docker said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Docker {
    daemons: BTreeMap<String, DaemonStatus>,
    /// Endpoints of daemons that are reached by another one as well.
    aliases: BTreeSet<String>,
    /// Where daemons live that were found in a namespace.
    places: BTreeMap<String, u32>,
    /// Clients that cannot use the daemon beside them, and since when.
    sidecars: Lasting<Sidecar>,
    /// Network namespaces of containers that nobody is in, and since when.
    sandboxes: Lasting<EmptySandbox>,
    /// Since when daemons do not answer.
    away: BTreeMap<String, Timestamp>,
    /// When the process ended that was a daemon's when it answered last.
    ended: BTreeMap<String, Timestamp>,
    /// Last words of daemons that do not answer now.
    last_info: BTreeMap<String, DaemonInfo>,
    networks: BTreeMap<Key, DockerNetwork>,
    /// The same by the names of their bridges: each lost packet asks whose its bridge is.
    bridges: BTreeMap<String, BTreeSet<Key>>,
    containers: Containers,
    /// By daemon, not by network: a project that is made anew gets its subnet back in a new network,
    /// and what is still on its way to the old one's containers meets the new one's bridge. The address comes first:
    /// each lost packet asks, and need not copy the daemon's name.
    departed: BTreeMap<(IpAddr, String), Timestamp>,
    /// Containers that were removed, latest last: their namespaces are followed a while longer.
    removed: VecDeque<ContainerRef>,
    /// When a daemon listed last everything it has, since it answers.
    listed: BTreeMap<String, Timestamp>,
    /// When each network was told of last.
    told: BTreeMap<Key, Timestamp>,
    /// Containers of CI jobs that were removed, with their daemon and when, latest last: what a job
    /// left behind outlives it.
    past_jobs: VecDeque<(String, DockerContainer, Timestamp)>,
    /// Networks that a daemon had and, when it listed everything anew, had no more; latest last.
    lost: VecDeque<DockerNetwork>,
}

impl Docker {
    /// Takes in one input, if it is about docker.
    pub fn apply(&mut self, at: Timestamp, body: &Body) {
        match body {
            Body::Daemon(daemon) => self.set_daemon(at, daemon),
            Body::DaemonFound { daemon, netns } => self.find_daemon(at, daemon, *netns),
            Body::Sidecars(found) => self.sidecars.set(at, found),
            Body::EmptySandboxes(found) => self.sandboxes.set(at, found),
            Body::DaemonGone(daemon) => self.remove_daemon(at, daemon),
            Body::EngineProcessEnded { daemon, pid, .. } => self.end_process(at, daemon, *pid),
            Body::DockerListing {
                daemon,
                networks,
                containers,
            } => {
                self.replace(at, daemon, networks, containers);
            }
            Body::DockerNetwork { daemon, network } => self.set_network(at, daemon, network),
            Body::DockerNetworkGone { daemon, id } => self.remove_network(at, daemon, id),
            Body::DockerContainer { daemon, container } => {
                self.containers.insert(daemon, container);
            }
            Body::DockerContainerGone { daemon, id } => {
                self.remove_containers(at, daemon, |known| known == id);
            }
            Body::History(history) => self.remember(history),
            _ => {}
        }
    }

    /// Every daemon and its state.
    pub fn daemons(&self) -> impl Iterator<Item = (&str, &DaemonStatus)> {
        self.daemons
            .iter()
            .map(|(endpoint, status)| (endpoint.as_str(), status))
    }

    /// Daemons that do not answer: why, and since when.
    pub fn away(&self) -> impl Iterator<Item = (&str, &Unreachable, Timestamp)> {
        self.daemons
            .iter()
            .filter_map(|(endpoint, status)| match status {
                DaemonStatus::Reachable(_) => None,
                DaemonStatus::Unreachable(why) => {
                    let since = self.away.get(endpoint).copied();
                    Some((endpoint.as_str(), why, since.unwrap_or_default()))
                }
            })
    }

    /// When the process of a daemon that does not answer since ended, if that was seen.
    #[must_use]
    pub fn ended(&self, endpoint: &str) -> Option<Timestamp> {
        self.ended.get(endpoint).copied()
    }

    /// Clients that cannot use the daemon beside them, and since when.
    pub fn sidecars(&self) -> impl Iterator<Item = (&Sidecar, Timestamp)> {
        self.sidecars.iter()
    }

    /// Network namespaces of containers that nobody is in, and since when.
    pub fn empty_sandboxes(&self) -> impl Iterator<Item = (&EmptySandbox, Timestamp)> {
        self.sandboxes.iter()
    }

    /// What is known of the daemon, even if it does not answer now.
    #[must_use]
    pub fn info(&self, endpoint: &str) -> Option<&DaemonInfo> {
        self.last_info.get(endpoint)
    }

    /// When the daemon listed last everything it has, if it answers.
    #[must_use]
    pub fn listed(&self, endpoint: &str) -> Option<Timestamp> {
        self.listed.get(endpoint).copied()
    }

    /// When the network was told of last.
    #[must_use]
    pub fn told(&self, endpoint: &str, network: &str) -> Option<Timestamp> {
        let key = (endpoint.to_owned(), network.to_owned());
        self.told.get(&key).copied()
    }

    /// The network behind a bridge of this name that a daemon had, and lost without a word.
    #[must_use]
    pub fn lost_network(&self, bridge: &str) -> Option<&DockerNetwork> {
        let mut latest_first = self.lost.iter().rev();
        latest_first.find(|network| network.has_bridge_name(bridge))
    }

    /// A daemon's containers.
    pub fn containers<'a>(
        &'a self,
        endpoint: &'a str,
    ) -> impl Iterator<Item = &'a DockerContainer> {
        self.containers.of_daemon(endpoint).map(|(_, it)| it)
    }

    /// Containers of CI jobs that were removed, and when.
    pub fn past_jobs<'a>(
        &'a self,
        endpoint: &'a str,
    ) -> impl Iterator<Item = (&'a DockerContainer, Timestamp)> {
        let here = move |(daemon, ..): &&(String, DockerContainer, Timestamp)| daemon == endpoint;
        self.past_jobs
            .iter()
            .filter(here)
            .map(|(_, it, at)| (it, *at))
    }

    /// Namespace the daemon lives in, inode number: as it says, or where it was found.
    #[must_use]
    pub fn place(&self, endpoint: &str) -> Option<u32> {
        let said = self.info(endpoint).and_then(|info| info.netns);
        said.or_else(|| self.places.get(endpoint).copied())
    }

    /// Every network with its daemon's endpoint: that of one which is reached by several is listed once.
    pub fn networks(&self) -> impl Iterator<Item = (&str, &DockerNetwork)> {
        self.networks
            .iter()
            .filter(|((endpoint, _), _)| !self.is_alias(endpoint))
            .map(|((endpoint, _), network)| (endpoint.as_str(), network))
    }

    /// Whether `address` is a container's in that network, or a short while ago was one of any of
    /// the daemon's networks.
    #[must_use]
    pub fn endpoint_known(
        &self,
        at: Timestamp,
        daemon: &str,
        network: &DockerNetwork,
        address: IpAddr,
    ) -> bool {
        network.endpoint_at(address).is_some()
            || self
                .departed_at(daemon, address)
                .is_some_and(|departed| at.since(departed) < MEMORY)
    }

    /// When the address was last taken from a container of the daemon's.
    fn departed_at(&self, daemon: &str, address: IpAddr) -> Option<Timestamp> {
        let all = self.departed.range((address, String::new())..);
        let mut departed = all.take_while(|((of, _), _)| *of == address);
        let found = departed.find(|((_, by), _)| by == daemon);
        found.map(|(_, at)| *at)
    }

    fn end_process(&mut self, at: Timestamp, daemon: &str, pid: u32) {
        if self.info(daemon).is_some_and(|info| info.pid == Some(pid)) {
            self.ended.insert(daemon.to_owned(), at);
        }
    }

    fn set_daemon(&mut self, at: Timestamp, daemon: &Daemon) {
        let endpoint = daemon.endpoint.clone();
        if let DaemonStatus::Reachable(info) = &daemon.status {
            self.away.remove(&endpoint);
            self.ended.remove(&endpoint);
            self.last_info.insert(endpoint, info.as_ref().clone());
        } else {
            // What it has when it is back remains to be seen.
            self.listed.remove(&endpoint);
            self.away.entry(endpoint).or_insert(at);
        }
        self.daemons
            .insert(daemon.endpoint.clone(), daemon.status.clone());
        self.find_aliases();
    }

    /// Of several endpoints of one daemon one that answers speaks for it, if possible one of which it is
    /// known where the daemon lives.
    fn find_aliases(&mut self) {
        let answer = self
            .daemons
            .iter()
            .filter_map(|(endpoint, status)| match status {
                DaemonStatus::Reachable(info) => Some((endpoint, info.as_ref())),
                DaemonStatus::Unreachable(_) => None,
            });
        let mut answer: Vec<(&String, &DaemonInfo)> = answer.collect();
        answer.sort_by_key(|(endpoint, info)| (is_inner(endpoint), info.netns.is_none()));
        let is_alias = |(at, (_, info)): &(usize, &(&String, &DaemonInfo))| {
            let mut before = answer.iter().take(*at);
            before.any(|(_, other)| is_one(info, other))
        };
        let aliases = answer.iter().enumerate().filter(is_alias);
        self.aliases = aliases
            .map(|(_, (endpoint, _))| (*endpoint).clone())
            .collect();
    }

    /// It may hang, and never say itself where it lives.
    fn find_daemon(&mut self, at: Timestamp, daemon: &str, netns: u32) {
        self.places.insert(daemon.to_owned(), netns);
        if !self.daemons.contains_key(daemon) {
            self.set_daemon(
                at,
                &Daemon {
                    endpoint: daemon.to_owned(),
                    status: DaemonStatus::Unreachable(Unreachable::not_yet()),
                },
            );
        }
    }

    fn replace(
        &mut self,
        at: Timestamp,
        daemon: &str,
        networks: &[DockerNetwork],
        containers: &[DockerContainer],
    ) {
        let listed: BTreeSet<&String> = networks.iter().map(|network| &network.id).collect();
        let of_daemon = self.networks().filter(|(endpoint, _)| *endpoint == daemon);
        let lost = of_daemon.filter(|(_, network)| !listed.contains(&network.id));
        let lost: Vec<DockerNetwork> = lost.map(|(_, network)| network.clone()).collect();
        self.lost.extend(lost);
        self.forget_past();
        self.remove_networks(at, daemon, |id| !listed.contains(id));
        for network in networks {
            self.set_network(at, daemon, network);
        }
        let listed: BTreeSet<&String> = containers.iter().map(|it| &it.id).collect();
        self.remove_containers(at, daemon, |id| !listed.contains(id));
        self.listed.insert(daemon.to_owned(), at);
        for container in containers {
            self.containers.insert(daemon, container);
        }
    }

    fn set_network(&mut self, at: Timestamp, daemon: &str, network: &DockerNetwork) {
        let key = (daemon.to_owned(), network.id.clone());
        self.told.insert(key.clone(), at);
        self.forget_bridge(&key);
        let named = self.bridges.entry(network.bridge_name()).or_default();
        named.insert(key.clone());
        if let Some(old) = self.networks.insert(key, network.clone()) {
            let stays = |ip: &IpAddr| network.endpoints.iter().any(|e| e.addresses.contains(ip));
            let left = old
                .endpoints
                .iter()
                .flat_map(|e| &e.addresses)
                .filter(|ip| !stays(ip));
            let left: Vec<IpAddr> = left.copied().collect();
            self.depart(at, daemon, &left);
        }
    }

    fn remove_daemon(&mut self, at: Timestamp, daemon: &str) {
        self.daemons.remove(daemon);
        self.away.remove(daemon);
        self.ended.remove(daemon);
        self.last_info.remove(daemon);
        self.places.remove(daemon);
        self.listed.remove(daemon);
        self.find_aliases();
        self.remove_networks(at, daemon, |_| true);
        self.remove_containers(at, daemon, |_| true);
    }

    fn remove_containers(&mut self, at: Timestamp, daemon: &str, which: impl Fn(&String) -> bool) {
        let known = self.containers.of_daemon(daemon).map(|(key, _)| key);
        let gone: Vec<Key> = known.filter(|(_, id)| which(id)).cloned().collect();
        for container in gone.iter().filter_map(|key| self.containers.remove(key)) {
            self.removed.push_back(ContainerRef::from(&container));
            if jobs::labels::job(&container.labels).is_some() {
                self.past_jobs.push_back((daemon.to_owned(), container, at));
            }
        }
        self.forget_past();
    }

    /// Keeps the latest.
    fn forget_past(&mut self) {
        let excess = |length: usize, most: usize| length.saturating_sub(most);
        self.removed.drain(..excess(self.removed.len(), REMOVED));
        self.past_jobs
            .drain(..excess(self.past_jobs.len(), PAST_JOBS));
        self.lost.drain(..excess(self.lost.len(), LOST));
    }

    fn remove_networks(&mut self, at: Timestamp, daemon: &str, which: impl Fn(&String) -> bool) {
        let gone: Vec<String> = self
            .networks
            .keys()
            .filter(|(endpoint, id)| endpoint == daemon && which(id))
            .map(|(_, id)| id.clone())
            .collect();
        for id in gone {
            self.remove_network(at, daemon, &id);
        }
    }

    fn remove_network(&mut self, at: Timestamp, daemon: &str, id: &str) {
        let key = (daemon.to_owned(), id.to_owned());
        self.told.remove(&key);
        self.forget_bridge(&key);
        if let Some(old) = self.networks.remove(&key) {
            let left: Vec<IpAddr> = old
                .endpoints
                .iter()
                .flat_map(|e| e.addresses.clone())
                .collect();
            self.depart(at, daemon, &left);
        }
    }

    /// The network goes, or may get a bridge of another name.
    fn forget_bridge(&mut self, key: &Key) {
        let Some(known) = self.networks.get(key) else {
            return;
        };
        if let Entry::Occupied(mut named) = self.bridges.entry(known.bridge_name()) {
            named.get_mut().remove(key);
            if named.get().is_empty() {
                named.remove();
            }
        }
    }

    fn depart(&mut self, at: Timestamp, daemon: &str, addresses: &[IpAddr]) {
        if self.departed.len() + addresses.len() > DEPARTED {
            self.departed.retain(|_, left| at.since(*left) < MEMORY);
        }
        for address in addresses {
            self.departed.insert((*address, daemon.to_owned()), at);
        }
    }
}

/// Whether both are one daemon. Old engines keep what they call themselves beside their configuration,
/// which two of them may share; a data root is one daemon's.
fn is_one(one: &DaemonInfo, other: &DaemonInfo) -> bool {
    let agree =
        |one: Option<u32>, other: Option<u32>| one.is_none() || other.is_none() || one == other;
    one.id.is_some()
        && one.data_root.is_some()
        && (&one.id, &one.data_root) == (&other.id, &other.data_root)
        && agree(one.pid, other.pid)
        && agree(one.netns, other.netns)
}

//! Everything known about the host at the moment: namespaces, docker, sockets' owners.

pub mod bridge;
pub mod docker;
pub mod fib;
pub mod jobs;
pub mod kernel_log;
pub mod kills;
mod landmarks;
pub mod namespace;
pub mod peers;
pub mod pools;
pub mod processes;
pub mod rival;
mod snapshot;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use ipnet::IpNet;

use crate::{
    finding::{ContainerRef, NetnsRef, Packet},
    input::{
        Body, DockerEndpoint, DockerNetwork, Landmark, NetChange, Netns, NetnsOwner, Pod, Process,
        Session,
    },
    time::Timestamp,
};

use self::{
    docker::Docker,
    kernel_log::{KernelLog, Line},
    kills::{Kill, Kills},
    landmarks::Landmarks,
    namespace::Namespace,
    peers::Peers,
    pools::Books,
    processes::Processes,
};

/// Owners kept; sockets come and go, and only those of lost packets are asked for.
const SOCKET_OWNERS: usize = 4096;

/// The mirrored state of the host.
#[derive(Clone, Debug, Default)]
pub struct World {
    /// What is true for the whole run.
    pub session: Session,
    /// Docker's side.
    pub docker: Docker,
    /// What the kernel's log said.
    pub kernel_log: KernelLog,
    /// Processes that matter.
    pub processes: Processes,
    /// Which of them were killed lately.
    pub kills: Kills,
    namespaces: BTreeMap<u32, Namespace>,
    owners: BTreeMap<u64, Process>,
    landmarks: Landmarks,
    books: Books,
    peers: BTreeMap<u32, Peers>,
    /// Inputs that said anything new: whoever asked before knows whether to ask again.
    pub(crate) inputs: u64,
    /// Inputs that are not about neighbours: no others change where packets go.
    pub(crate) ways: u64,
    /// When the run began.
    pub(crate) started: Timestamp,
}

impl World {
    /// Takes in one input. Kernel events and counters are none of the world's business.
    pub fn apply(&mut self, at: Timestamp, body: &Body) {
        self.ways += u64::from(!body.is_about_neighbours());
        // Neighbours that nobody hears of come by the thousand in a flood, and are no news.
        let mut news = true;
        match body {
            Body::Session(session) => {
                self.session = session.clone();
                self.started = at;
            }
            Body::Netns(netns) => self.add_netns(netns),
            Body::NetnsGone(inum) => {
                self.namespaces.remove(inum);
                self.peers.remove(inum);
            }
            Body::Peers { netns, peers } => {
                self.peers.insert(*netns, Peers::new(peers));
            }
            Body::Net { netns, change } => {
                self.note_departure(*netns, change);
                let namespace = self.namespaces.entry(*netns).or_default();
                news = namespace.apply(at, change);
            }
            Body::SocketOwner {
                inode,
                process,
                landmarks,
            } => self.add_owner(*inode, process, landmarks),
            Body::Process(info) => self.processes.set(at, info),
            Body::ProcessGone(pid) => self.processes.end(at, *pid),
            Body::JobProcesses(all) => self.processes.set_jobs(all),
            Body::Landmarks(landmarks) => self.landmarks.set_host(landmarks),
            Body::KernelLog { text, by_kernel } => self.kernel_log.add(at, text, *by_kernel),
            _ => self.docker.apply(at, body),
        }
        self.inputs += u64::from(news);
        self.keep_books(body);
    }

    /// An end of a veth that leaves is the only trace of which one goes on under another name elsewhere.
    fn note_departure(&mut self, netns: u32, change: &NetChange) {
        let NetChange::LinkGone(ifindex) = change else {
            return;
        };
        let namespace = self.namespaces.get(&netns);
        let Some(link) = namespace.and_then(|namespace| namespace.link(*ifindex)) else {
            return;
        };
        let peer = link.peer.as_ref().filter(|peer| peer.nsid.is_none());
        if let Some(peer) = peer {
            self.kernel_log.depart(netns, &link.name, peer.ifindex);
        }
    }

    /// The namespace with this inode number, if anything is known of it.
    #[must_use]
    pub fn namespace(&self, inum: u32) -> Option<&Namespace> {
        self.namespaces.get(&inum)
    }

    /// Every namespace of which links and routes are known, by inode number.
    pub fn namespaces(&self) -> impl Iterator<Item = (u32, &Namespace)> {
        let all = self.namespaces.iter();
        all.filter(|(_, namespace)| namespace.synced)
            .map(|(inum, namespace)| (*inum, namespace))
    }

    /// Namespaces that cannot be read, by inode number, and why.
    pub fn unreadable(&self) -> impl Iterator<Item = (u32, &str)> {
        let all = self.namespaces.iter();
        all.filter_map(|(inum, namespace)| Some((*inum, namespace.unreadable.as_deref()?)))
    }

    /// Who is in use from the namespace, if that is known.
    #[must_use]
    pub fn peers(&self, netns: u32) -> Option<&Peers> {
        self.peers.get(&netns)
    }

    /// What the host itself, or a daemon there, is configured to use in the namespace `netns`, and whose
    /// address lies in `prefix`.
    pub fn landmarks_in(&self, netns: u32, prefix: IpNet) -> impl Iterator<Item = &Landmark> {
        let host = (netns == self.session.netns).then(|| self.landmarks.host_in(prefix));
        host.into_iter()
            .flatten()
            .chain(self.docker.landmarks_in(netns, prefix))
    }

    /// Who holds the socket.
    #[must_use]
    pub fn owner(&self, inode: u64) -> Option<&Process> {
        self.owners.get(&inode)
    }

    /// The last kill of a process that was busy with this compose project.
    #[must_use]
    pub fn kill_of_project(&self, project: &str) -> Option<&Kill> {
        self.kills.of_project(project)
    }

    /// The container with this id, known or not.
    #[must_use]
    pub fn container(&self, id: &str) -> ContainerRef {
        let known = self.docker.container_ref(id);
        known.unwrap_or_else(|| ContainerRef {
            id: id.to_owned(),
            name: String::new(),
            service: None,
        })
    }

    /// What the host itself or a daemon uses the address as.
    fn landmark(&self, netns: u32, address: IpAddr) -> Option<&Landmark> {
        // The host's files say nothing of a container's network, nor do strangers' of the host's.
        let host = (netns == self.session.netns).then(|| self.landmarks.host(address));
        host.flatten()
            .or_else(|| self.docker.landmark(netns, address))
    }

    /// Addresses that the host's own files, and the daemons of the namespace `netns`, are configured
    /// to use.
    pub fn outsiders(&self, netns: u32) -> impl Iterator<Item = IpAddr> {
        let daemons = self.docker.daemons_in(netns);
        let infos = daemons.filter_map(|(daemon, _)| self.docker.info(daemon));
        let theirs = infos.flat_map(|info| {
            let nameservers = info.nameservers.iter().flatten().copied();
            nameservers.chain(info.landmarks.iter().map(|it| it.address))
        });
        let own = self.landmarks.of_host().iter().map(|it| it.address);
        own.chain(theirs)
    }

    /// What the address is used as in the namespace `netns`: by the owner of the socket, by the host
    /// itself, or by a daemon.
    #[must_use]
    pub fn landmark_for(
        &self,
        netns: u32,
        inode: Option<u64>,
        address: IpAddr,
    ) -> Option<&Landmark> {
        let own = inode.and_then(|inode| self.landmarks.of_socket(inode, address));
        own.or_else(|| self.landmark(netns, address))
    }

    /// The container that sent a packet which came in by `iif`, with its network and the endpoint of that
    /// one's daemon. The reply of a published port has the host's address by the time it leaves.
    #[must_use]
    pub fn sender(
        &self,
        netns: u32,
        iif: u32,
        packet: Packet,
    ) -> Option<(&str, &DockerNetwork, &DockerEndpoint)> {
        let known = self.docker.container_at(netns, packet.source);
        known.or_else(|| {
            let bridge = &self.namespace(netns)?.link(iif)?.name;
            let (sport, _) = packet.ports?;
            self.docker.publisher(netns, bridge, packet.proto, sport)
        })
    }

    /// Lines of the kernel's log about the device, oldest first. The log does not say of which namespace
    /// a device is: where another one has a device of that name as well, nobody knows.
    pub fn kernel_log_of<'a>(
        &'a self,
        netns: u32,
        device: &'a str,
    ) -> impl DoubleEndedIterator<Item = &'a Line> {
        let clear = self.is_only_here(netns, device);
        let lines = self.kernel_log.lines();
        lines.filter(move |line| clear && line.by_kernel && line.note.names(device))
    }

    /// Whether no other namespace has a device of this name.
    fn is_only_here(&self, netns: u32, device: &str) -> bool {
        let mut others = self.namespaces.iter().filter(|(inum, _)| **inum != netns);
        others.all(|(_, namespace)| namespace.link_named(device).is_none())
    }

    /// The namespace for people: `host`, or whose it is.
    #[must_use]
    pub fn netns_ref(&self, inum: u32) -> NetnsRef {
        let owner = self.namespace(inum).and_then(|ns| ns.owner.as_ref());
        self.netns_ref_of(inum, owner)
    }

    /// [`World::netns_ref`] of a namespace that need not be followed.
    #[must_use]
    pub fn netns_ref_of(&self, inum: u32, owner: Option<&NetnsOwner>) -> NetnsRef {
        let owner = owner.filter(|_| inum != self.session.netns);
        let container = match owner {
            Some(NetnsOwner::Container { id, .. }) => self.docker.container_ref(id),
            _ => None,
        };
        let owner = match (owner, &container) {
            _ if inum == self.session.netns => "host".to_owned(),
            (_, Some(container)) => format!("container {}", container.name),
            (owner, None) => owner_text(owner),
        };
        NetnsRef {
            inum,
            owner,
            container,
        }
    }

    /// Prefixes routed into bridges that could swallow something, over all namespaces.
    #[must_use]
    pub fn bridge_prefixes(&self) -> BTreeSet<IpNet> {
        self.namespaces
            .values()
            .flat_map(Namespace::bridge_prefixes)
            .collect()
    }

    /// Bridges that could swallow something, over all namespaces.
    #[must_use]
    pub fn bridge_count(&self) -> usize {
        self.namespaces
            .values()
            .map(|ns| ns.bridges().count())
            .sum()
    }

    /// Namespaces whose links and routes are known.
    #[must_use]
    pub fn namespace_count(&self) -> usize {
        self.namespaces.values().filter(|ns| ns.synced).count()
    }

    fn add_netns(&mut self, netns: &Netns) {
        let namespace = self.namespaces.entry(netns.inum).or_default();
        namespace.owner = Some(netns.owner.clone());
        namespace.unreadable.clone_from(&netns.unreadable);
        namespace.variables.clone_from(&netns.variables);
    }

    fn add_owner(&mut self, inode: u64, process: &Process, landmarks: &[Landmark]) {
        if self.owners.len() >= SOCKET_OWNERS
            && let Some((oldest, _)) = self.owners.pop_first()
        {
            self.landmarks.forget_socket(oldest);
        }
        self.owners.insert(inode, process.clone());
        self.landmarks.set_socket(inode, landmarks);
    }
}

fn owner_text(owner: Option<&NetnsOwner>) -> String {
    match owner {
        Some(NetnsOwner::Host) => "host".to_owned(),
        Some(NetnsOwner::Named(name)) => format!("netns {name}"),
        Some(NetnsOwner::Process(process)) => format!("process {} ({})", process.pid, process.name),
        Some(NetnsOwner::Container { pod: Some(pod), .. }) => pod_text(pod),
        Some(NetnsOwner::Container { id, .. }) => {
            format!("container {}", id.get(..12).unwrap_or(id))
        }
        Some(NetnsOwner::Unknown) | None => "unknown".to_owned(),
    }
}

fn pod_text(pod: &Pod) -> String {
    let pod_itself = format!("pod {}/{}", pod.namespace, pod.name);
    match &pod.container {
        Some(container) => format!("{pod_itself} (container {container})"),
        None => pod_itself,
    }
}

#[cfg(test)]
mod tests;

//! Everything known about the host at the moment: namespaces, docker, sockets' owners.

pub mod bridge;
pub mod docker;
pub mod fib;
pub mod namespace;
pub mod rival;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use ipnet::IpNet;

use crate::{
    finding::NetnsRef,
    input::{Body, Landmark, Netns, NetnsOwner, Process, Session},
    time::Timestamp,
};

use self::{docker::Docker, namespace::Namespace};

/// Owners kept; sockets come and go, and only those of lost packets are asked for.
const SOCKET_OWNERS: usize = 4096;

/// The mirrored state of the host.
#[derive(Clone, Debug, Default)]
pub struct World {
    /// What is true for the whole run.
    pub session: Session,
    /// Docker's side.
    pub docker: Docker,
    namespaces: BTreeMap<u32, Namespace>,
    owners: BTreeMap<u64, Process>,
}

impl World {
    /// Takes in one input. Kernel events and counters are none of the world's business.
    pub fn apply(&mut self, at: Timestamp, body: &Body) {
        match body {
            Body::Session(session) => self.session = session.clone(),
            Body::Netns(netns) => self.add_netns(netns),
            Body::NetnsGone(inum) => drop(self.namespaces.remove(inum)),
            Body::Net { netns, change } => {
                let namespace = self.namespaces.entry(*netns).or_default();
                namespace.apply(at, change);
            }
            Body::SocketOwner { inode, process, .. } => self.add_owner(*inode, process),
            _ => self.docker.apply(at, body),
        }
    }

    /// The namespace with this inode number, if anything is known of it.
    #[must_use]
    pub fn namespace(&self, inum: u32) -> Option<&Namespace> {
        self.namespaces.get(&inum)
    }

    /// Who holds the socket.
    #[must_use]
    pub fn owner(&self, inode: u64) -> Option<&Process> {
        self.owners.get(&inode)
    }

    /// What the address is configured as, by the holder of the socket or on the host.
    #[must_use]
    pub fn landmark_for(&self, _inode: Option<u64>, _address: IpAddr) -> Option<&Landmark> {
        None
    }

    /// The namespace for people: `host`, or whose it is.
    #[must_use]
    pub fn netns_ref(&self, inum: u32) -> NetnsRef {
        let owner = match self.namespace(inum).and_then(|ns| ns.owner.as_ref()) {
            _ if inum == self.session.netns => "host".to_owned(),
            Some(NetnsOwner::Host) => "host".to_owned(),
            Some(NetnsOwner::Named(name)) => format!("netns {name}"),
            Some(NetnsOwner::Process(process)) => {
                format!("process {} ({})", process.pid, process.name)
            }
            Some(NetnsOwner::Container { id, .. }) => format!("container {id}"),
            Some(NetnsOwner::Unknown) | None => "unknown".to_owned(),
        };
        NetnsRef {
            inum,
            owner,
            container: None,
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
    }

    fn add_owner(&mut self, inode: u64, process: &Process) {
        if self.owners.len() >= SOCKET_OWNERS {
            self.owners.pop_first();
        }
        self.owners.insert(inode, process.clone());
    }
}

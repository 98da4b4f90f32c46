//! Who is in use from a namespace, in the order of addresses: what a prefix covers is found at once.

use std::{collections::BTreeMap, net::IpAddr};

use ipnet::IpNet;

use crate::input::{self, Connection, Login};

/// Remote addresses in use.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Peers {
    connections: BTreeMap<IpAddr, Connection>,
    logins: BTreeMap<IpAddr, Login>,
    /// What could not be read.
    pub unread: Vec<String>,
    /// Sockets that found no room.
    pub more: u64,
}

impl Peers {
    pub(super) fn new(peers: &input::Peers) -> Self {
        let connections = peers.connections.iter();
        let logins = peers.logins.iter();
        Self {
            connections: connections.map(|it| (it.remote.ip(), *it)).collect(),
            logins: logins.map(|it| (it.address, it.clone())).collect(),
            unread: peers.unread.clone(),
            more: peers.more,
        }
    }

    /// As they were told.
    pub(super) fn snapshot(&self) -> input::Peers {
        input::Peers {
            connections: self.connections.values().copied().collect(),
            logins: self.logins.values().cloned().collect(),
            unread: self.unread.clone(),
            more: self.more,
        }
    }

    /// Remote addresses with an established connection.
    #[must_use]
    pub fn connected(&self) -> usize {
        self.connections.len()
    }

    /// Whoever is connected or logged in.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.connections.keys().chain(self.logins.keys()).copied()
    }

    /// Connections to addresses in the prefix.
    pub fn connections_in(&self, prefix: IpNet) -> impl Iterator<Item = &Connection> {
        let range = prefix.network()..=prefix.broadcast();
        self.connections.range(range).map(|(_, it)| it)
    }

    /// Logins from addresses in the prefix.
    pub fn logins_in(&self, prefix: IpNet) -> impl Iterator<Item = &Login> {
        let range = prefix.network()..=prefix.broadcast();
        self.logins.range(range).map(|(_, it)| it)
    }
}

//! Who is in use from a network namespace.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// Remote addresses in use; the complete list, as far as it could be read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peers {
    /// An established connection with each, by remote address.
    pub connections: Vec<Connection>,
    /// Sockets whose remote address found no room in the list.
    #[serde(default)]
    pub more: u64,
    /// The latest login from each address.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub logins: Vec<Login>,
    /// What could not be read, each a phrase in plain words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<String>,
}

/// A connected socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// IP protocol number.
    pub proto: u8,
    /// This end.
    pub local: SocketAddr,
    /// The other end.
    pub remote: SocketAddr,
    /// Inode of the socket.
    pub inode: u64,
}

impl Connection {
    /// The port by which it is recognised: that of the end that was called, most likely.
    #[must_use]
    pub fn service_port(&self) -> u16 {
        self.local.port().min(self.remote.port())
    }
}

/// Somebody logged in from elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    /// From where.
    pub address: IpAddr,
    /// Who. Hostile text.
    pub user: String,
    /// When.
    pub at: Timestamp,
}

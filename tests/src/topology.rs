//! Three machines: a developer's PC, a router, and the server that runs docker.
//!
//! ```text
//! pc 172.22.10.119/24 ── 172.22.10.1 router 172.42.10.1 ── eno8303 172.42.10.112/24 srv
//! ```
//!
//! The addresses are those of the outage in which a compose project was given
//! 172.22.0.0/16 and the server's replies to the PC went into its bridge. With
//! [`Builder::dual`] every machine also has the like address of fd00::/8:
//!
//! ```text
//! pc fd00:172:22:10::119/64 ── ::1 router ::1 ── eno8303 fd00:172:42:10::112/64 srv
//! ```

mod builder;
mod script;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use anyhow::Result;

use crate::{Netns, peers, wait_until};

pub use builder::{Builder, LOOSE, STRICT};

/// The developer's PC.
pub const PC: Ipv4Addr = Ipv4Addr::new(172, 22, 10, 119);
/// The developer's PC in IPv6. See [`Builder::dual`].
pub const PC6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0x172, 0x22, 0x10, 0, 0, 0, 0x119);
/// The server.
pub const SRV: Ipv4Addr = Ipv4Addr::new(172, 42, 10, 112);
/// The server in IPv6. See [`Builder::dual`].
pub const SRV6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0x172, 0x42, 0x10, 0, 0, 0, 0x112);
/// The server's twin, a neighbour on its own LAN. See [`Builder::neighbour`].
pub const TWIN: Ipv4Addr = Ipv4Addr::new(172, 42, 10, 110);
/// The router on the PC's side.
pub const PC_GATEWAY: Ipv4Addr = Ipv4Addr::new(172, 22, 10, 1);
/// The router on the PC's side in IPv6.
pub const PC_GATEWAY6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0x172, 0x22, 0x10, 0, 0, 0, 1);
/// The router on the server's side: the gateway of the server's default route.
pub const SRV_GATEWAY: Ipv4Addr = Ipv4Addr::new(172, 42, 10, 1);
/// The router on the server's side in IPv6.
pub const SRV_GATEWAY6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0x172, 0x42, 0x10, 0, 0, 0, 1);
/// The network that docker gave away in the outage: it covers [`PC`].
pub const COLLISION: &str = "172.22.0.0/16";
/// The PC's own IPv6 network: given to a docker network, it covers [`PC6`].
pub const COLLISION6: &str = "fd00:172:22:10::/64";
/// The server's physical port.
pub const UPLINK: &str = "eno8303";
/// The bridge that carries the uplink, if the topology has one.
pub const UPLINK_BRIDGE: &str = "br0";

/// The three namespaces, connected.
#[derive(Debug)]
pub struct Topology {
    /// The developer's PC.
    pub pc: Netns,
    /// The router between the two networks.
    pub router: Netns,
    /// The server.
    pub srv: Netns,
}

impl Topology {
    /// The plain topology; returns once the PC reaches the server.
    pub fn new() -> Result<Self> {
        Self::builder().build()
    }

    /// The topology in both IPv4 and IPv6.
    pub fn dual() -> Result<Self> {
        Self::builder().dual().build()
    }

    /// The topology with variations.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// All namespaces, for a dump of the world.
    pub fn namespaces(&self) -> [&Netns; 3] {
        [&self.pc, &self.router, &self.srv]
    }

    fn wait_connected(&self, server: impl Into<IpAddr>) -> Result<()> {
        let server = server.into();
        let what = format!("the PC to reach {server}");
        wait_until(&what, Duration::from_secs(10), || {
            peers::reachable(&self.pc, server)
        })
    }
}

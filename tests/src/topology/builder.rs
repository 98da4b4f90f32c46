//! How the three machines are made.

use std::net::IpAddr;

use anyhow::Result;

use super::script::Scripts;
use super::{SRV, SRV6, Topology, UPLINK};
use crate::Netns;

/// A reverse path filter that takes any way back for good (`rp_filter`).
pub const LOOSE: u8 = 2;
/// One that asks for the way back by which the packet came.
pub const STRICT: u8 = 1;

/// Variations of the topology.
#[derive(Clone, Debug, Default)]
pub struct Builder {
    pub(super) peers: Vec<IpAddr>,
    pub(super) neighbours: Vec<IpAddr>,
    pub(super) bridged_uplink: bool,
    pub(super) dual: bool,
    rp_filter: u8,
}

impl Builder {
    /// A further client behind the router: one more address of the PC. It may lie
    /// outside the PC's subnet. One of IPv6 needs [`Builder::dual`].
    pub fn peer(self, address: impl Into<IpAddr>) -> Self {
        self.peers([address])
    }

    /// Like [`Builder::peer`], for many.
    pub fn peers(mut self, addresses: impl IntoIterator<Item = impl Into<IpAddr>>) -> Self {
        self.peers.extend(addresses.into_iter().map(Into::into));
        self
    }

    /// A neighbour on the server's own LAN, such as [`TWIN`](super::TWIN): one more
    /// address of the router, which the server reaches without a gateway. Ping from it
    /// with [`reachable_from`](crate::peers::reachable_from).
    pub fn neighbour(mut self, address: impl Into<IpAddr>) -> Self {
        self.neighbours.push(address.into());
        self
    }

    /// Makes the server's uplink a bridge that carries the address and the default
    /// route, with the physical port in it, as on hosts of virtual machines.
    pub fn bridged_uplink(mut self) -> Self {
        self.bridged_uplink = true;
        self
    }

    /// Gives every machine an address and a default route of IPv6 too. No router
    /// advertises anything, and no address waits to be found unique.
    pub fn dual(mut self) -> Self {
        self.dual = true;
        self
    }

    /// The server's reverse path filter: [`LOOSE`], [`STRICT`], or 0 (off), as it is unless asked.
    pub fn rp_filter(mut self, mode: u8) -> Self {
        self.rp_filter = mode;
        self
    }

    /// Makes the namespaces and connects them; returns once the PC reaches the server.
    pub fn build(self) -> Result<Topology> {
        let (pc, router, srv) = (Netns::new("pc")?, Netns::new("router")?, Netns::new("srv")?);
        let topology = Topology { pc, router, srv };
        // Before there are devices: each takes its own setting from the default.
        self.configure(&topology)?;
        self.connect(&topology)?;
        topology.wait_connected(SRV)?;
        if self.dual {
            topology.wait_connected(SRV6)?;
        }
        Ok(topology)
    }

    fn configure(&self, topology: &Topology) -> Result<()> {
        let Topology { pc, router, srv } = topology;
        for (netns, mode) in [(pc, 0), (router, 0), (srv, self.rp_filter)] {
            for scope in ["all", "default"] {
                let key = format!("net.ipv4.conf.{scope}.rp_filter");
                netns.sysctl(&key, &mode.to_string())?;
            }
            if self.dual {
                configure_v6(netns)?;
            }
        }
        router.sysctl("net.ipv4.ip_forward", "1")?;
        if self.dual {
            router.sysctl("net.ipv6.conf.all.forwarding", "1")?;
        }
        Ok(())
    }

    fn connect(&self, topology: &Topology) -> Result<()> {
        let Topology { pc, router, srv } = topology;
        router.ip(&format!(
            "link add lan-pc type veth peer name eth0 netns {}\n\
             link add lan-srv type veth peer name {UPLINK} netns {}",
            pc.name(),
            srv.name(),
        ))?;
        let scripts = Scripts::new(self);
        srv.ip(&scripts.srv)?;
        pc.ip(&scripts.pc)?;
        router.ip(&scripts.router)
    }
}

/// IPv6 on, whatever the machine's own default is, without anything that takes time:
/// duplicate address detection alone would be a second per address.
fn configure_v6(netns: &Netns) -> Result<()> {
    netns.enable_ipv6()?;
    for key in ["accept_ra", "accept_dad", "router_solicitations"] {
        netns.sysctl(&format!("net.ipv6.conf.default.{key}"), "0")?;
    }
    netns.sysctl("net.ipv6.conf.all.accept_ra", "0")
}

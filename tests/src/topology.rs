//! Three machines: a developer's PC, a router, and the server that runs docker.
//!
//! ```text
//! pc 172.22.10.119/24 ── 172.22.10.1 router 172.42.10.1 ── eno8303 172.42.10.112/24 srv
//! ```
//!
//! The addresses are those of the outage in which a compose project was given
//! 172.22.0.0/16 and the server's replies to the PC went into its bridge.

use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::Result;

use crate::{Netns, peers, wait_until};

/// The developer's PC.
pub const PC: Ipv4Addr = Ipv4Addr::new(172, 22, 10, 119);
/// The server.
pub const SRV: Ipv4Addr = Ipv4Addr::new(172, 42, 10, 112);
/// The server's twin, a neighbour on its own LAN. See [`Builder::neighbour`].
pub const TWIN: Ipv4Addr = Ipv4Addr::new(172, 42, 10, 110);
/// The router on the PC's side.
pub const PC_GATEWAY: Ipv4Addr = Ipv4Addr::new(172, 22, 10, 1);
/// The router on the server's side: the gateway of the server's default route.
pub const SRV_GATEWAY: Ipv4Addr = Ipv4Addr::new(172, 42, 10, 1);
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

/// Variations of the topology.
#[derive(Clone, Debug, Default)]
pub struct Builder {
    peers: Vec<Ipv4Addr>,
    neighbours: Vec<Ipv4Addr>,
    bridged_uplink: bool,
    rp_filter: u8,
}

impl Topology {
    /// The plain topology; returns once the PC reaches the server.
    pub fn new() -> Result<Self> {
        Self::builder().build()
    }

    /// The topology with variations.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// All namespaces, for a dump of the world.
    pub fn namespaces(&self) -> [&Netns; 3] {
        [&self.pc, &self.router, &self.srv]
    }
}

impl Builder {
    /// A further client behind the router: one more address of the PC. It may lie
    /// outside the PC's subnet.
    pub fn peer(mut self, address: Ipv4Addr) -> Self {
        self.peers.push(address);
        self
    }

    /// Like [`Builder::peer`], for many.
    pub fn peers(mut self, addresses: impl IntoIterator<Item = Ipv4Addr>) -> Self {
        self.peers.extend(addresses);
        self
    }

    /// A neighbour on the server's own LAN, such as [`TWIN`]: one more address of the
    /// router, which the server reaches without a gateway. Ping from it with
    /// [`peers::reachable_from`].
    pub fn neighbour(mut self, address: Ipv4Addr) -> Self {
        self.neighbours.push(address);
        self
    }

    /// Makes the server's uplink a bridge that carries the address and the default
    /// route, with the physical port in it, as on hosts of virtual machines.
    pub fn bridged_uplink(mut self) -> Self {
        self.bridged_uplink = true;
        self
    }

    /// The server's reverse path filter: 0 off (unless asked), 1 strict, 2 loose.
    pub fn rp_filter(mut self, mode: u8) -> Self {
        self.rp_filter = mode;
        self
    }

    /// Makes the namespaces and connects them; returns once the PC reaches the server.
    pub fn build(self) -> Result<Topology> {
        let (pc, router, srv) = (Netns::new("pc")?, Netns::new("router")?, Netns::new("srv")?);
        // Before there are devices: each takes its own setting from the default.
        for (netns, mode) in [(&pc, 0), (&router, 0), (&srv, self.rp_filter)] {
            for scope in ["all", "default"] {
                netns.sysctl(
                    &format!("net.ipv4.conf.{scope}.rp_filter"),
                    &mode.to_string(),
                )?;
            }
        }
        router.sysctl("net.ipv4.ip_forward", "1")?;
        router.ip(&format!(
            "link add lan-pc type veth peer name eth0 netns {}\n\
             link add lan-srv type veth peer name {UPLINK} netns {}",
            pc.name(),
            srv.name(),
        ))?;
        srv.ip(&self.srv_script())?;
        pc.ip(&self.pc_script())?;
        router.ip(&self.router_script())?;
        let topology = Topology { pc, router, srv };
        topology.wait_connected()?;
        Ok(topology)
    }

    fn pc_script(&self) -> String {
        let mut script = format!(
            "link set eth0 up\n\
             address add {PC}/24 dev eth0\n\
             route add default via {PC_GATEWAY}\n"
        );
        for peer in &self.peers {
            line(&mut script, &format!("address add {peer}/32 dev eth0"));
        }
        script
    }

    fn router_script(&self) -> String {
        let mut script = format!(
            "link set lan-pc up\n\
             link set lan-srv up\n\
             address add {PC_GATEWAY}/24 dev lan-pc\n\
             address add {SRV_GATEWAY}/24 dev lan-srv\n"
        );
        for peer in &self.peers {
            line(&mut script, &format!("route add {peer}/32 via {PC}"));
        }
        for neighbour in &self.neighbours {
            line(
                &mut script,
                &format!("address add {neighbour}/32 dev lan-srv"),
            );
        }
        script
    }

    fn srv_script(&self) -> String {
        let mut script = format!("link set {UPLINK} up\n");
        let carrier = if self.bridged_uplink {
            line(
                &mut script,
                &format!("link add {UPLINK_BRIDGE} type bridge stp_state 0"),
            );
            line(
                &mut script,
                &format!("link set {UPLINK_BRIDGE} type bridge forward_delay 0"),
            );
            line(
                &mut script,
                &format!("link set {UPLINK} master {UPLINK_BRIDGE}"),
            );
            line(&mut script, &format!("link set {UPLINK_BRIDGE} up"));
            UPLINK_BRIDGE
        } else {
            UPLINK
        };
        line(&mut script, &format!("address add {SRV}/24 dev {carrier}"));
        line(&mut script, &format!("route add default via {SRV_GATEWAY}"));
        script
    }
}

impl Topology {
    fn wait_connected(&self) -> Result<()> {
        wait_until(
            "the PC to reach the server",
            Duration::from_secs(10),
            || peers::reachable(&self.pc, SRV),
        )
    }
}

fn line(script: &mut String, text: &str) {
    // Writing to a String cannot fail.
    writeln!(script, "{text}").ok();
}

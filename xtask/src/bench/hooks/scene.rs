//! A healthy host: the lab's topology in both families, a daemon, a network, and a container in it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

use anyhow::Result;
use bridgetrace_lab::firewall::dropped;
use bridgetrace_lab::topology::{PC, PC6, SRV};
use bridgetrace_lab::{Container, Dockerd, Netns, Service, Topology, wait_until};

use crate::bench::traffic::sink;
use crate::interrupt;

/// Where nobody reads what comes.
pub(in crate::bench) const PORT: u16 = 9;
/// An address of the loopback that the server's firewall drops.
pub(super) const FORBIDDEN: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const NETWORK: &str = "bench";
const SUBNET: &str = "10.202.0.0/24";
const SUBNET6: &str = "fd00:202::/64";

pub(in crate::bench) struct Scene {
    pub(in crate::bench) daemon: Dockerd,
    pub(in crate::bench) lab: Topology,
    container: IpAddr,
    container6: IpAddr,
    /// Its namespace.
    pub(super) netns: Netns,
    _sinks: [UdpSocket; 2],
}

impl Scene {
    /// Where the container takes datagrams and answers none.
    pub(in crate::bench) fn sink(&self) -> SocketAddr {
        SocketAddr::new(self.container, PORT)
    }

    /// The same over IPv6.
    pub(super) fn sink6(&self) -> SocketAddr {
        SocketAddr::new(self.container6, PORT)
    }

    /// Packets that came to the container so far.
    pub(in crate::bench) fn arrived(&self) -> Result<u64> {
        dropped(&self.netns, "iptables", "raw", "PREROUTING")
    }

    pub(in crate::bench) fn raise() -> Result<Self> {
        let lab = Topology::dual()?;
        interrupt::check()?;
        let daemon = Dockerd::start(&lab.srv)?;
        daemon.import_busybox()?;
        daemon.create_network(NETWORK, &[SUBNET, SUBNET6])?;
        let container = Service::idle("sink").network(NETWORK).run(&daemon)?;
        let (netns, address) = (container.netns()?, container.address(NETWORK)?);
        let address6 = container.address6(NETWORK)?;
        open_the_way(&lab, &container)?;
        // Before the container routes what comes: only lookups of the server are to be counted.
        run(&netns, "iptables -t raw -A PREROUTING -j DROP")?;
        // Not whoever asks for its address.
        run(&netns, "ip6tables -t raw -A PREROUTING -p udp -j DROP")?;
        run(
            &lab.srv,
            &format!("iptables -A OUTPUT -d {FORBIDDEN} -j DROP"),
        )?;
        let sinks = [
            sink(&lab.pc, (PC, PORT).into())?,
            sink(&lab.pc, (PC6, PORT).into())?,
        ];
        Ok(Self {
            daemon,
            lab,
            container: address,
            container6: address6,
            netns,
            _sinks: sinks,
        })
    }
}

/// The router may speak to the container, as to a machine behind the server; returns when it can.
fn open_the_way(lab: &Topology, container: &Container) -> Result<()> {
    run(&lab.router, &format!("ip route add {SUBNET} via {SRV}"))?;
    run(&lab.srv, "iptables -I DOCKER-USER -j ACCEPT")?;
    let address = container.address(NETWORK)?;
    wait_until(
        "the router to reach the container",
        std::time::Duration::from_secs(10),
        || bridgetrace_lab::peers::reachable(&lab.router, address),
    )
}

fn run(netns: &Netns, line: &str) -> Result<()> {
    let words: Vec<&str> = line.split(' ').collect();
    netns.run(&words).map(drop)
}

//! The machines reach each other, whichever way the server's uplink is built.

use std::net::Ipv4Addr;

use anyhow::{Result, ensure};
use bridgetrace_lab::topology::{PC, SRV, STRICT, TWIN, UPLINK, UPLINK_BRIDGE};
use bridgetrace_lab::{Topology, peers, preflight};

#[test]
fn every_peer_reaches_the_server_and_back() -> Result<()> {
    preflight::require()?;
    let (near, far) = (Ipv4Addr::new(172, 22, 10, 120), Ipv4Addr::new(10, 99, 0, 7));
    let lab = Topology::builder()
        .peers([near, far])
        .neighbour(TWIN)
        .build()?;
    ensure!(peers::ping(&lab.pc, SRV, 3)?.received == 3);
    ensure!(peers::reachable(&lab.srv, PC)?);
    for peer in [near, far] {
        ensure!(peers::reachable_from(&lab.pc, peer, SRV)?, "{peer}");
    }
    ensure!(peers::reachable_from(&lab.router, TWIN, SRV)?);
    let route = lab.srv.run(&["ip", "route", "get", &TWIN.to_string()])?;
    ensure!(!route.contains("via"), "the twin is no neighbour: {route}");
    Ok(())
}

#[test]
fn the_uplink_may_be_a_bridge() -> Result<()> {
    preflight::require()?;
    let lab = Topology::builder().bridged_uplink().build()?;
    let route = lab.srv.run(&["ip", "route", "get", &PC.to_string()])?;
    ensure!(route.contains(&format!("dev {UPLINK_BRIDGE}")), "{route}");
    let port = lab.srv.run(&["ip", "link", "show", UPLINK])?;
    ensure!(port.contains(&format!("master {UPLINK_BRIDGE}")), "{port}");
    Ok(())
}

#[test]
fn the_reverse_path_filter_is_set_before_the_devices_are_made() -> Result<()> {
    preflight::require()?;
    let lab = Topology::builder().rp_filter(STRICT).build()?;
    let device = format!("net/ipv4/conf/{UPLINK}/rp_filter");
    ensure!(lab.srv.read_sysctl(&device)? == "1");
    ensure!(lab.pc.read_sysctl("net.ipv4.conf.eth0.rp_filter")? == "0");
    ensure!(lab.srv.read_sysctl("net.ipv4.ip_forward")? == "0");
    Ok(())
}

#[test]
fn namespaces_are_told_apart_by_their_inode_numbers() -> Result<()> {
    preflight::require()?;
    let lab = Topology::new()?;
    let seen = lab.srv.run(&["readlink", "/proc/self/ns/net"])?;
    ensure!(seen == format!("net:[{}]", lab.srv.inum()), "{seen}");
    let thread = lab
        .pc
        .enter(|| std::fs::read_link("/proc/thread-self/ns/net"))??;
    ensure!(
        thread.to_string_lossy() == format!("net:[{}]", lab.pc.inum()),
        "{thread:?}"
    );
    Ok(())
}

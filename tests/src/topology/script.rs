//! The `ip -batch` scripts that give the machines their addresses and routes.

use std::fmt::Write as _;
use std::net::IpAddr;

use super::{Builder, PC, PC_GATEWAY, PC_GATEWAY6, PC6, UPLINK, UPLINK_BRIDGE};
use super::{SRV, SRV_GATEWAY, SRV_GATEWAY6, SRV6};

/// One script per machine.
pub(super) struct Scripts {
    pub(super) pc: String,
    pub(super) router: String,
    pub(super) srv: String,
}

impl Scripts {
    pub(super) fn new(builder: &Builder) -> Self {
        Self {
            pc: pc(builder),
            router: router(builder),
            srv: srv(builder),
        }
    }
}

fn pc(builder: &Builder) -> String {
    let mut script = String::from("link set eth0 up\n");
    address(&mut script, PC.into(), "eth0");
    line(&mut script, &format!("route add default via {PC_GATEWAY}"));
    if builder.dual {
        address(&mut script, PC6.into(), "eth0");
        line(&mut script, &format!("route add default via {PC_GATEWAY6}"));
    }
    for peer in &builder.peers {
        host_address(&mut script, *peer, "eth0");
    }
    script
}

fn router(builder: &Builder) -> String {
    let mut script = String::from("link set lan-pc up\nlink set lan-srv up\n");
    address(&mut script, PC_GATEWAY.into(), "lan-pc");
    address(&mut script, SRV_GATEWAY.into(), "lan-srv");
    if builder.dual {
        address(&mut script, PC_GATEWAY6.into(), "lan-pc");
        address(&mut script, SRV_GATEWAY6.into(), "lan-srv");
    }
    for peer in &builder.peers {
        let pc: IpAddr = if peer.is_ipv4() {
            PC.into()
        } else {
            PC6.into()
        };
        line(&mut script, &format!("route add {} via {pc}", host(*peer)));
    }
    for neighbour in &builder.neighbours {
        host_address(&mut script, *neighbour, "lan-srv");
    }
    script
}

fn srv(builder: &Builder) -> String {
    let mut script = format!("link set {UPLINK} up\n");
    let carrier = if builder.bridged_uplink {
        bridge_uplink(&mut script);
        UPLINK_BRIDGE
    } else {
        UPLINK
    };
    address(&mut script, SRV.into(), carrier);
    line(&mut script, &format!("route add default via {SRV_GATEWAY}"));
    if builder.dual {
        address(&mut script, SRV6.into(), carrier);
        line(
            &mut script,
            &format!("route add default via {SRV_GATEWAY6}"),
        );
    }
    script
}

fn bridge_uplink(script: &mut String) {
    for text in [
        format!("link add {UPLINK_BRIDGE} type bridge stp_state 0"),
        format!("link set {UPLINK_BRIDGE} type bridge forward_delay 0"),
        format!("link set {UPLINK} master {UPLINK_BRIDGE}"),
        format!("link set {UPLINK_BRIDGE} up"),
    ] {
        line(script, &text);
    }
}

/// The machine's main address on a LAN.
fn address(script: &mut String, ip: IpAddr, device: &str) {
    let prefix = if ip.is_ipv4() { 24 } else { 64 };
    add(script, &format!("{ip}/{prefix}"), device, ip);
}

/// One address more, without a network around it.
fn host_address(script: &mut String, ip: IpAddr, device: &str) {
    add(script, &host(ip), device, ip);
}

fn add(script: &mut String, what: &str, device: &str, ip: IpAddr) {
    // Usable at once: nobody else is there whose address it could be.
    let nodad = if ip.is_ipv6() { " nodad" } else { "" };
    line(script, &format!("address add {what} dev {device}{nodad}"));
}

fn host(ip: IpAddr) -> String {
    format!("{ip}/{}", if ip.is_ipv4() { 32 } else { 128 })
}

fn line(script: &mut String, text: &str) {
    // Writing to a String cannot fail.
    writeln!(script, "{text}").ok();
}

//! IPv6 beside IPv4: router advertisements, a dual-stack network, a firewall between its containers, guests that are gone.

use std::net::{Ipv6Addr, SocketAddrV6, UdpSocket};

use anyhow::{Context, Result, ensure};
use bridgetrace_lab::firewall::dropped;
use bridgetrace_lab::{Netns, Service, peers, topology::SRV, wait_for, wait_until};
use nix::libc;
use socket2::{Domain, Protocol, Socket, Type};

use super::host::{forget_neighbours, is_healthy, nothing_was_said, raise, remove, run};
use crate::outage::{records::records, stage::SOON};

const DATAGRAMS: u32 = 200;
/// The first address of the network, which is its bridge's.
const GATEWAY6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0x202, 0, 0, 0, 0, 0, 1);

/// A router's word: a prefix to take an address from, and a default route (RFC 4861 §4.2, §4.6.2).
fn advertisement() -> Vec<u8> {
    let mut message = vec![134, 0, 0, 0, 64, 0, 0x07, 0x08, 0, 0, 0, 0, 0, 0, 0, 0];
    message.extend([
        3, 4, 64, 0xc0, 0, 0, 0x0e, 0x10, 0, 0, 0x0e, 0x10, 0, 0, 0, 0,
    ]);
    message.extend(
        "fd42:10::"
            .parse::<Ipv6Addr>()
            .map_or([0; 16], |ip| ip.octets()),
    );
    message
}

fn advertise(router: &Netns, times: u32) -> Result<()> {
    let index = link_index(router)?;
    router.enter(|| -> std::io::Result<()> {
        let socket = Socket::new(
            Domain::IPV6,
            Type::from(libc::SOCK_RAW),
            Some(Protocol::ICMPV6),
        )?;
        socket.set_multicast_hops_v6(255)?;
        socket.set_multicast_if_v6(index)?;
        let all = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
        for _ in 0..times {
            socket.send_to(
                &advertisement(),
                &SocketAddrV6::new(all, 0, 0, index).into(),
            )?;
        }
        Ok(())
    })??;
    Ok(())
}

fn link_index(router: &Netns) -> Result<u32> {
    let line = router.run(&["ip", "-o", "link", "show", "lan-srv"])?;
    let (index, _) = line.split_once(':').context("no index")?;
    Ok(index.parse()?)
}

/// A firewall keeps the containers of one network apart: it sees their frames on the ports of their bridge, with a route into
/// that (a real one where their address was translated), while another network's packets pass.
#[test]
fn a_firewall_keeps_containers_of_one_network_apart() -> Result<()> {
    raise()?.play(|stage| {
        stage.lab.srv.enable_ipv6()?;
        stage.lab.srv.sysctl("net.ipv6.conf.all.forwarding", "1")?;
        let service = |name, network, subnets: [&str; 2]| {
            stage.daemon.create_network(network, &subnets)?;
            Service::idle(name).network(network).run(&stage.daemon)
        };
        let asker = service("asker", "dual", ["10.202.0.0/24", "fd00:202::/64"])?;
        let other = service("other", "other", ["10.203.0.0/24", "fd00:203::/64"])?;
        let apart = Service::idle("apart").network("dual").run(&stage.daemon)?;
        let (other, apart) = (other.address6("other")?, apart.address6("dual")?);
        for whom in [other, apart] {
            wait_until("the asker to reach the others", SOON, || {
                Ok(asker.reaches(whom))
            })?;
        }
        let publish = format!(
            "ip6tables -t nat -I PREROUTING -d {GATEWAY6} -p udp -j DNAT --to-destination {apart}"
        );
        let bridged = "ip6tables -I FORWARD -m physdev --physdev-is-bridged -p udp -j DROP";
        for rule in [&*publish, bridged] {
            stage.lab.srv.run(&rule.split(' ').collect::<Vec<_>>())?;
        }
        asker.netns()?.enter(|| -> std::io::Result<()> {
            let socket = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0))?;
            for _ in 0..DATAGRAMS {
                // What is refused follows what passes, whose lookup it must not be taken for.
                for whom in [other, apart, other, GATEWAY6.into()] {
                    socket.send_to(b"passes but to apart", (whom, 9))?;
                }
            }
            Ok(())
        })??;
        let refused = dropped(&stage.lab.srv, "ip6tables", "filter", "FORWARD")?;
        ensure!(
            refused == 2 * u64::from(DATAGRAMS),
            "{refused} were refused"
        );
        nothing_was_said(stage)?;
        let taken_for_routed = format!("kfree_skb: {apart} ");
        let told = records(stage)?;
        ensure!(
            !told.iter().any(|it| it.starts_with(&taken_for_routed)),
            "{told:#?}"
        );
        Ok(())
    })
}

#[test]
fn a_router_advertises_and_guests_speak_both_tongues() -> Result<()> {
    is_healthy(|stage| {
        stage.lab.srv.enable_ipv6()?;
        stage.lab.router.enable_ipv6()?;
        stage
            .lab
            .srv
            .sysctl("net/ipv6/conf/eno8303/accept_ra", "2")?;
        wait_for("an advertised address", SOON, || {
            let ask = || -> Result<bool> {
                // Not before the router's own address has been found to be unique.
                advertise(&stage.lab.router, 5).ok();
                let own = stage
                    .lab
                    .srv
                    .run(&["ip", "-6", "address", "show", "dev", "eno8303"])?;
                Ok(own.contains("fd42:10:"))
            };
            ask().map(|has| has.then_some(())).transpose()
        })??;
        stage.daemon.docker(&[
            "network",
            "create",
            "--ipv6",
            "--subnet=10.202.0.0/24",
            "--subnet=fd00:202::/64",
            "dual",
        ])?;
        let guest = ["--network=dual", "--name=guest", "--ip6=fd00:202::9"];
        run(&stage.daemon, &guest, "sleep 600")?;
        let guest: Ipv6Addr = "fd00:202::9".parse()?;
        wait_for("the guest's IPv6 address", SOON, || {
            peers::reachable(&stage.lab.srv, guest)
                .map(|reached| reached.then_some(()))
                .transpose()
        })??;
        advertise(&stage.lab.router, 50)?;
        remove(&stage.daemon, "guest")?;
        forget_neighbours(stage)?;
        ensure!(!peers::reachable(&stage.lab.srv, guest)?, "a ghost answers");
        ensure!(peers::ping(&stage.lab.pc, SRV, 3)?.received == 3);
        Ok(())
    })
}

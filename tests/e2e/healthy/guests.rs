//! Containers ask the host and die before they are answered.

use std::net::Ipv4Addr;

use anyhow::{Result, ensure};
use bridgetrace_lab::peers::UdpResponder;
use bridgetrace_lab::topology::SRV;
use bridgetrace_lab::{peers, wait_for};

use super::host::{
    HOST_GATEWAY, Question, address, forget_neighbours, gave_up, is_healthy, jobs, nameserver,
    network, remove, run, saw,
};
use crate::outage::stage::SOON;

/// Datagrams are answered by the host after the asker is gone.
fn answered_too_late(host: Ipv4Addr) -> Result<()> {
    is_healthy(|stage| {
        jobs(&stage.daemon)?;
        let socket = nameserver(&stage.lab.srv, host)?;
        for number in 0..3 {
            let name = format!("asker{number}");
            let question = Question::ask(socket.try_clone()?, &stage.daemon, &name)?;
            remove(&stage.daemon, &name)?;
            forget_neighbours(stage)?;
            let asker = question.answer()?;
            saw(stage, asker)?;
            gave_up(stage, asker)?;
        }
        Ok(())
    })
}

#[test]
fn a_datagram_from_the_hosts_address_comes_too_late() -> Result<()> {
    answered_too_late(SRV)
}

#[test]
fn a_datagram_from_host_gateway_comes_too_late() -> Result<()> {
    answered_too_late(HOST_GATEWAY)
}

/// Askers that live for a moment, one after the other, by the dozen, some of them at once.
#[test]
fn askers_live_for_a_moment() -> Result<()> {
    is_healthy(|stage| {
        network(&stage.daemon, "jobs", "10.202.0.0/24")?;
        let server = UdpResponder::start(&stage.lab.srv, (SRV, 53).into())?;
        let ask = format!("timeout 0.3 nslookup who {SRV}");
        for number in 0..10 {
            let name = format!("asker{number}");
            run(
                &stage.daemon,
                &["--rm", "--network=jobs", "--name", &name],
                &ask,
            )?;
        }
        wait_for("the askers' questions", SOON, || {
            (server.replied() >= 10).then_some(())
        })?;
        wait_for("the askers' end", SOON, || {
            let left = stage.daemon.docker(&["ps", "--quiet"]);
            left.map(|left| left.is_empty().then_some(())).transpose()
        })?
    })
}

/// A container with two networks asks with its address in one through the other: the answer goes
/// to where the address is, and arrives.
#[test]
fn a_guest_of_two_networks_asks_by_the_other() -> Result<()> {
    is_healthy(|stage| {
        network(&stage.daemon, "left", "10.202.0.0/24")?;
        network(&stage.daemon, "right", "10.203.0.0/24")?;
        let guest = ["--network=left", "--name=guest", "--cap-add=NET_ADMIN"];
        run(&stage.daemon, &guest, "sleep 600")?;
        stage
            .daemon
            .docker(&["network", "connect", "right", "guest"])?;
        let right = address(&stage.daemon, "guest", "right")?.to_string();
        forget_neighbours(stage)?;
        let ask = ["exec", "guest", "ping", "-c3", "-W1", "-I", &right];
        let to = SRV.to_string();
        stage.daemon.docker(&[&ask[..], &[&to]].concat())?;
        saw(stage, right.parse()?)?;
        ensure!(peers::reachable(
            &stage.lab.srv,
            right.parse::<Ipv4Addr>()?
        )?);
        Ok(())
    })
}

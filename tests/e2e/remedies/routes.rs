//! Routes: for one client, for several, in another table, in another namespace.

use std::net::Ipv4Addr;

use anyhow::{Result, ensure};
use bridgetrace_lab::{
    Topology,
    peers::{self, UdpResponder},
    topology::{SRV, SRV_GATEWAY, UPLINK},
    wait_until,
};

use super::stage::{Lab, SOON, trace};
use crate::outage::stage::NETWORK;

#[test]
fn the_host_route_lets_the_client_back_in() -> Result<()> {
    Lab::raise()?.play(|lab| {
        lab.collide()?;
        lab.try_out("host-route").map(drop)
    })
}

#[test]
fn one_prefix_lets_all_clients_back_in() -> Result<()> {
    let clients = [1, 2, 20].map(|last| Ipv4Addr::new(172, 22, 40, last));
    let topology = || Topology::builder().peers(clients).build();
    Lab::raise_with(topology, |options| options)?.play(|lab| {
        lab.collide()?;
        let server = UdpResponder::start(&lab.topology.srv, (SRV, 5353).into())?;
        for client in clients {
            let (from, to) = ((client, 0).into(), (SRV, 5353).into());
            peers::udp_send_exactly(&lab.topology.pc, from, to, 1)?;
        }
        server.wait_replied(3, SOON)?;
        let (command, undo) = lab.prefix_over(clients.len())?;
        for shell in ["sh", "bash"] {
            lab.type_in(shell, &command)?;
            lab.all_reach(&clients, true)?;
            lab.type_in(shell, &undo)?;
            lab.all_reach(&clients, false)?;
        }
        Ok(())
    })
}

#[test]
fn a_route_is_added_to_the_table_a_rule_selects() -> Result<()> {
    Lab::raise()?.play(|lab| {
        lab.collide()?;
        let bridge = lab.bridge()?;
        lab.topology.srv.ip(&format!(
            "route add 172.22.0.0/16 dev {bridge} table 100\n\
             route add default via {SRV_GATEWAY} dev {UPLINK} table 100\n\
             rule add to 172.22.0.0/16 lookup 100 priority 100\n"
        ))?;
        // A tracer that comes later finds what was there before it.
        lab.tracer = trace(&lab.topology.srv, &lab.daemon)?;
        let (command, undo) = lab.try_out("host-route")?;
        ensure!(command.ends_with(" table 100"), "{command}");
        ensure!(undo.ends_with(" table 100"), "{undo}");
        Ok(())
    })
}

#[test]
fn a_namespace_that_is_not_the_tracers_is_entered_by_its_name() -> Result<()> {
    Lab::raise()?.play(|lab| {
        lab.collide()?;
        // The router stands for the host: it traces, and the commands are typed there.
        lab.tracer = trace(&lab.topology.router, &lab.daemon)?;
        lab.replies_come(false)?;
        let (command, undo) = lab.remedy("host-route")?;
        let enter = format!("nsenter --net=/run/netns/{} ip ", lab.topology.srv.name());
        ensure!(command.starts_with(&enter), "{command}");
        for shell in ["sh", "bash"] {
            lab.topology.router.run(&[shell, "-c", &command])?;
            lab.replies_come(true)?;
            lab.topology.router.run(&[shell, "-c", &undo])?;
            lab.replies_come(false)?;
        }
        Ok(())
    })
}

impl Lab {
    /// The remedy that helps them all, once all are known: nobody else has asked.
    fn prefix_over(&mut self, clients: usize) -> Result<(String, String)> {
        let here = self.topology.srv.inum();
        let all = |f: &serde_json::Value| {
            f["bridgetrace"]["netns"]["inum"] == here
                && f["bridgetrace"]["counts"]["remotes"] == clients
        };
        let (finding, _) = self.tracer.wait_line(SOON, all)?;
        let remedy = super::stage::remedies(&finding).find(|r| r["id"] == "prefix-route");
        super::stage::commands(remedy.unwrap_or(&finding))
    }

    fn all_reach(&self, clients: &[Ipv4Addr], wanted: bool) -> Result<()> {
        for client in clients {
            wait_until("replies to come or be lost", SOON, || {
                Ok(peers::reachable_from(&self.topology.pc, *client, SRV)? == wanted)
            })?;
        }
        Ok(())
    }

    fn bridge(&self) -> Result<String> {
        let id = ["network", "inspect", "--format", "{{.Id}}", NETWORK];
        Ok(bridgetrace_lab::docker::bridge_name(
            &self.daemon.docker(&id)?,
        ))
    }
}

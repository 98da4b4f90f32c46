//! What is no outage: IPv4 meanwhile, and what IPv6 does by itself.

use std::net::Ipv6Addr;

use anyhow::{Result, ensure};
use bridgetrace_lab::scenario::{self, COLLIDING};
use bridgetrace_lab::topology::{PC, PC6, SRV, SRV6};
use bridgetrace_lab::{Service, peers, wait_until};
use serde_json::Value;

use super::scene::{pc_lost_in, ping_and_find, raise};
use crate::outage::stage::{SOON, Stage, at};

const GUEST: Ipv6Addr = Ipv6Addr::new(0xfd00, 0x202, 0, 0, 0, 0, 0, 9);

/// An outage of IPv6 is told as nothing else while IPv4 goes on.
#[test]
fn ipv4_goes_on_and_is_not_spoken_of() -> Result<()> {
    raise()?.play(|stage| {
        let network = stage.collide6()?;
        let opened = ping_and_find(stage)?;
        pc_lost_in(&opened, &network)?;
        ensure!(peers::ping(&stage.lab.pc, SRV, 3)?.received == 3);
        ensure!(
            peers::reachable(&stage.lab.srv, PC)?,
            "IPv4 suffers as well"
        );
        let last = stage.last_word()?;
        pc_lost_in(&last, &network)
    })
}

/// An outage of IPv4 is told as nothing else while IPv6 goes on, table 255 asked for each packet.
#[test]
fn ipv6_goes_on_while_ipv4_is_lost() -> Result<()> {
    raise()?.play(|stage| {
        scenario::collide(&stage.daemon)?;
        ensure!(!peers::reachable(&stage.lab.pc, SRV)?, "nothing is lost");
        stage.finding(is_ipv4)?;
        ensure!(peers::ping(&stage.lab.pc, SRV6, 3)?.received == 3);
        ensure!(peers::reachable(&stage.lab.srv, PC6)?);
        let last = stage.last_word()?;
        ensure!(is_ipv4(&last), "{last:#}");
        Ok(())
    })
}

fn is_ipv4(finding: &Value) -> bool {
    at(finding, "network.type") == "ipv4"
}

/// A container of a network far from everybody is spoken to, leaves, and is asked for once more.
#[test]
fn a_guest_that_left_is_nobodys_loss() -> Result<()> {
    raise()?.play(|stage| {
        stage.daemon.import_busybox()?;
        let subnets = ["10.202.0.0/24", "fd00:202::/64"];
        stage.daemon.create_network("far", &subnets)?;
        let guest = Service::idle("guest").network("far").ip(GUEST);
        let guest = guest.run(&stage.daemon)?;
        wait_until("the guest's answer", SOON, || {
            peers::reachable(&stage.lab.srv, GUEST)
        })?;
        ensure!(peers::ping(&stage.lab.pc, SRV6, 3)?.received == 3);
        guest.remove()?;
        ensure!(!peers::reachable(&stage.lab.srv, GUEST)?, "a ghost answers");
        nothing_was_said(stage)
    })
}

/// Not that the tracer was blind: the next loss is the first thing it says.
fn nothing_was_said(stage: &mut Stage) -> Result<()> {
    let said = stage.findings()?;
    ensure!(said.is_empty(), "{said:#?}");
    let network = stage.collide6()?;
    let opened = ping_and_find(stage)?;
    pc_lost_in(&opened, &network)?;
    pc_lost_in(&stage.last_word()?, &network)?;
    stage.daemon.remove_network(COLLIDING)
}

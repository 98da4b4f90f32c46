//! An IPv6 network without containers: its bridge has no carrier and swallows replies all the same.

use anyhow::{Result, ensure};
use bridgetrace_lab::docker::{BUSYBOX, bridge_name};
use bridgetrace_lab::scenario::COLLIDING;
use bridgetrace_lab::{showcase, wait_until};
use serde_json::{Value, json};

use super::scene::{answers, becomes, host_route_works, pc_lost_in, ping_and_find, raise};
use crate::outage::expect;
use crate::outage::stage::{SOON, Stage, holds};
use crate::variants::scene::type_in;

/// The network never had a container.
#[test]
fn an_empty_network_is_called_a_ghost() -> Result<()> {
    let opened = raise()?.play(|stage| {
        let network = stage.collide6()?;
        let opened = ping_and_find(stage)?;
        is_a_ghost(&opened, &network)?;
        host_route_works(stage, &opened, answers)?;
        Ok(opened)
    })?;
    showcase::show("an IPv6 network in which no container ever ran", &opened)
}

/// Its only container has left: the kernel can be told to pass over the route, and back.
#[test]
fn routes_without_carrier_can_be_passed_over() -> Result<()> {
    let opened = raise()?.play(|stage| {
        stage.daemon.import_busybox()?;
        let network = stage.collide6()?;
        let net = format!("--network={COLLIDING}");
        let run = ["run", "--rm", &net, BUSYBOX, "true"];
        stage.daemon.docker(&run)?;
        linkdown(stage, &bridge_name(&network))?;
        let opened = ping_and_find(stage)?;
        is_a_ghost(&opened, &network)?;
        let command = expect::remedy(&opened, "ignore-linkdown", "command")?;
        ensure!(command.contains("net/ipv6/conf/br-"), "{command}");
        type_in(stage, &command)?;
        becomes(stage, true)?;
        stage.phase(&expect::id(&opened)?, "resolved")?;
        let undo = expect::remedy(&opened, "ignore-linkdown", "undo")?;
        type_in(stage, &undo)?;
        becomes(stage, false)?;
        Ok(opened)
    })?;
    showcase::show("an IPv6 network that its last container left", &opened)
}

/// `ip link set … down` takes the connected route away, and with it the outage.
#[test]
fn taking_the_ghost_down_ends_the_outage() -> Result<()> {
    raise()?.play(|stage| {
        let network = stage.collide6()?;
        let opened = ping_and_find(stage)?;
        let down = format!("link set {} down", bridge_name(&network));
        stage.lab.srv.ip(&down)?;
        becomes(stage, true)?;
        stage.phase(&expect::id(&opened)?, "resolved").map(drop)
    })
}

fn is_a_ghost(finding: &Value, network: &str) -> Result<()> {
    pc_lost_in(finding, network)?;
    expect::proven_by(
        finding,
        &["ghost-bridge", "route-into-bridge", "no-such-endpoint"],
    )?;
    holds(
        finding,
        &[
            ("bridgetrace.bridge.carrier", json!(false)),
            ("bridgetrace.docker_network.endpoints", json!([])),
        ],
    )
}

/// Up to a second after the last container.
fn linkdown(stage: &Stage, bridge: &str) -> Result<()> {
    wait_until("the route to be linkdown", SOON, || {
        let show = ["ip", "-6", "route", "show", "dev", bridge];
        Ok(stage.lab.srv.run(&show)?.contains("linkdown"))
    })
}

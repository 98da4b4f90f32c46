//! The network made anew: only its IPv6 subnet moves.

use anyhow::{Result, ensure};
use bridgetrace_lab::scenario::COLLIDING;
use bridgetrace_lab::topology::COLLISION6;
use bridgetrace_lab::{Service, showcase};
use serde_json::json;

use super::scene::{SUBNET4, becomes, pc_lost_in, ping_and_find, raise};
use crate::outage::expect;
use crate::outage::stage::{Stage, holds};
use crate::variants::scene::type_in;

const SUBNETS: &str = "--format={{range .IPAM.Config}}{{.Subnet}} {{end}}";

#[test]
fn the_network_made_anew_lets_the_client_back_in() -> Result<()> {
    let opened = raise()?.play(|stage| {
        stage.daemon.import_busybox()?;
        let network = stage.collide6()?;
        let guest = Service::idle("guest").network(COLLIDING);
        let guest = guest.run(&stage.daemon)?;
        let opened = ping_and_find(stage)?;
        pc_lost_in(&opened, &network)?;
        holds(
            &opened,
            &[
                ("bridgetrace.bridge.carrier", json!(true)),
                ("container.name", json!("guest")),
            ],
        )?;
        let command = expect::remedy(&opened, "recreate-network", "command")?;
        type_in(stage, &command)?;
        becomes(stage, true)?;
        stage.phase(&expect::id(&opened)?, "resolved")?;
        let moved = subnets(stage)?;
        ensure!(
            moved.contains(SUBNET4) && !moved.contains(COLLISION6),
            "{moved}"
        );
        ensure!(
            guest.address6(COLLIDING)?.is_ipv6(),
            "the guest is not back"
        );
        let undo = expect::remedy(&opened, "recreate-network", "undo")?;
        type_in(stage, &undo)?;
        becomes(stage, false)?;
        ensure!(subnets(stage)?.contains(COLLISION6), "{}", subnets(stage)?);
        Ok(opened)
    })?;
    showcase::show("an IPv6 network in which a container runs", &opened)
}

fn subnets(stage: &Stage) -> Result<String> {
    stage
        .daemon
        .docker(&["network", "inspect", SUBNETS, COLLIDING])
}

//! The bridge of a network without containers: even the question who has the address dies on it.

use anyhow::{Result, ensure};
use bridgetrace_lab::docker::bridge_name;
use bridgetrace_lab::showcase;
use serde_json::json;

use super::scene::{later, pc_is_back, remedy_works};
use crate::outage::expect;
use crate::outage::stage::{Stage, at, detail, holds};
use crate::variants::scene::collide_and_ping;

#[test]
fn a_ghost_swallows_the_question_and_the_reply() -> Result<()> {
    Stage::raise(&[])?.play(|stage| {
        let (network, opened) = collide_and_ping(stage)?;
        let id = expect::id(&opened)?;
        let dead = later(stage, |f| {
            at(f, "bridgetrace.finding.id") == id.as_str()
                && detail(f, "ghost-bridge", "arp").is_ok_and(|arp| arp == "QDISC_DROP")
                && detail(f, "drop", "reason").is_ok_and(|reason| reason == "NEIGH_FAILED")
        })?;
        expect::pc_lost_in(&dead, &network)?;
        expect::proven_by(&dead, &["ghost-bridge", "drop", "no-such-endpoint"])?;
        let ghost = detail(&dead, "ghost-bridge", "bridge")?;
        ensure!(ghost == &json!(bridge_name(&network)), "{dead:#}");
        holds(&dead, &[("bridgetrace.bridge.carrier", json!(false))])?;
        showcase::show("the bridge of a network without containers", &dead)
    })
}

#[test]
fn passing_over_routes_without_carrier_helps_and_can_be_undone() -> Result<()> {
    Stage::raise(&[])?.play(|stage| {
        let (network, opened) = collide_and_ping(stage)?;
        let command = expect::remedy(&opened, "ignore-linkdown", "command")?;
        ensure!(command.contains("ignore_routes_with_linkdown"), "{command}");
        let effect = expect::remedy(&opened, "ignore-linkdown", "effect")?;
        ensure!(effect.contains("ignore_routes_with_linkdown"), "{effect}");
        let again = remedy_works(stage, &opened, "ignore-linkdown", &pc_is_back)?;
        expect::pc_lost_in(&again, &network)
    })
}

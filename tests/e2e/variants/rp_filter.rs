//! Loose reverse path filtering lets the requests in; the replies are lost as without it.

use anyhow::Result;
use bridgetrace_lab::peers::{self, EchoServer};
use bridgetrace_lab::topology::{LOOSE, PC, SRV};
use bridgetrace_lab::{Topology, preflight, showcase};
use serde_json::json;

use super::scene::{collide_and_ping, host_route_works};
use crate::outage::expect;
use crate::outage::stage::{Stage, holds, is_phase};

fn raise() -> Result<Stage> {
    preflight::require()?;
    Stage::raise_in(Topology::builder().rp_filter(LOOSE).build()?, &[])
}

#[test]
fn a_loose_filter_changes_nothing_for_a_ping() -> Result<()> {
    raise()?.play(|stage| {
        let (network, opened) = collide_and_ping(stage)?;
        expect::pc_lost_in(&opened, &network)?;
        expect::proven_by(
            &opened,
            &["route-into-bridge", "ingress-asymmetry", "no-such-endpoint"],
        )?;
        holds(
            &opened,
            &[
                ("observer.ingress.interface.name", json!("eno8303")),
                ("bridgetrace.counts.packets", json!(1)),
            ],
        )?;
        showcase::show("loose rp_filter, a ping", &opened)?;
        host_route_works(stage, &opened)
    })
}

#[test]
fn a_loose_filter_changes_nothing_for_a_new_connection() -> Result<()> {
    raise()?.play(|stage| {
        let _server = EchoServer::start(&stage.lab.srv, (SRV, 7).into())?;
        let network = stage.collide()?;
        let _client = peers::begin_connect(&stage.lab.pc, (PC, 40_022).into(), (SRV, 7).into())?;
        let opened = stage.finding(|f| is_phase(f, "opened"))?;
        expect::pc_lost_in(&opened, &network)?;
        expect::proven_by(&opened, &["route-into-bridge", "ingress-asymmetry"])?;
        holds(
            &opened,
            &[
                ("network.transport", json!("tcp")),
                ("source.port", json!(7)),
                ("destination.port", json!(40_022)),
            ],
        )?;
        showcase::show("loose rp_filter, a new connection", &opened)
    })
}

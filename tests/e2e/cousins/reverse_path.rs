//! A strict reverse path filter: the requests themselves die on arrival, because the way back leads
//! into the bridge. The filter is the messenger.

use anyhow::{Result, ensure};
use bridgetrace_lab::docker::bridge_name;
use bridgetrace_lab::peers::{self, EchoServer, UdpResponder};
use bridgetrace_lab::topology::{PC, SRV, STRICT, UPLINK};
use bridgetrace_lab::{Topology, preflight, showcase, wait_for};
use serde_json::{Value, json};

use super::scene::{of_kind, packets, pc_is_back, reason, remedy_works};
use crate::outage::expect;
use crate::outage::stage::{NETWORK, SOON, Stage, at, detail, holds};

const KIND: &str = "reverse-path-drop";
const PROOF: [&str; 3] = ["drop", "reverse-path", "ingress-asymmetry"];

fn raise() -> Result<Stage> {
    preflight::require()?;
    Stage::raise_in(Topology::builder().rp_filter(STRICT).build()?, &[])
}

#[test]
fn a_ping_that_dies_on_arrival_is_the_bridges_doing() -> Result<()> {
    raise()?.play(|stage| {
        let network = stage.collide()?;
        ensure!(
            peers::ping(&stage.lab.pc, SRV, 3)?.received == 0,
            "nothing is lost"
        );
        let finding = of_kind(stage, KIND, &PROOF)?;
        died_on_arrival(&finding, &network)?;
        holds(&finding, &[("network.transport", json!("icmp"))])?;
        showcase::show("strict rp_filter, a ping", &finding)?;
        let again = remedy_works(stage, &finding, "host-route", &pc_is_back)?;
        died_on_arrival(&again, &network)
    })
}

#[test]
fn a_connection_that_cannot_be_made_is_the_bridges_doing() -> Result<()> {
    raise()?.play(|stage| {
        let _server = EchoServer::start(&stage.lab.srv, (SRV, 7).into())?;
        let network = stage.collide()?;
        let _client = peers::begin_connect(&stage.lab.pc, (PC, 40_022).into(), (SRV, 7).into())?;
        let finding = of_kind(stage, KIND, &PROOF)?;
        died_on_arrival(&finding, &network)?;
        holds(
            &finding,
            &[
                ("network.transport", json!("tcp")),
                ("source.port", json!(40_022)),
                ("destination.port", json!(7)),
                ("bridgetrace.counts.flows", json!(1)),
            ],
        )?;
        showcase::show("strict rp_filter, a new connection", &finding)
    })
}

/// As many as the kernel's own counter says.
#[test]
fn every_packet_dropped_on_arrival_is_counted() -> Result<()> {
    raise()?.play(|stage| {
        let server = UdpResponder::start(&stage.lab.srv, (SRV, 5353).into())?;
        let before = filtered(stage)?;
        let network = stage.collide()?;
        peers::udp_send_exactly(&stage.lab.pc, (PC, 0).into(), (SRV, 5353).into(), 200)?;
        wait_for("the filter to drop", SOON, || {
            filtered(stage)
                .map(|now| (now >= before + 200).then_some(()))
                .transpose()
        })??;
        of_kind(stage, KIND, &PROOF)?;
        let last = stage.last_word()?;
        died_on_arrival(&last, &network)?;
        let dropped = filtered(stage)? - before;
        ensure!(packets(&last)? == dropped, "{dropped} died:\n{last:#}");
        ensure!(detail(&last, "drop", "count")? == dropped, "{last:#}");
        ensure!(server.received() == 0, "{} came through", server.received());
        Ok(())
    })
}

fn filtered(stage: &Stage) -> Result<u64> {
    stage.lab.srv.counter("TcpExt", "IPReversePathFilter")
}

/// The lost packet is the request; nothing is to be changed about the filter.
fn died_on_arrival(finding: &Value, network: &str) -> Result<()> {
    expect::proven_by(finding, &PROOF)?;
    expect::should_leave_by(finding, UPLINK)?;
    let bridge = bridge_name(network);
    holds(
        finding,
        &[
            ("event.action", json!(KIND)),
            ("source.ip", json!(PC)),
            ("destination.ip", json!(SRV)),
            ("network.direction", json!("ingress")),
            ("network.name", json!(NETWORK)),
            ("observer.ingress.interface.name", json!(UPLINK)),
            ("bridgetrace.bridge.name", json!(bridge)),
            ("bridgetrace.route.device", json!(bridge)),
            ("bridgetrace.docker_network.id", json!(network)),
            ("bridgetrace.counts.remotes", json!(1)),
        ],
    )?;
    ensure!(
        detail(finding, "drop", "reason")? == "IP_RPFILTER",
        "{finding:#}"
    );
    ensure!(
        detail(finding, "reverse-path", "bridge")? == &json!(bridge),
        "{finding:#}"
    );
    let reason = reason(finding)?;
    for word in ["rp_filter is only the messenger", &bridge, UPLINK] {
        ensure!(reason.contains(word), "no {word:?} in {reason:?}");
    }
    ensure!(!reason.contains("  "), "{reason:?}");
    let remedies = at(finding, "bridgetrace.remedies").to_string();
    ensure!(!remedies.contains("rp_filter"), "{remedies}");
    Ok(())
}

//! The same after a daemon lost its state, for what the host only passes on: a client from outside
//! asks for a published port, and the answer to what a container asked outside.

use anyhow::{Result, ensure};
use bridgetrace_lab::peers;
use bridgetrace_lab::scenario::PUBLISHED;
use bridgetrace_lab::topology::PC;
use bridgetrace_lab::{Service, showcase};
use serde_json::json;

use super::amnesia::{Twice, is_cut_off, should_have_used};
use super::scene::{of_kind, remedy_works};
use crate::outage::expect;
use crate::outage::stage::{Stage, holds};

const KIND: &str = "forward-blackhole";
const PROOF: [&str; 2] = ["duplicate-route", "drop"];

#[test]
fn a_client_of_a_published_port_is_sent_to_the_bridge_of_before() -> Result<()> {
    let service = Service::echo("echo", 7).publish(PUBLISHED.port(), 7);
    let Twice {
        mut stage,
        loss,
        container,
        address,
    } = Twice::raise(&service)?;
    stage.play(|stage| {
        ensure!(!connects(stage)?, "nothing is lost");
        let finding = of_kind(stage, KIND, &PROOF)?;
        is_cut_off(&finding, &loss, &container, address)?;
        should_have_used(&finding, &loss)?;
        expect::proven_by(&finding, &PROOF)?;
        holds(
            &finding,
            &[
                ("source.ip", json!(PC)),
                ("destination.port", json!(7)),
                ("network.transport", json!("tcp")),
            ],
        )?;
        showcase::show(
            "a network made twice: a client asks for a published port",
            &finding,
        )?;
        let again = remedy_works(stage, &finding, "drop-route", &connects)?;
        is_cut_off(&again, &loss, &container, address)
    })
}

#[test]
fn the_answer_to_a_containers_question_is_sent_to_the_bridge_of_before() -> Result<()> {
    let Twice {
        mut stage,
        loss,
        container,
        address,
    } = Twice::raise(&Service::idle("asker"))?;
    stage.play(|stage| {
        ensure!(!container.reaches(PC), "nothing is lost");
        let finding = of_kind(stage, KIND, &PROOF)?;
        is_cut_off(&finding, &loss, &container, address)?;
        should_have_used(&finding, &loss)?;
        expect::proven_by(&finding, &PROOF)?;
        holds(
            &finding,
            &[
                ("source.ip", json!(PC)),
                ("network.transport", json!("icmp")),
                ("bridgetrace.counts.packets", json!(1)),
            ],
        )?;
        showcase::show("a network made twice: a container asks outside", &finding)?;
        let answered = |_: &Stage| Ok(container.reaches(PC));
        let again = remedy_works(stage, &finding, "drop-route", &answered)?;
        is_cut_off(&again, &loss, &container, address)
    })
}

/// Whether the PC gets through to the published port.
fn connects(stage: &Stage) -> Result<bool> {
    Ok(peers::connect(&stage.lab.pc, (PC, 0).into(), PUBLISHED).is_ok())
}

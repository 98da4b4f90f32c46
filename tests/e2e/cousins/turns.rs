//! One outage turns into the other and back, as a container takes the client's address and goes.

use anyhow::{Context, Result, ensure};
use bridgetrace_lab::scenario;
use bridgetrace_lab::topology::SRV;
use bridgetrace_lab::{peers, wait_for};
use serde_json::Value;

use super::misdelivery::{KIND as MISDELIVERY, is_delivered_to};
use super::scene::{is_kind, reason};
use crate::outage::expect;
use crate::outage::stage::{SOON, Stage, at, is_phase};

const BLACKHOLE: &str = "reply-blackhole";

#[test]
fn a_container_that_takes_the_address_and_goes_turns_the_outage_twice() -> Result<()> {
    Stage::raise(&[])?.play(|stage| {
        stage.daemon.import_busybox()?;
        let network = scenario::collide(&stage.daemon)?;
        let lost = opened(stage, BLACKHOLE, None)?;
        let usurper = scenario::usurp(&stage.daemon)?;
        let taken = opened(stage, MISDELIVERY, None)?;
        is_delivered_to(&taken, &usurper, &network)?;
        ended(stage, &lost, "reach a container with that address now")?;
        usurper.remove()?;
        let again = opened(stage, BLACKHOLE, Some(&lost))?;
        expect::proven_by(&again, &["ingress-asymmetry", "no-such-endpoint"])?;
        ended(stage, &taken, "reach nobody any more")
    })
}

/// The PC pings until this is told: the neighbour's timers decide when, seconds after.
fn opened(stage: &Stage, kind: &str, before: Option<&Value>) -> Result<Value> {
    let before = before.map(expect::id).transpose()?;
    let is_new = |f: &Value| {
        is_kind(f, kind)
            && is_phase(f, "opened")
            && before
                .as_deref()
                .is_none_or(|id| at(f, "bridgetrace.finding.id") != id)
    };
    wait_for(kind, SOON * 4, || {
        let told = || -> Result<Option<Value>> {
            ensure!(!peers::reachable(&stage.lab.pc, SRV)?, "nothing is lost");
            Ok(stage.findings()?.into_iter().find(is_new))
        };
        told().transpose()
    })?
}

fn ended(stage: &mut Stage, finding: &Value, how: &str) -> Result<()> {
    let resolved = stage.phase(&expect::id(finding)?, "resolved")?;
    let reason = reason(&resolved)?;
    ensure!(reason.contains(how), "{reason}");
    at(&resolved, "event.end")
        .as_str()
        .map(drop)
        .context("no end")
}

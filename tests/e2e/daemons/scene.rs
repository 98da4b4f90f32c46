//! A docker engine with a network and a container of its own, and the tracer on its host.

use anyhow::{Context, Result, ensure};
use bridgetrace_lab::docker::BUSYBOX;
use bridgetrace_lab::wait_for;
use serde_json::Value;

use crate::outage::stage::{SOON, Stage, at};

/// The network of the compose project.
pub(super) const NETWORK: &str = "shop_default";
pub(super) const SUBNET: &str = "10.201.1.0/24";
pub(super) const CONTAINER: &str = "shop-web";

/// A daemon with one network and one container that runs in it; the tracer knows both.
pub(super) fn raise() -> Result<Stage> {
    let mut stage = Stage::raise(&["-vvv"])?;
    stage.play(|stage| {
        stage.daemon.import_busybox()?;
        stage.daemon.create_network(NETWORK, &[SUBNET])?;
        start(stage)
    })?;
    Ok(stage)
}

/// Starts the container anew and waits until the tracer knows that it runs.
pub(super) fn start(stage: &Stage) -> Result<()> {
    let network = format!("--network={NETWORK}");
    let name = format!("--name={CONTAINER}");
    let arguments = ["run", "--detach", "--init", &network, &name, BUSYBOX];
    let id = stage
        .daemon
        .docker(&[&arguments[..], &["sleep", "600"]].concat())?;
    wait_for("the tracer to know the container", SOON, || {
        let knows = |text: &str| {
            text.contains("\"docker-container\"")
                && text.contains(&id)
                && text.contains("\"state\":\"running\"")
        };
        stage
            .tracer
            .log()
            .iter()
            .any(|line| knows(&line.text))
            .then_some(())
    })?;
    wait_for("the tracer to count the image", SOON, || {
        let counted = |text: &str| text.contains("\"reachable\"") && text.contains("\"images\":1");
        stage
            .tracer
            .log()
            .iter()
            .any(|line| counted(&line.text))
            .then_some(())
    })
}

/// What is told of the dockerd that had this pid.
pub(super) fn told(stage: &mut Stage, kind: &str, pid: u32) -> Result<Value> {
    stage.state(|f| at(f, "event.action") == kind && at(f, "bridgetrace.daemon.pid") == pid)
}

/// What the evidence of a finding says, in its order, which is that of time.
pub(super) fn timeline(finding: &Value) -> Result<Vec<String>> {
    let pieces = at(finding, "bridgetrace.evidence").as_array();
    let pieces = pieces.context("no evidence")?;
    let when = |piece: &Value| piece["at"].as_str().map(str::to_owned);
    ensure!(pieces.iter().map(when).is_sorted(), "{finding:#}");
    let said = pieces
        .iter()
        .filter_map(|piece| piece["detail"]["text"].as_str());
    Ok(said.map(str::to_owned).collect())
}

/// Fails unless `parts` are said in this order.
pub(super) fn in_order(said: &[String], parts: &[&str]) -> Result<()> {
    let mut rest = said.iter();
    for part in parts {
        ensure!(
            rest.any(|text| text.contains(part)),
            "no {part:?}, in order, in {said:#?}"
        );
    }
    Ok(())
}

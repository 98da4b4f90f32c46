//! Pools filled to the last.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bridgetrace_lab::{Engine, Tracer};
use serde_json::Value;

use super::scene::Scene;

const SOON: Duration = Duration::from_secs(20);
/// What engines up to 26 say.
const ROLLING: &str = "could not find an available, non-overlapping IPv4 address pool among the \
                       defaults to assign to the network";

#[test]
fn engine_20_10_says_that_nothing_is_left_and_so_do_we() -> Result<()> {
    fill(Engine::Installed, ROLLING)
}

#[test]
fn engine_26_1_says_that_nothing_is_left_and_so_do_we() -> Result<()> {
    fill(Engine::V26, ROLLING)
}

#[test]
fn engine_28_5_says_that_nothing_is_left_and_so_do_we() -> Result<()> {
    fill(
        Engine::V28,
        "all predefined address pools have been fully subnetted",
    )
}

/// Thirty networks beside docker0; what keeps the last subnets is told while they go, and once there
/// are some again.
fn fill(engine: Engine, error: &str) -> Result<()> {
    Scene::raise(engine, 1, None)?
        .play(|scene| {
            let endpoint = scene.daemon.endpoint();
            let mut tracer = Tracer::start(
                &scene.host,
                &["--format", "jsonl", "--docker-host", &endpoint],
            )?;
            tracer.wait_ready()?;
            let fresh = scene.forecast()?;
            ensure!(
                fresh.free == 30 && fresh.look.findings.is_empty(),
                "{fresh:#?}"
            );
            for _ in 0..27 {
                scene.create(None)?.map_err(anyhow::Error::msg)?;
            }
            let (short, _) =
                tracer.wait_line(SOON, |line| is_pools(line) && free(line) == Some(3))?;
            let forecast = scene.forecast()?;
            ensure!(
                forecast.next.len() == 3 && forecast.certain,
                "three are left: {forecast:#?}"
            );
            ensure!(
                short["bridgetrace"]["pools"]["next_subnets"]
                    == forecast.look.summary["next_subnets"],
                "{short:#}"
            );
            ensure!(scene.fulfil(&forecast, 4)?, "{forecast:#?}");
            let (full, _) =
                tracer.wait_line(SOON, |line| is_pools(line) && free(line) == Some(0))?;
            let refused = scene.trail.iter().find(|done| done.contains("refused"));
            let refused = refused.context("the last one was not refused")?;
            ensure!(refused.contains(error), "{refused}");
            let reason = full["event"]["reason"].as_str().unwrap_or_default();
            ensure!(reason.contains(error), "{full:#}");
            let look = scene.forecast()?.look;
            look.ended(1)?;
            let told = look.findings.iter().find(|line| is_pools(line));
            let reason = told.and_then(|told| told["event"]["reason"].as_str());
            let unused = "30 of them by networks without a running container";
            ensure!(
                reason.is_some_and(|reason| reason.contains(unused)),
                "{look:#?}"
            );

            for _ in 0..5 {
                scene.remove(2)?;
            }
            tracer.wait_line(SOON, |line| {
                is_pools(line) && line["bridgetrace"]["finding"]["phase"] == "resolved"
            })?;
            let forecast = scene.forecast()?;
            ensure!(scene.fulfil(&forecast, 5)?, "{forecast:#?}");
            Ok(())
        })
        .map(drop)
}

fn is_pools(line: &Value) -> bool {
    line["event"]["action"] == "address-pool"
}

fn free(line: &Value) -> Option<u64> {
    line["bridgetrace"]["pools"]["free"].as_u64()
}

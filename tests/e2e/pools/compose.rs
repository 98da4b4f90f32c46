//! Compose of both times, each with an engine of its own: a project gets the subnet that was foretold.

use std::fs;

use anyhow::{Result, ensure};
use bridgetrace_lab::{Engine, docker::BUSYBOX};

use super::scene::Scene;

#[test]
fn compose_1_29_gets_what_was_foretold() -> Result<()> {
    project(Engine::Installed, "1.29")
}

#[test]
fn compose_2_40_gets_what_was_foretold() -> Result<()> {
    project(Engine::V28, "2.40")
}

fn project(engine: Engine, version: &str) -> Result<()> {
    Scene::raise(engine, 1, None)?.play(|scene| {
        let folder = scene.daemon.data_root().join("project");
        fs::create_dir(&folder)?;
        fs::write(
            folder.join("docker-compose.yml"),
            format!("services:\n  app:\n    image: {BUSYBOX}\n    networks: [front, back]\nnetworks:\n  front:\n  back:\n"),
        )?;
        let said = scene.daemon.compose(&folder, "job", &["version", "--short"])?;
        ensure!(said.contains(version), "compose is {said}, not {version}");
        scene.daemon.import_busybox()?;
        for _ in 0..3 {
            scene.create(None)?.map_err(anyhow::Error::msg)?;
        }
        scene.remove(1)?;
        let forecast = scene.forecast()?;
        ensure!(forecast.certain, "{forecast:#?}");
        scene.daemon.compose(&folder, "job", &["up", "--no-start"])?;
        // Compose may make its networks at once, in any order.
        let mut got = [subnet(scene, "job_front")?, subnet(scene, "job_back")?];
        let mut said = [forecast.next[0].clone(), forecast.next[1].clone()];
        got.sort_unstable();
        said.sort_unstable();
        ensure!(got == said, "{said:?} were foretold, not {got:?}");
        let next = scene.forecast()?;
        ensure!(scene.fulfil(&next, 1)?, "{next:#?}");
        Ok(())
    }).map(drop)
}

fn subnet(scene: &Scene, network: &str) -> Result<String> {
    scene.api.subnet(network)
}

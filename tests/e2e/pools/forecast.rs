//! A hundred random sequences of networks that come and go, on each engine.

use anyhow::{Result, ensure};
use bridgetrace_lab::Engine;
use serde_json::json;

use super::scene::Scene;

/// Sequences with the built-in pools, and with the daemon's own.
const BUILT_IN: usize = 70;
const OWN: usize = 30;
/// A sequence ends with fewer networks than the built-in pools hold.
const MOST: usize = 18;

/// Prefixes on a link that overlap one, two or no subnets of the built-in pools.
const ON_LINK: [&str; 6] = [
    "172.19.0.0/16",
    "172.20.128.0/17",
    "172.24.0.0/15",
    "192.168.20.0/24",
    "192.168.240.0/20",
    "10.9.0.0/16",
];
/// The same for pools of a daemon's own.
const ON_LINK_OWN: [&str; 3] = ["10.201.1.0/24", "10.201.2.64/26", "10.199.0.0/26"];

#[test]
fn engine_20_10_gives_what_was_foretold() -> Result<()> {
    foretell(Engine::Installed, 2010)
}

#[test]
fn engine_26_1_gives_what_was_foretold() -> Result<()> {
    foretell(Engine::V26, 2601)
}

#[test]
fn engine_28_5_gives_what_was_foretold() -> Result<()> {
    foretell(Engine::V28, 2805)
}

fn foretell(engine: Engine, seed: u64) -> Result<()> {
    let mut scene = Scene::raise(engine, seed, None)?;
    scene = sequences(scene, BUILT_IN, &ON_LINK, MOST)?;
    drop(scene);
    let own = json!({"default-address-pools": [
        {"base": "10.201.0.0/21", "size": 24},
        {"base": "10.199.0.0/24", "size": 26},
    ]});
    let scene = Scene::raise(engine, seed + 1, Some(own))?;
    sequences(scene, OWN, &ON_LINK_OWN, 4).map(drop)
}

/// Of those that a rolling engine leaves in doubt, nearly all come true too: what came and went unseen
/// is taken for what is usual. The others are among what was named as possible.
fn sequences(scene: Scene, count: usize, routes: &[&str], most: usize) -> Result<Scene> {
    let (mut sure, mut true_ones) = (0, 0);
    let scene = scene.play(|scene| {
        for _ in 0..count {
            let (certain, fulfilled) = sequence(scene, routes, most)?;
            sure += usize::from(certain);
            true_ones += usize::from(fulfilled);
        }
        Ok(())
    })?;
    println!("{true_ones} of {count} forecasts came true, {sure} of them had been sure");
    ensure!(sure > 0, "not one forecast was sure");
    ensure!(
        true_ones * 10 >= count * 9,
        "{true_ones} of {count} came true"
    );
    Ok(scene)
}

/// Networks come and go, then what is foretold happens. Whether the forecast was sure, and whether it
/// came true.
fn sequence(scene: &mut Scene, routes: &[&str], most: usize) -> Result<(bool, bool)> {
    come_and_go(scene, routes, most)?;
    let forecast = scene.forecast()?;
    let count = 1 + scene.dice.below(3);
    let fulfilled = scene.fulfil(&forecast, count)?;
    scene.kept = None;
    Ok((forecast.certain, fulfilled))
}

/// Up to three networks are made or removed, once in a while after a route came or went.
fn come_and_go(scene: &mut Scene, routes: &[&str], most: usize) -> Result<()> {
    if scene.dice.once_in(4) {
        change_route(scene, routes)?;
    }
    for _ in 0..scene.dice.below(4) {
        step(scene, most)?;
    }
    while scene.networks.len() > most {
        scene.remove_any()?;
    }
    Ok(())
}

fn step(scene: &mut Scene, most: usize) -> Result<()> {
    let full = scene.networks.len() > most;
    if !full && scene.dice.below(5) < 3 {
        return scene.create(None).map(drop);
    }
    scene.remove_any()
}

/// A route comes or goes. A network made after it stays until the forecast: what was made under another
/// route and is gone leaves no trace of what it was given.
fn change_route(scene: &mut Scene, routes: &[&str]) -> Result<()> {
    let prefix = routes[scene.dice.below(routes.len())];
    let present = scene.host.run(&["ip", "route", "show", "dev", "lo"])?;
    let verb = if present.contains(prefix) {
        "del"
    } else {
        "add"
    };
    scene.route(verb, prefix, "link")?;
    scene.create(None)?.map_err(anyhow::Error::msg)?;
    scene.kept = scene.networks.last().map(|(id, _)| id.clone());
    Ok(())
}

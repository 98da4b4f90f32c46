//! Whoever watches from the start sees every network made, also those that are gone a moment later:
//! what comes next is sure nearly always.

use anyhow::{Context, Result, ensure};
use bridgetrace_lab::Engine;
use tracer_core::world::pools::PoolUse;

use super::forecast::{MOST, ON_LINK, come_and_go};
use super::scene::Scene;
use super::watcher::Watcher;

const SEQUENCES: usize = 30;

#[test]
fn who_watches_engine_20_10_knows_what_comes_next() -> Result<()> {
    watch(Engine::Installed, 1020)
}

#[test]
fn who_watches_engine_26_1_knows_what_comes_next() -> Result<()> {
    watch(Engine::V26, 1026)
}

fn watch(engine: Engine, seed: u64) -> Result<()> {
    let mut sure = 0;
    Scene::raise(engine, seed, None)?.play(|scene| {
        let mut watcher = Watcher::start(scene)?;
        for _ in 0..SEQUENCES {
            come_and_go(scene, &ON_LINK, MOST)?;
            scene.kept = None;
            let pools = watcher.pools(scene)?;
            let count = 1 + scene.dice.below(3);
            fulfil(scene, &pools, count)?;
            sure += usize::from(pools.certain);
        }
        Ok(())
    })?;
    println!("{sure} of {SEQUENCES} forecasts were sure");
    ensure!(sure * 10 >= SEQUENCES * 9, "{sure} of {SEQUENCES}");
    Ok(())
}

/// Creates as many networks: what was sure comes true, and what was not has named the next.
fn fulfil(scene: &mut Scene, pools: &PoolUse, count: usize) -> Result<()> {
    scene.trail.push(format!("watched {pools:?}"));
    let count = if pools.certain { count } else { 1 };
    for place in 0..count {
        let got = scene.create(None)?.map_err(anyhow::Error::msg)?;
        let got = got.parse().context("a subnet")?;
        let named = if pools.certain {
            pools.next.get(place) == Some(&got)
        } else {
            pools.possible.contains(&got)
        };
        ensure!(named, "{got} was not foretold: {:?}", pools.next);
    }
    Ok(())
}

//! What one input costs the core, and how that grows: criterion's medians, of `tracer/core/benches`. Criterion
//! leaves plots of them below `target/criterion`.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::context::Context;
use super::row::Row;
use super::spread::short;
use crate::cargo::Cargo;
use crate::sh;

/// As `benches/observe.rs` has them.
const WORLDS: [&str; 4] = ["networks", "routes", "containers", "incidents"];
const INPUTS: [&str; 6] = [
    "lost-packet",
    "neighbour-failed",
    "neighbour",
    "counters",
    "tick",
    "deadline",
];
/// Comes once a second, and looks at everything: shown, and held to no time.
const SECONDLY: &str = "tick";
const SIZES: [u32; 5] = [10, 100, 1000, 10_000, 100_000];
/// Nanoseconds.
const TARGET: f64 = 1000.0;
/// A hundred times as much to know may cost this many times as much: as the square root grows.
const GROWTH: f64 = 10.0;
const FROM: u32 = 1000;
const TO: u32 = 100_000;

/// Runs criterion, as the caller.
pub(super) fn run(cargo: &Cargo, quick: bool) -> Result<()> {
    let (warm_up, time) = if quick { ("0.1", "0.4") } else { ("0.5", "2") };
    let mut command = cargo.command();
    command
        .args(["bench", "--package=tracer-core", "--bench=observe", "--"])
        .args(["--noplot"].iter().filter(|_| quick))
        .args(["--warm-up-time", warm_up, "--measurement-time", time])
        .args(["--sample-size", if quick { "10" } else { "50" }]);
    sh::run(&mut command)
}

pub(super) fn measure(context: &Context) -> Result<Vec<Row>> {
    let all = INPUTS
        .iter()
        .flat_map(|input| WORLDS.map(|world| (*input, world)));
    all.map(|(input, world)| one(&context.criterion, input, world))
        .collect()
}

fn one(folder: &Path, input: &str, world: &str) -> Result<Row> {
    let sizes = SIZES.map(|size| median(folder, world, input, size));
    let medians: Vec<f64> = sizes.into_iter().collect::<Result<_>>()?;
    let at = |size: u32| {
        let place = SIZES.iter().position(|known| *known == size);
        place.map_or(f64::INFINITY, |place| medians[place])
    };
    let worst = medians.iter().copied().fold(0.0, f64::max);
    let growth = at(TO) / at(FROM);
    let steps = SIZES.iter().zip(&medians);
    let steps: Vec<String> = steps
        .map(|(size, ns)| format!("{size}: {}", short(*ns)))
        .collect();
    let row = Row::new(
        format!("core, {input}, up to {TO} {world}"),
        format!("{} ns", short(worst)),
    );
    let met = worst <= TARGET && growth <= GROWTH;
    let judged = match input {
        SECONDLY => row,
        _ => row.target(format!("<= {TARGET} ns"), met),
    };
    Ok(judged
        .ratio(growth)
        .note(format!(
            "ns by {world}: {}; ratio: {TO} to {FROM}, at most {GROWTH}",
            steps.join(", ")
        ))
        .raw(json!({"sizes": SIZES, "median_ns": medians})))
}

/// Nanoseconds.
fn median(folder: &Path, world: &str, input: &str, size: u32) -> Result<f64> {
    let file = folder
        .join(world)
        .join(input)
        .join(size.to_string())
        .join("new/estimates.json");
    let text = fs::read_to_string(&file)
        .with_context(|| format!("read {}: criterion left none", file.display()))?;
    let estimates: Value = serde_json::from_str(&text)?;
    estimates["median"]["point_estimate"]
        .as_f64()
        .context("criterion names no median")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(folder: &Path, of: impl Fn(u32) -> f64) {
        for size in SIZES {
            let folder = folder.join(format!("routes/neighbour/{size}/new"));
            fs::create_dir_all(&folder).unwrap();
            let estimates = json!({"median": {"point_estimate": of(size)}});
            fs::write(folder.join("estimates.json"), estimates.to_string()).unwrap();
        }
    }

    #[test]
    fn a_cost_that_grows_as_fast_as_what_is_known_is_too_much() {
        let folder = tempfile::tempdir().unwrap();
        let verdict = || {
            one(folder.path(), "neighbour", "routes")
                .unwrap()
                .verdict
                .word()
        };
        figures(folder.path(), |size| f64::from(size).log2() * 10.0);
        assert_eq!(verdict(), "ok");
        figures(folder.path(), |size| f64::from(size) / 1000.0);
        assert_eq!(verdict(), "SHORT");
        figures(folder.path(), |_| 1001.0);
        assert_eq!(verdict(), "SHORT");
    }

    #[test]
    fn figures_that_are_not_there_are_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert!(one(folder.path(), "neighbour", "routes").is_err());
    }
}

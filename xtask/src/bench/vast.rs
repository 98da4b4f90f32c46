//! A host with more on it than anybody has: 1,000 networks of a real dockerd, 500 containers in ten of them each, and then
//! a flood to 10,000 remotes. How long the start takes there, and how much memory all of it takes.
//!
//! With so many networks dockerd takes two seconds to start a container in ten of them: when it must be quick, there are a
//! few, and the targets are not what is measured. Most networks are empty then, which the start inspects for a while only.

use anyhow::{Result, anyhow};
use serde_json::json;

use super::context::Context;
use super::estate::Estate;
use super::flood;
use super::row::Row;
use super::spread::{mebibytes, short};
use super::stage::Stage;
use super::start;

const NETWORKS: usize = 1_000;
/// Networks that each container is in.
const EACH: usize = 10;
const CONTAINERS: usize = 500;
/// Of them, when it must be quick.
const FEW: usize = 12;

/// Milliseconds.
const START: f64 = 2_000.0;
/// MiB.
const MEMORY: f64 = 64.0;

pub(super) fn measure(context: &Context) -> Result<Vec<Row>> {
    let (_neighbours, lab) = flood::ground()?;
    let containers = context.times(FEW, CONTAINERS);
    let estate = Estate {
        networks: NETWORKS,
        containers,
        running: containers,
        each: EACH,
    };
    let daemon = estate.raise(&lab.srv)?;
    let what = |containers| format!("{NETWORKS} networks, {} endpoints", containers * EACH);
    let here = what(containers);
    let (starts, sizes) = start::row(context, &lab, &daemon, (&here, NETWORKS), START)?;
    let mut stage = Stage::raise_on(lab, daemon, &context.binary)?;
    // dockerd goes on inspecting what the start asked for, and needs the same two cores.
    let time = flood::time(context) * 4;
    let (flood, ()) = stage.play(|stage| flood::pour(stage, time, |_| Ok(())))?;
    let flooded = mebibytes(flood.memory());
    let memory = format!("{sizes} and {} MiB", short(flooded));
    let row = Row::new(
        format!("memory (RSS): {here}, then {} remotes too", flood.remotes()),
        memory,
    )
    .target(
        format!("<= {MEMORY} MiB, with all remotes"),
        flooded <= MEMORY && flood.reached_all(),
    )
    .note(flood.said())
    .raw(json!({"endpoints_mib": sizes.all(), "remotes_too_mib": flooded, "flood": flood.raw()}));
    let mut rows = vec![starts, row];
    if context.quick {
        let why = anyhow!("so many take dockerd half an hour: without --quick");
        let name = format!("start and memory: {}", what(CONTAINERS));
        rows.push(Row::unmeasured(&name, &why));
    }
    Ok(rows)
}

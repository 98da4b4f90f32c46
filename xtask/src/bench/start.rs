//! How long from the start of bridgetrace to the moment it watches, from before the fork to its line on
//! standard error, which comes after everything is attached and the first inventory has been read; and its resident
//! memory then.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use bridgetrace_lab::{Dockerd, Topology};
use serde_json::json;

use super::context::Context;
use super::process::resident;
use super::row::Row;
use super::spread::{Spread, mebibytes, milliseconds};
use super::stage::start;
use crate::interrupt;

/// Milliseconds.
const TIME: f64 = 300.0;
/// MiB.
const MEMORY: f64 = 20.0;

/// On a server with a daemon that has no network of its own.
pub(super) fn measure(context: &Context) -> Result<Vec<Row>> {
    let lab = Topology::new()?;
    interrupt::check()?;
    let daemon = Dockerd::start(&lab.srv)?;
    let (time, memory) = row(context, &lab, &daemon, ("a fresh daemon", 0), TIME)?;
    let enough = memory.median() <= MEMORY;
    let memory = Row::new("memory (RSS) at start", format!("{memory} MiB"))
        .target(format!("<= {MEMORY} MiB"), enough)
        .raw(json!({"mib": memory.all()}));
    Ok(vec![time, memory])
}

/// The time on a server with `what` on it and so many networks of docker's, `target` in milliseconds; and the memory, in MiB.
pub(super) fn row(
    context: &Context,
    lab: &Topology,
    daemon: &Dockerd,
    (what, networks): (&str, usize),
    target: f64,
) -> Result<(Row, Spread)> {
    let starts = (0..context.times(5, 20)).map(|_| one(&context.binary, lab, daemon, networks));
    let (times, sizes) = starts.collect::<Result<(Vec<_>, Vec<_>)>>()?;
    let times = Spread::new(times)?;
    let row = Row::new(format!("start to attached, {what}"), format!("{times} ms"))
        .target(format!("<= {target} ms"), times.median() <= target)
        .raw(json!({"ms": times.all()}));
    Ok((row, Spread::new(sizes)?))
}

/// Milliseconds and MiB.
fn one(binary: &Path, lab: &Topology, daemon: &Dockerd, networks: usize) -> Result<(f64, f64)> {
    interrupt::check()?;
    let begin = Instant::now();
    let mut tracer = start(binary, lab, daemon, &[])?;
    let log = tracer.log();
    let watching = log.iter().find(|line| line.text.contains("watching"));
    let watching = watching.context("not watching")?;
    // It gives up waiting for its inventory by and by: that is no start.
    let words = watching.text.split(' ');
    let bridges = words.skip_while(|word| *word != "watching").nth(1);
    let bridges: usize = bridges
        .and_then(|it| it.parse().ok())
        .context("no number")?;
    ensure!(
        bridges > networks && !watching.text.contains("no docker at"),
        "it has not read everything: {}",
        watching.text
    );
    let time = watching.at - begin;
    let memory = resident(tracer.id())?;
    tracer.terminate()?;
    Ok((milliseconds(time), mebibytes(memory)))
}

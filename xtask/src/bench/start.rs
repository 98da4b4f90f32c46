//! How long from the start of bridgetrace to the moment it watches: from before the fork to its line on
//! standard error, which comes after everything is attached and the first inventory is in.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result};
use bridgetrace_lab::{Dockerd, Topology};
use serde_json::json;

use super::context::Context;
use super::row::Row;
use super::spread::Spread;
use super::stage::start;
use crate::interrupt;

/// Milliseconds.
const TARGET: f64 = 300.0;

/// On a server with a daemon that has no network of its own.
pub(super) fn measure(context: &Context) -> Result<Vec<Row>> {
    let lab = Topology::new()?;
    interrupt::check()?;
    let daemon = Dockerd::start(&lab.srv)?;
    Ok(vec![row(context, &lab, &daemon, "a fresh daemon", TARGET)?])
}

/// The same on a server with `what` on it; `target` in milliseconds.
pub(super) fn row(
    context: &Context,
    lab: &Topology,
    daemon: &Dockerd,
    what: &str,
    target: f64,
) -> Result<Row> {
    let starts = (0..context.times(5, 20)).map(|_| one(&context.binary, lab, daemon));
    let times = Spread::new(starts.collect::<Result<_>>()?).context("no start")?;
    let row = Row::new(format!("start to attached, {what}"), format!("{times} ms"));
    Ok(row
        .target(format!("<= {target} ms"), times.median() <= target)
        .raw(json!({"ms": times.all()})))
}

/// Milliseconds.
fn one(binary: &Path, lab: &Topology, daemon: &Dockerd) -> Result<f64> {
    interrupt::check()?;
    let begin = Instant::now();
    let mut tracer = start(binary, lab, daemon, &[])?;
    tracer.wait_ready()?;
    let log = tracer.log();
    let watching = log.iter().find(|line| line.text.contains("watching"));
    let time = watching.context("not watching")?.at - begin;
    tracer.terminate()?;
    Ok(time.as_secs_f64() * 1e3)
}

//! How long from the start of bridgetrace to the moment it watches.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bridgetrace_lab::{Dockerd, Topology};

use super::stage::start;
use super::statistics::Times;
use crate::interrupt;

const STARTS: usize = 10;

/// Starts it again and again, on a server with a daemon.
pub(super) fn measure(binary: &Path) -> Result<Times> {
    let lab = Topology::new()?;
    interrupt::check()?;
    let daemon = Dockerd::start(&lab.srv)?;
    let times: Result<Vec<Duration>> = (0..STARTS).map(|_| one(binary, &lab, &daemon)).collect();
    Times::new(times?).context("no start")
}

fn one(binary: &Path, lab: &Topology, daemon: &Dockerd) -> Result<Duration> {
    interrupt::check()?;
    let begin = Instant::now();
    let mut tracer = start(binary, lab, daemon)?;
    tracer.wait_ready()?;
    let log = tracer.log();
    let watching = log.iter().find(|line| line.text.contains("watching"));
    let time = watching.context("not watching")?.at - begin;
    tracer.terminate()?;
    Ok(time)
}

//! A busy host: 1,000 routes, 30 networks of a real dockerd and 500 containers, one running in each network.
//! How long the start takes there, and `bridgetrace check`, from before the fork to the end of the process.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use bridgetrace_lab::{Dockerd, Topology, Tracer};
use serde_json::json;

use super::context::Context;
use super::estate::Estate;
use super::row::Row;
use super::spread::{Spread, milliseconds, short};
use super::start;
use crate::interrupt;

const ROUTES: usize = 1_000;
const ESTATE: Estate = Estate {
    networks: 30,
    containers: 500,
    running: 30,
    each: 1,
};
/// Of a look that hangs.
const SOON: Duration = Duration::from_secs(60);

/// Milliseconds.
const START: f64 = 300.0;
const CHECK: f64 = 2_000.0;

pub(super) fn measure(context: &Context) -> Result<Vec<Row>> {
    let lab = Topology::new()?;
    lab.srv.ip(&routes())?;
    let daemon = ESTATE.raise(&lab.srv)?;
    let Estate {
        networks,
        containers,
        ..
    } = ESTATE;
    let what = format!("{networks} networks, {containers} containers");
    let (starts, _) = start::row(context, &lab, &daemon, (&what, networks), START)?;
    let looks = (0..context.times(3, 20)).map(|_| look(&context.binary, &lab, &daemon));
    let times = Spread::new(looks.collect::<Result<_>>()?)?;
    let check = Row::new(
        format!("check: {ROUTES} routes, {what}"),
        format!("{times} ms"),
    )
    .target(format!("worst <= {CHECK} ms"), times.max() <= CHECK)
    .note(format!(
        "{} looks, the worst took {} ms; {} of the containers run, one in each network.",
        times.all().len(),
        short(times.max()),
        ESTATE.running
    ))
    .raw(json!({"ms": times.all()}));
    Ok(vec![starts, check])
}

/// To everywhere but where docker's pools and the lab are.
fn routes() -> String {
    let third = |number: usize| format!("{}.{}", number / 250, number % 250);
    (0..ROUTES)
        .map(|number| format!("route add 100.{}.0/24 via 172.42.10.1\n", third(number)))
        .collect()
}

/// Milliseconds.
fn look(binary: &Path, lab: &Topology, daemon: &Dockerd) -> Result<f64> {
    interrupt::check()?;
    let endpoint = daemon.endpoint();
    let words = ["check", "--format", "jsonl", "--docker-host", &endpoint];
    let begin = Instant::now();
    let mut check = Tracer::start_program(&lab.srv, binary, &words, &[])?;
    check.wait_exit(SOON)?;
    let took = begin.elapsed();
    let lines = check.values()?;
    let last = lines.last().context("not even a summary")?;
    let seen = &last["bridgetrace"]["check"];
    ensure!(
        seen["networks"] == ESTATE.networks + 1 && seen.get("unseen").is_none(),
        "not everything was looked at: {last}"
    );
    Ok(milliseconds(took))
}

//! What a flight recorder writes on a healthy host: a daemon, a container that answers a ping a second, an address
//! that nobody loses.
//!
//! Two recorders look on from the same moment; one is ended early. What the other wrote more is what the time
//! between cost, without the inventory that each begins with and what each says at its end.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use bridgetrace_lab::{Process, Tracer};
use serde_json::json;

use super::context::Context;
use super::hooks::Scene;
use super::process::cpu;
use super::row::Row;
use super::spread::short;
use crate::interrupt;

/// A few KiB an hour.
const TARGET: f64 = 8.0;
/// The start is over by then.
const EARLY: Duration = Duration::from_secs(30);

pub(super) fn measure(context: &Context) -> Result<Vec<Row>> {
    let scene = Scene::raise()?;
    let folder = tempfile::tempdir()?;
    let time = Duration::from_secs(if context.quick { 120 } else { 330 });
    let mut ping = scene.lab.srv.command("ping");
    ping.args(["-q", &scene.sink().ip().to_string()]);
    let _ping = Process::spawn(ping)?;
    let mut early = record(context, &scene, &folder.path().join("early.btr"))?;
    let mut late = record(context, &scene, &folder.path().join("late.btr"))?;
    let begin = Instant::now();
    interrupt::wait_until(begin, EARLY)?;
    early.terminate()?;
    let (after, worked) = (begin.elapsed(), cpu(late.id())?);
    interrupt::wait_until(begin, time)?;
    let worked = cpu(late.id())? - worked;
    late.terminate()?;
    let span = begin.elapsed() - after;
    let size = |name: &str| -> Result<u64> {
        let file = folder.path().join(name);
        Ok(file.metadata().context("no recording")?.len())
    };
    rows(size("early.btr")?, size("late.btr")?, worked, span)
}

fn record(context: &Context, scene: &Scene, file: &Path) -> Result<Tracer> {
    let (endpoint, file) = (scene.daemon.endpoint(), file.display().to_string());
    let words = ["record", &file, "--docker-host", &endpoint];
    let mut recorder = Tracer::start_program(&scene.lab.srv, &context.binary, &words, &[])?;
    recorder.wait_ready()?;
    Ok(recorder)
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
fn rows(early: u64, late: u64, worked: Duration, span: Duration) -> Result<Vec<Row>> {
    // The beginnings differ by some bytes, so that it may be less than nothing.
    let more = late as f64 - early as f64;
    let hours = span.as_secs_f64() / 3600.0;
    let an_hour = more / 1024.0 / hours;
    let share = worked.as_secs_f64() / span.as_secs_f64() * 100.0;
    let raw = json!({"early_bytes": early, "late_bytes": late, "seconds": span.as_secs_f64(), "cpu_percent": share});
    Ok(vec![
        Row::new(
            "recorder on a healthy host",
            format!("{} KiB an hour", short(an_hour)),
        )
        .target(format!("<= {TARGET} KiB"), an_hour <= TARGET)
        .note(format!(
            "{more} bytes in {} s, beside {early} of the beginning; {} % of a core",
            short(span.as_secs_f64()),
            short(share)
        ))
        .raw(raw),
    ])
}

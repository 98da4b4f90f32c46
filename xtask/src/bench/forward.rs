//! A healthy host that sends to a container and forwards to it as fast as it can: what reaches userspace.
//!
//! Two tracers look on. One is left alone: how often it wakes is counted. The other logs every input: the
//! records of this lab's namespaces are counted in its log, since tracepoints see the whole machine.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};
use bridgetrace_lab::Tracer;
use serde_json::json;
use tracer_core::decode::{Record, record};
use tracer_core::input::{Body, Input};

use super::context::Context;
use super::hooks::Scene;
use super::process::sleeps;
use super::row::Row;
use super::spread::short;
use super::stage::start;
use super::traffic::Sender;
use crate::interrupt;

/// Wake-ups a second.
const TARGET: f64 = 2.0;
/// Datagrams between two looks at the clock.
const BATCH: u32 = 1000;

pub(super) fn measure(context: &Context) -> Result<Vec<Row>> {
    let scene = Scene::raise()?;
    let container = scene.sink();
    let quiet = start(&context.binary, &scene.lab, &scene.daemon, &[])?;
    let mut loud = start(&context.binary, &scene.lab, &scene.daemon, &["-vvv"])?;
    let senders = [
        Sender::new(&scene.lab.srv, container)?,
        Sender::connected(&scene.lab.router, container)?,
    ];
    let time = Duration::from_secs(if context.quick { 5 } else { 20 });
    // The first packets find the neighbour resolved already; the start itself is over.
    let before = sleeps(quiet.id())?;
    let (packets, took) = pour(&senders, time)?;
    let wakes = sleeps(quiet.id())? - before;
    loud.terminate()?;
    let records = records(&loud, scene.lab.srv.inum())?;
    rows(packets, took, wakes, records, container)
}

/// Sends from all at once; returns how many datagrams there were, and how long it took.
fn pour(senders: &[Sender], time: Duration) -> Result<(u64, Duration)> {
    let (stop, count) = (AtomicBool::new(false), AtomicU64::new(0));
    let begin = Instant::now();
    std::thread::scope(|scope| {
        for sender in senders {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    sender.send(BATCH);
                    count.fetch_add(BATCH.into(), Ordering::Relaxed);
                }
            });
        }
        let waited = interrupt::wait_for("the time to be over", time * 2, || {
            Ok((begin.elapsed() >= time).then_some(()))
        });
        stop.store(true, Ordering::Relaxed);
        waited
    })?;
    Ok((count.into_inner(), begin.elapsed()))
}

/// Records about this namespace in the log of a tracer that logs its inputs.
fn records(tracer: &Tracer, netns: u32) -> Result<usize> {
    let log = tracer.log();
    let done = log.iter().any(|line| line.text.contains("done: "));
    anyhow::ensure!(done, "the tracer ended without its last word");
    let inputs = log.iter().filter_map(|line| line.text.split_once("input "));
    let inputs = inputs.map(|(_, input)| serde_json::from_str::<Input>(input));
    let mut count = 0;
    for input in inputs {
        if let Body::Kernel(bytes) = input.context("read an input")?.body
            && let Record::Packet(event) =
                record(&bytes).map_err(|error| anyhow!("no record: {error:?}"))?
            && event.netns == netns
        {
            count += 1;
        }
    }
    Ok(count)
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
fn rows(
    packets: u64,
    took: Duration,
    wakes: u64,
    records: usize,
    container: SocketAddr,
) -> Result<Vec<Row>> {
    let seconds = took.as_secs_f64();
    let (rate, wakes_a_second) = (packets as f64 / seconds, wakes as f64 / seconds);
    anyhow::ensure!(packets > 0, "nothing was sent to {container}");
    let raw = json!({"packets": packets, "seconds": seconds, "wakes": wakes, "records": records});
    Ok(vec![
        Row::new(
            "to a container at full speed: ring-buffer records",
            records.to_string(),
        )
        .target("0", records == 0)
        .note(format!(
            "{} packets a second, half of them sent, half of them forwarded, for {} s",
            short(rate),
            short(seconds)
        ))
        .raw(raw),
        Row::new(
            "  wake-ups of the process",
            format!("{} a second", short(wakes_a_second)),
        )
        .target(format!("< {TARGET} a second"), wakes_a_second < TARGET),
    ])
}

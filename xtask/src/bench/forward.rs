//! A healthy host that sends to a container and forwards to it as fast as it can: what reaches userspace.
//!
//! Two tracers look on. One is left alone: how often it wakes is counted. The other logs every input: the
//! records of this lab's namespaces are counted in its log, since tracepoints see the whole machine.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};
use bridgetrace_lab::Tracer;
use serde_json::json;
use tracer_core::decode::{Record, record};
use tracer_core::input::{Body, Input};

use super::context::Context;
use super::hooks::{PORT, Scene};
use super::process::Sleeps;
use super::row::Row;
use super::spread::short;
use super::stage::start;
use super::traffic::Sender;
use crate::interrupt;

/// Wake-ups a second.
const TARGET: f64 = 2.0;
/// An address of the container's network that nobody has.
const ABSENT: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 202, 0, 250));
/// A record is there at once.
const SOON: Duration = Duration::from_secs(10);
/// Datagrams between two looks at the flag.
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
    let before = scene.arrived()?;
    // The first packets find the neighbour resolved already; the start itself is over.
    let mut sleeps = Sleeps::of(quiet.id())?;
    let took = pour(&senders, time, || sleeps.look())?;
    let packets = scene.arrived()? - before;
    lose(&scene, &loud)?;
    loud.terminate()?;
    let records = records(&loud, scene.lab.srv.inum(), |remote| remote != ABSENT)?;
    rows(packets, took, sleeps.total(), records)
}

/// One packet to nobody: its record shows that records would have been seen.
fn lose(scene: &Scene, loud: &Tracer) -> Result<()> {
    Sender::new(&scene.lab.srv, (ABSENT, PORT).into())?.send(1);
    interrupt::wait_for("the record of a lost packet", SOON, || {
        let told = records(loud, scene.lab.srv.inum(), |remote| remote == ABSENT)?;
        Ok((told > 0).then_some(()))
    })
}

/// Sends from all at once, and looks on; returns how long it took.
fn pour(
    senders: &[Sender],
    time: Duration,
    mut look: impl FnMut() -> Result<()>,
) -> Result<Duration> {
    let stop = AtomicBool::new(false);
    let begin = Instant::now();
    std::thread::scope(|scope| {
        for sender in senders {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    sender.send(BATCH);
                }
            });
        }
        let waited = interrupt::wait_for("the time to be over", time * 2, || {
            look()?;
            Ok((begin.elapsed() >= time).then_some(()))
        });
        stop.store(true, Ordering::Relaxed);
        waited
    })?;
    Ok(begin.elapsed())
}

/// Records about this namespace and such remotes in the log of a tracer that logs its inputs.
fn records(tracer: &Tracer, netns: u32, wanted: impl Fn(IpAddr) -> bool) -> Result<usize> {
    let log = tracer.log();
    let inputs = log.iter().filter_map(|line| line.text.split_once("input "));
    let mut count = 0;
    for (_, input) in inputs {
        let input: Input = serde_json::from_str(input).context("read an input")?;
        if let Body::Kernel(bytes) = input.body
            && let Record::Packet(event) =
                record(&bytes).map_err(|error| anyhow!("no record: {error:?}"))?
            && event.netns == netns
            && wanted(event.remote)
        {
            count += 1;
        }
    }
    Ok(count)
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
fn rows(packets: u64, took: Duration, wakes: u64, records: usize) -> Result<Vec<Row>> {
    let seconds = took.as_secs_f64();
    let (rate, wakes_a_second) = (packets as f64 / seconds, wakes as f64 / seconds);
    ensure!(packets > 0, "nothing arrived");
    let raw = json!({"packets": packets, "seconds": seconds, "wakes": wakes, "records": records});
    Ok(vec![
        Row::new(
            "to a container at full speed: ring-buffer records",
            records.to_string(),
        )
        .target("0", records == 0)
        .note(format!(
            "{} packets a second arrived there, some sent, some forwarded, for {} s",
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

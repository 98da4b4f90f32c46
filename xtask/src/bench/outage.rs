//! One outage after the other, and how long each took to be told.
//!
//! The clock starts at the kernel's own timestamp of the lost reply, which the finding carries as
//! `event.start`, and stops when the line has been read from the pipe. A second clock starts when
//! the client sends: it knows nothing of the product, so the first cannot flatter.

use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, ensure};
use bridgetrace_lab::{Process, topology};
use serde_json::json;

use super::context::Context;
use super::row::Row;
use super::spread::{Spread, milliseconds, short};
use super::stage::{BLACKHOLE, Stage};
use crate::sh;

const PORT: u16 = 7022;
/// How often to say how far it is.
const NEWS: usize = 10;

/// Milliseconds from the first lost reply to the line: half of the lines are there by then…
const MEDIAN: f64 = 3.0;
/// …and all but one of a hundred.
const P99: f64 = 20.0;

/// What one outage took.
struct Taken {
    told: Duration,
    since_sent: Duration,
}

/// Each kind of outage; the first as often as the target asks.
pub(super) fn measure(context: &Context) -> Result<Vec<Row>> {
    let mut stage = Stage::raise(&context.binary)?;
    let (pings, connections) = (context.times(15, 500), context.times(10, 50));
    stage.play(|stage| {
        let mut rows = repeat("ping into a network that is there", pings, || ping(stage))?;
        let old = "connection older than the network";
        rows.extend(repeat(old, connections, || connection(stage))?);
        Ok(rows)
    })
}

fn repeat(name: &str, runs: usize, mut once: impl FnMut() -> Result<Taken>) -> Result<Vec<Row>> {
    let (mut told, mut since_sent) = (Vec::new(), Vec::new());
    for run in 1..=runs {
        let times = once().with_context(|| format!("{name}, run {run} of {runs}"))?;
        told.push(milliseconds(times.told));
        since_sent.push(milliseconds(times.since_sent));
        if run % NEWS == 0 {
            sh::say(format!("{name}: {run} of {runs}"));
        }
    }
    rows(name, told, since_sent)
}

fn rows(name: &str, told: Vec<f64>, since_sent: Vec<f64>) -> Result<Vec<Row>> {
    let runs = told.len();
    let (told, sent) = (Spread::new(told)?, Spread::new(since_sent)?);
    let p99 = told.percentile(99);
    let median = Row::new(
        format!("first lost reply to line: {name}"),
        format!("{told} ms"),
    )
    .target(format!("p50 <= {MEDIAN} ms"), told.median() <= MEDIAN)
    .raw(json!({"lost_to_line_ms": told.all(), "sent_to_line_ms": sent.all()}));
    let late = Row::new(
        "  the same, 99 of 100",
        format!("{} ms, worst {}", short(p99), short(told.max())),
    )
    .target(format!("p99 <= {P99} ms"), p99 <= P99)
    .note(format!(
        "{runs} outages. From the client's packet, by the client's clock: {sent} ms."
    ));
    Ok(vec![median, late])
}

/// The network first, then one ping.
fn ping(stage: &mut Stage) -> Result<Taken> {
    let bridge = stage.collide()?;
    let sent = SystemTime::now();
    let mut command = stage.lab.pc.command("ping");
    command.args(["-c1", "-q", "-W1", &topology::SRV.to_string()]);
    command.stdout(std::process::Stdio::null());
    let ping = Process::spawn(command)?;
    let times = tell(stage, &bridge, sent)?;
    drop(ping);
    end(stage, &bridge)?;
    Ok(times)
}

/// A connection first, then the network, then one message and its reply.
fn connection(stage: &mut Stage) -> Result<Taken> {
    let (_server, mut connection) = stage.connection(PORT)?;
    let bridge = stage.collide()?;
    let sent = SystemTime::now();
    std::io::Write::write_all(&mut connection, b"during")?;
    let times = tell(stage, &bridge, sent)?;
    end(stage, &bridge)?;
    Ok(times)
}

fn tell(stage: &mut Stage, bridge: &str, sent: SystemTime) -> Result<Taken> {
    let heard = stage.hear(BLACKHOLE, "opened", bridge)?;
    let lost = heard.lost_at()?;
    ensure!(lost >= sent, "lost {lost:?} before it was sent {sent:?}");
    Ok(Taken {
        told: heard.since_lost()?,
        since_sent: heard.at.duration_since(sent)?,
    })
}

fn end(stage: &mut Stage, bridge: &str) -> Result<()> {
    stage.part()?;
    stage.hear(BLACKHOLE, "resolved", bridge).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_slow_outage_of_a_few_is_a_missed_target() {
        let verdicts = |told: &[f64]| {
            let rows = rows("x", told.to_vec(), told.to_vec()).unwrap();
            [0, 1].map(|row: usize| rows[row].verdict.word())
        };
        assert_eq!(verdicts(&[0.9, 1.0, 19.9]), ["ok", "ok"]);
        assert_eq!(verdicts(&[0.9, 1.0, 20.1]), ["ok", "SHORT"]);
        assert_eq!(verdicts(&[0.9, 3.1, 4.0]), ["SHORT", "ok"]);
    }
}

//! A flood: the server answers 10,000 clients as fast as two threads can send, and a bridge swallows all of it.
//!
//! The clients are addresses of the PC's loopback; each asks in turn, so that the tracer sees that they come in
//! by the uplink. Sent datagrams are counted by the senders; as many must be told when the network is gone.
//!
//! How fast the machine can send at all is measured before the tracer starts and after it ended: the same senders,
//! the same clients, into another network over the same addresses. Whether anything else is still told in time is measured at
//! half time: a second network comes, over an address that the flood has nothing to do with, and one client there
//! pings the server.

mod ends;

use std::fs;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use bridgetrace_lab::topology::{COLLISION, PC, SRV};
use bridgetrace_lab::{Dockerd, Process, Topology};
use serde_json::{Value, json};

use self::ends::{CLIENTS, Ends, REMOTES, SENDERS};
use super::context::Context;
use super::process::{cpu, resident};
use super::row::Row;
use super::spread::{mebibytes, milliseconds, short};
use super::stage::{BLACKHOLE, NETWORK, Stage, cover};
use crate::interrupt;

/// A neighbour's queue, bytes: ten thousand of the usual size are gigabytes.
const QUEUE: &str = "4096";
/// How many neighbours the kernel keeps; a setting of the whole machine.
const NEIGHBOURS: &str = "/proc/sys/net/ipv4/neigh/default/gc_thresh3";
/// Another client, whom a network covers that comes at half time.
const BYSTANDER: Ipv4Addr = Ipv4Addr::new(172, 24, 10, 119);
const LATE: &str = "bench-late";
const LATE_SUBNET: &str = "172.24.0.0/16";
/// Packets a second; or this share of what the machine sends without a tracer.
const RATE: f64 = 1e6;
const SHARE: f64 = 0.9;
/// Of one core.
const CPU: f64 = 0.2;
/// Milliseconds.
const SOON: f64 = 100.0;
/// MiB by which memory may grow in the flood's second half, and that it may take in all.
const FLAT: f64 = 2.0;
const MEMORY: f64 = 64.0;

/// What the flood was, and what was seen of it.
#[derive(Debug, Default)]
pub(super) struct Flood {
    sent: u64,
    seconds: f64,
    /// Packets a second until half of it was over: nothing else goes on until then.
    rate: f64,
    cpu: f64,
    /// Bytes, when half of it was over and at its end.
    memory: [u64; 2],
    /// Milliseconds from the first lost packet to the line about it.
    opened: f64,
    told: u64,
    remotes: u64,
    /// Events of the kernel half that did not get through.
    lost_events: u64,
}

pub(super) fn measure(context: &Context) -> Result<Vec<Row>> {
    let (_neighbours, lab) = ground()?;
    let daemon = Dockerd::start(&lab.srv)?;
    let time = time(context);
    let before = untraced(&lab, &daemon, time / 2)?;
    let mut stage = Stage::raise_on(lab, daemon, &context.binary)?;
    let (flood, late) = stage.play(|stage| pour(stage, time, late))?;
    let (lab, daemon) = stage.end();
    let after = untraced(&lab, &daemon, time / 2)?;
    Ok(rows(&flood, [before, after], late.map(milliseconds)))
}

/// How long it lasts: twice as long at least as it takes until all clients have asked.
pub(super) fn time(context: &Context) -> Duration {
    Duration::from_secs(if context.quick { 8 } else { 15 })
}

/// A lab whose PC has all the clients' addresses, and room for as many neighbours as long as the setting lives.
pub(super) fn ground() -> Result<(Setting, Topology)> {
    let neighbours = Setting::raise(NEIGHBOURS, 4 * u32::from(REMOTES))?;
    let lab = Topology::new()?;
    for clients in [CLIENTS.to_owned(), format!("{BYSTANDER}/32")] {
        lab.pc.ip(&format!("route add local {clients} dev lo"))?;
        lab.router.ip(&format!("route add {clients} via {PC}"))?;
    }
    Ok((neighbours, lab))
}

/// Packets a second that the machine sends into such a bridge while nobody traces.
fn untraced(lab: &Topology, daemon: &Dockerd, time: Duration) -> Result<f64> {
    let ends = Ends::open(lab)?;
    let bridge = cover(daemon, NETWORK, COLLISION)?;
    keep_few(lab, &bridge)?;
    let (_, rate) = ends.pour(|sent| {
        let begin = Instant::now();
        interrupt::wait_until(begin, time)?;
        rate(sent, begin)
    })?;
    daemon.remove_network(NETWORK)?;
    Ok(rate)
}

impl Flood {
    /// Resident memory of the tracer at its end, bytes.
    pub(super) fn memory(&self) -> u64 {
        self.memory[1]
    }

    /// Clients that were told of.
    pub(super) fn remotes(&self) -> u64 {
        self.remotes
    }

    /// Whether all of them were.
    pub(super) fn reached_all(&self) -> bool {
        self.remotes == u64::from(REMOTES)
    }

    /// How many of the clients were told of, in which time.
    pub(super) fn said(&self) -> String {
        format!(
            "{} packets to {} of {REMOTES} remotes, in {} s; {} events did not get through to userspace",
            self.sent,
            self.remotes,
            short(self.seconds),
            self.lost_events
        )
    }

    pub(super) fn raw(&self) -> Value {
        json!({"sent": self.sent, "told": self.told, "remotes": self.remotes, "seconds": self.seconds,
               "lost_events": self.lost_events})
    }
}

/// From the network that covers the clients to its end, with something else at half time.
pub(super) fn pour<T>(
    stage: &mut Stage,
    time: Duration,
    half_time: impl FnOnce(&mut Stage) -> Result<T>,
) -> Result<(Flood, T)> {
    let ends = Ends::open(&stage.lab)?;
    let bridge = stage.collide()?;
    keep_few(&stage.lab, &bridge)?;
    let (sent, (mut seen, other)) =
        ends.pour(|sent| watch(stage, &bridge, time, sent, half_time))?;
    seen.sent = sent;
    stage.part()?;
    let resolved = stage.hear(BLACKHOLE, "resolved", &bridge)?;
    (seen.told, seen.remotes) = (resolved.count("packets")?, resolved.count("remotes")?);
    let lost = resolved.finding["bridgetrace"]["lost_events"].as_u64();
    seen.lost_events = lost.context("no count of lost events")?;
    Ok((seen, other))
}

/// Looks on while it lasts.
fn watch<T>(
    stage: &mut Stage,
    bridge: &str,
    time: Duration,
    sent: &AtomicU64,
    half_time: impl FnOnce(&mut Stage) -> Result<T>,
) -> Result<(Flood, T)> {
    let pid = stage.tracer();
    let (begin, cpu_before) = (Instant::now(), cpu(pid)?);
    let opened = stage.hear(BLACKHOLE, "opened", bridge)?;
    interrupt::wait_until(begin, time / 2)?;
    let (half, rate) = (resident(pid)?, rate(sent, begin)?);
    let other = half_time(stage)?;
    interrupt::wait_until(begin, time)?;
    let seconds = begin.elapsed().as_secs_f64();
    let flood = Flood {
        seconds,
        rate,
        cpu: (cpu(pid)? - cpu_before).as_secs_f64() / seconds,
        memory: [half, resident(pid)?],
        opened: milliseconds(opened.since_lost()?),
        ..Flood::default()
    };
    Ok((flood, other))
}

/// A network over the bystander, who pings the server: how long from the first reply lost to the line; none if it
/// is waited for in vain. The network stays until the daemon goes.
fn late(stage: &mut Stage) -> Result<Option<Duration>> {
    let bridge = cover(&stage.daemon, LATE, LATE_SUBNET)?;
    let mut command = stage.lab.pc.command("ping");
    // More than one, as the flood may crowd one out on its way.
    command.args(["-q", "-i", "0.2", "-W", "1", "-c", "50", "-I"]);
    command.args([BYSTANDER, SRV].map(|address| address.to_string()));
    command.stdout(std::process::Stdio::null());
    let _ping = Process::spawn(command)?;
    let opened = stage.hear(BLACKHOLE, "opened", &bridge);
    interrupt::check()?;
    // A missed target, and no reason to lose the other figures.
    opened.ok().map(|opened| opened.since_lost()).transpose()
}

/// Packets a second since then.
#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
fn rate(sent: &AtomicU64, begin: Instant) -> Result<f64> {
    let sent = sent.load(Ordering::Relaxed);
    ensure!(sent > 0, "nothing was sent");
    Ok(sent as f64 / begin.elapsed().as_secs_f64())
}

/// Lets a bridge's neighbours keep few packets.
fn keep_few(lab: &Topology, bridge: &str) -> Result<()> {
    lab.srv
        .sysctl(&format!("net/ipv4/neigh/{bridge}/unres_qlen_bytes"), QUEUE)
}

fn rows(flood: &Flood, untraced: [f64; 2], late: Option<f64>) -> Vec<Row> {
    let [half, full] = flood.memory.map(mebibytes);
    let exact = flood.told == flood.sent && flood.reached_all();
    vec![
        speed(flood, untraced),
        Row::new(
            "  packets told of those lost",
            format!("{} of {}", flood.told, flood.sent),
        )
        .target("exact", exact)
        .note(flood.said())
        .raw(flood.raw()),
        Row::new(
            "  userspace, of one core",
            format!("{} %", short(flood.cpu * 100.0)),
        )
        .target(format!("< {} %", CPU * 100.0), flood.cpu < CPU)
        .raw(json!({"cpu": flood.cpu})),
        Row::new(
            "  memory, half-way and at the end",
            format!("{} and {} MiB", short(half), short(full)),
        )
        .target(
            format!("flat, <= {MEMORY} MiB"),
            full - half <= FLAT && full <= MEMORY,
        )
        .raw(json!({"rss_bytes": flood.memory})),
        Row::new(
            "  the flood's own first lost packet to line",
            format!("{} ms", short(flood.opened)),
        )
        .raw(json!({"opened_ms": flood.opened})),
        other(late),
    ]
}

fn other(late: Option<f64>) -> Row {
    let time = late.map_or("never told".to_owned(), |late| {
        format!("{} ms", short(late))
    });
    Row::new("  a second network's first lost packet to line", time)
        .target(
            format!("<= {SOON} ms"),
            late.is_some_and(|late| late <= SOON),
        )
        .note("the network came, and lost a ping's reply, while the flood went on")
        .raw(json!({"late_ms": late}))
}

/// `untraced`: what the machine sends before the tracer starts, and after it ended.
fn speed(flood: &Flood, untraced: [f64; 2]) -> Row {
    let [before, after] = untraced;
    let ratio = flood.rate / f64::midpoint(before, after);
    let target = format!(">= {RATE} a second, or >= {SHARE} of what the machine sends untraced");
    let [on, before, after] = [flood.rate, before, after].map(short);
    Row::new("flood: packets into a bridge", format!("{on} a second"))
        .target(target, flood.rate >= RATE || ratio >= SHARE)
        .ratio(ratio)
        .note(format!(
            "{on} a second with the tracer, {before} before it started and {after} after it ended: {SENDERS} threads \
             answer {REMOTES} clients as fast as this machine lets them"
        ))
        .note("figures of the first half: nothing else goes on until then")
        .raw(json!({"traced_a_second": flood.rate, "untraced_a_second": untraced}))
}

/// A setting of the machine, put back on drop.
pub(super) struct Setting {
    file: &'static str,
    before: String,
}

impl Setting {
    /// At least this much.
    fn raise(file: &'static str, value: u32) -> Result<Self> {
        let before = fs::read_to_string(file).with_context(|| format!("read {file}"))?;
        if before.trim().parse::<u32>()? < value {
            fs::write(file, value.to_string()).with_context(|| format!("write {file}"))?;
        }
        Ok(Self { file, before })
    }
}

impl Drop for Setting {
    fn drop(&mut self) {
        if let Err(error) = fs::write(self.file, &self.before) {
            eprintln!("{} is not what it was: {error}", self.file);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_that_cannot_send_a_million_is_measured_by_itself() {
        let word = |rate, untraced| {
            let flood = Flood {
                rate,
                ..Flood::default()
            };
            speed(&flood, [untraced - 100e3, untraced + 100e3])
                .verdict
                .word()
        };
        assert_eq!(word(450e3, 500e3), "ok");
        assert_eq!(word(400e3, 500e3), "SHORT");
        assert_eq!(word(1e6, 2e6), "ok");
    }
}

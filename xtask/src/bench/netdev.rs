//! The hooks that run for every packet are there only while somebody is suspected: how long it takes to attach
//! and detach them, and whether a packet is missed meanwhile.
//!
//! Seen from outside: each attached program is a link among the tracer's files. A span is from the last look
//! that saw none to the first that saw all, so that it never flatters. Datagrams are sent by the piece across
//! both: as many must be told as were lost.

use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use bridgetrace_lab::peers::{UdpResponder, udp_send_exactly};
use bridgetrace_lab::topology::{PC, SRV};
use serde_json::json;

use super::context::Context;
use super::programs::held_by;
use super::row::Row;
use super::spread::{Spread, milliseconds};
use super::stage::{BLACKHOLE, Stage};
use crate::interrupt;

/// Milliseconds.
const TARGET: f64 = 20.0;
/// Datagrams that are answered, and whose answers are lost, in one outage.
const LOST: u32 = 1000;
const SOON: Duration = Duration::from_secs(30);
const PORT: u16 = 5353;
/// The programs, by the names the kernel keeps: 15 bytes.
const PER_PACKET: [&str; 4] = [
    "on_dev_receive",
    "on_dev_queue",
    "on_tcp_retransm",
    "on_synack_retra",
];

/// What one outage showed.
struct Seen {
    /// Milliseconds.
    attach: f64,
    detach: f64,
    told: u64,
}

pub(super) fn measure(context: &Context) -> Result<Vec<Row>> {
    let mut stage = Stage::raise(&context.binary)?;
    let programs = per_packet(stage.tracer())?;
    ensure!(
        links(stage.tracer(), &programs) == 0,
        "attached although nobody is suspected"
    );
    let runs = context.times(3, 20);
    let seen = stage.play(|stage| {
        (0..runs)
            .map(|_| once(stage, &programs))
            .collect::<Result<Vec<_>>>()
    })?;
    rows(&seen)
}

/// Ids of the programs that run per packet.
fn per_packet(pid: u32) -> Result<Vec<u64>> {
    let held = held_by(pid)?;
    let ids = held
        .iter()
        .filter(|held| PER_PACKET.contains(&held.name.as_str()));
    let ids: Vec<u64> = ids.map(|held| held.id).collect();
    ensure!(
        ids.len() == PER_PACKET.len(),
        "{} programs run per packet",
        ids.len()
    );
    Ok(ids)
}

/// An outage and its end, with a number of datagrams lost in it.
fn once(stage: &mut Stage, programs: &[u64]) -> Result<Seen> {
    let (server, pid) = ((SRV, PORT).into(), stage.tracer());
    let responder = UdpResponder::start(&stage.lab.srv, server)?;
    let bridge = stage.collide()?;
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watch = scope.spawn(|| changes(pid, programs, &stop));
        let told = (|| {
            udp_send_exactly(&stage.lab.pc, (PC, 0).into(), server, LOST)?;
            responder.wait_replied(LOST, SOON)?;
            stage.hear(BLACKHOLE, "opened", &bridge)?;
            all(pid, programs, programs.len())?;
            stage.part()?;
            let resolved = stage.hear(BLACKHOLE, "resolved", &bridge)?;
            all(pid, programs, 0)?;
            resolved.count("packets")
        })();
        stop.store(true, Ordering::Relaxed);
        let changes = watch
            .join()
            .map_err(|_| anyhow::anyhow!("the watcher panicked"))?;
        let (attach, detach) = spans(&changes, programs.len());
        Ok(Seen {
            attach,
            detach,
            told: told?,
        })
    })
}

fn all(pid: u32, programs: &[u64], wanted: usize) -> Result<()> {
    interrupt::wait_for("the per-packet hooks", SOON, || {
        Ok((links(pid, programs) == wanted).then_some(()))
    })
}

/// Links of the process that lead to one of these programs.
fn links(pid: u32, programs: &[u64]) -> usize {
    Links::default().count(pid, programs)
}

/// Files looked at before: only new ones are read.
#[derive(Default)]
struct Links(BTreeMap<String, bool>);

impl Links {
    fn count(&mut self, pid: u32, programs: &[u64]) -> usize {
        let folder = format!("/proc/{pid}/fdinfo");
        let files = fs::read_dir(&folder).into_iter().flatten();
        let names = files.filter_map(|file| file.ok()?.file_name().into_string().ok());
        let known: BTreeMap<String, bool> = names
            .map(|name| {
                let is_link = || is_link(&format!("{folder}/{name}"), programs);
                let known = self.0.get(&name).copied().unwrap_or_else(is_link);
                (name, known)
            })
            .collect();
        self.0 = known;
        self.0.values().filter(|is_link| **is_link).count()
    }
}

fn is_link(file: &str, programs: &[u64]) -> bool {
    let text = fs::read_to_string(file).unwrap_or_default();
    let program = text.lines().find_map(|line| line.strip_prefix("prog_id:"));
    let program = program.and_then(|id| id.trim().parse().ok());
    text.contains("link_type:") && program.is_some_and(|id| programs.contains(&id))
}

/// A look at the links: when it began, when it ended, how many there were.
type Look = (Instant, Instant, usize);

/// Looks as fast as it can, and once more at the end; keeps the looks before and after each change.
fn changes(pid: u32, programs: &[u64], stop: &AtomicBool) -> Vec<Look> {
    let (mut links, mut kept) = (Links::default(), Vec::<Look>::new());
    let mut last: Option<Look> = None;
    loop {
        let stopped = stop.load(Ordering::Relaxed);
        let begin = Instant::now();
        let count = links.count(pid, programs);
        let look = (begin, Instant::now(), count);
        if let Some(before) = last.replace(look)
            && before.2 != count
        {
            kept.extend([before, look]);
        }
        if stopped {
            return kept;
        }
    }
}

/// Milliseconds to attach and to detach.
fn spans(looks: &[Look], all: usize) -> (f64, f64) {
    let attached = looks.iter().position(|(.., links)| *links == all);
    let later = &looks[attached.unwrap_or(looks.len())..];
    (span(looks, 0, all), span(later, all, 0))
}

/// Milliseconds from the last look that saw `from` links to the first that saw `to`; endless if none did.
fn span(looks: &[Look], from: usize, to: usize) -> f64 {
    let end = looks.iter().position(|(.., links)| *links == to);
    let took = end.and_then(|end| {
        let before = looks[..end].iter().rfind(|(.., links)| *links == from)?;
        Some(looks[end].1 - before.0)
    });
    took.map_or(f64::INFINITY, milliseconds)
}

fn rows(seen: &[Seen]) -> Result<Vec<Row>> {
    let attach = Spread::new(seen.iter().map(|run| run.attach).collect())?;
    let detach = Spread::new(seen.iter().map(|run| run.detach).collect())?;
    let exact = seen
        .iter()
        .filter(|run| run.told == u64::from(LOST))
        .count();
    let told: Vec<u64> = seen.iter().map(|run| run.told).collect();
    let span = |what: &str, times: &Spread| {
        Row::new(format!("per-packet hooks: {what}"), format!("{times} ms"))
            .target(format!("< {TARGET} ms"), times.median() < TARGET)
            .raw(json!({"ms": times.all()}))
    };
    Ok(vec![
        span("attach", &attach),
        span("detach", &detach),
        Row::new(
            "  packets told of those lost meanwhile",
            format!("{exact} of {} exact", seen.len()),
        )
        .target("all exact", exact == seen.len())
        .note(format!("{LOST} replies lost in each outage"))
        .raw(json!({"lost": LOST, "told": told})),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_from_the_last_look_before_to_the_first_after() {
        let start = Instant::now();
        let at = |milliseconds: u64, links| {
            let begin = start + Duration::from_millis(milliseconds);
            (begin, begin + Duration::from_millis(1), links)
        };
        let looks = [
            at(8, 0),
            at(10, 1),
            at(12, 1),
            at(14, 4),
            at(50, 4),
            at(55, 0),
        ];
        let (attach, detach) = spans(&looks, 4);
        assert!((attach - 7.0).abs() < 1e-9, "{attach}");
        assert!((detach - 6.0).abs() < 1e-9, "{detach}");
        assert!(spans(&looks[..2], 4).0.is_infinite());
        assert!(spans(&looks[..4], 4).1.is_infinite());
    }
}

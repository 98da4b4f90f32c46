//! The hooks that run for every packet are there only while somebody is suspected: how long it takes to attach
//! and detach them, and whether a lost reply goes uncounted meanwhile.
//!
//! Seen from outside: each attached program is a link among the tracer's files. A span is from the last look
//! that saw none to the first that saw all, so that it never flatters. A client asks at a steady pace from
//! before the network exists until the hooks are gone again. The replies that the kernel took and that did not
//! arrive were lost: as many must be told.
//!
//! Packets of a reply-blackhole are counted by hooks that are always there, above all the one on
//! `neigh_event_send_done`: what is compared is whether these go on counting while others come and go. The
//! per-packet hooks count `delivered` (of a misdelivery) and `retransmitted`, and neither is part of that number.

mod links;

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{ScopedJoinHandle, scope, sleep};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use bridgetrace_lab::peers::{UdpResponder, count_replies, udp_send_exactly};
use bridgetrace_lab::topology::{PC, SRV};
use serde_json::json;

use self::links::{Span, changes, links, spans};
use super::context::Context;
use super::programs::held_by;
use super::row::Row;
use super::spread::Spread;
use super::stage::{BLACKHOLE, Stage};
use crate::interrupt;

/// Milliseconds.
const TARGET: f64 = 20.0;
/// From one question to the next: several while hooks are attached, and no queue on the way ever fills.
const PACE: Duration = Duration::from_micros(200);
const SOON: Duration = Duration::from_secs(30);
/// A reply that has not arrived by then does not arrive.
const QUIET: Duration = Duration::from_millis(300);
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
    attach: Span,
    detach: Span,
    /// Replies: lost, and told of as lost.
    lost: u32,
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

/// An outage and its end, while a client asks.
fn once(stage: &mut Stage, programs: &[u64]) -> Result<Seen> {
    let (server, pid) = ((SRV, PORT).into(), stage.tracer());
    let responder = UdpResponder::start(&stage.lab.srv, server)?;
    // Has room for all the replies: they are counted at the end.
    let client = udp_send_exactly(&stage.lab.pc, (PC, 0).into(), server, 1)?;
    responder.wait_replied(1, SOON)?;
    let stop = AtomicBool::new(false);
    let (looks, asked, told) = scope(|scope| {
        let looks = scope.spawn(|| changes(pid, programs, &stop, || responder.replied()));
        let asked = scope.spawn(|| ask(&client, server, &stop));
        let told = outage(stage, programs);
        stop.store(true, Ordering::Relaxed);
        anyhow::Ok((join(looks)?, join(asked)??, told?))
    })?;
    responder.wait_replied(1 + asked, SOON)?;
    let arrived = count_replies(&client, QUIET)?;
    let (attach, detach) = spans(&looks, programs.len())?;
    Ok(Seen {
        attach,
        detach,
        lost: responder.replied() - arrived,
        told,
    })
}

fn join<T>(thread: ScopedJoinHandle<'_, T>) -> Result<T> {
    thread.join().map_err(|_| anyhow!("a thread panicked"))
}

/// Asks until it is told to stop; returns how often.
fn ask(client: &UdpSocket, server: SocketAddr, stop: &AtomicBool) -> Result<u32> {
    let mut asked = 0;
    while !stop.load(Ordering::Relaxed) {
        client.send_to(b"?", server).context("ask")?;
        asked += 1;
        sleep(PACE);
    }
    Ok(asked)
}

/// From before the network exists until the hooks are gone; returns how many packets are said to be lost.
fn outage(stage: &mut Stage, programs: &[u64]) -> Result<u64> {
    let pid = stage.tracer();
    let bridge = stage.collide()?;
    stage.hear(BLACKHOLE, "opened", &bridge)?;
    all(pid, programs, programs.len())?;
    stage.part()?;
    let resolved = stage.hear(BLACKHOLE, "resolved", &bridge)?;
    all(pid, programs, 0)?;
    resolved.count("packets")
}

fn all(pid: u32, programs: &[u64], wanted: usize) -> Result<()> {
    interrupt::wait_for("the per-packet hooks", SOON, || {
        Ok((links(pid, programs) == wanted).then_some(()))
    })
}

fn rows(seen: &[Seen]) -> Result<Vec<Row>> {
    Ok(vec![
        took("attach", seen, |run| run.attach)?,
        took("detach", seen, |run| run.detach)?,
        counted(seen),
    ])
}

fn took(what: &str, seen: &[Seen], of: impl Fn(&Seen) -> Span) -> Result<Row> {
    let times = Spread::new(seen.iter().map(|run| of(run).milliseconds).collect())?;
    let row = Row::new(format!("per-packet hooks: {what}"), format!("{times} ms"))
        .target(format!("< {TARGET} ms"), times.median() < TARGET)
        .raw(json!({"ms": times.all()}));
    Ok(row)
}

fn counted(seen: &[Seen]) -> Row {
    let right = |run: &&Seen| run.told == u64::from(run.lost);
    let exact = seen.iter().filter(right).count();
    let of = |what: fn(&Seen) -> u32| seen.iter().map(what).collect::<Vec<_>>();
    let (lost, told) = (of(|run| run.lost), seen.iter().map(|run| run.told));
    let (attach, detach) = (of(|run| run.attach.replies), of(|run| run.detach.replies));
    Row::new(
        "  lost replies counted across attach and detach",
        format!("{exact} of {} outages exact", seen.len()),
    )
    .target("all exact", exact == seen.len())
    .note(format!(
        "{} replies lost, of a client that asks every {} µs from before the network exists until the hooks are \
         gone; {} replies were sent while hooks were attached, {} while they were detached",
        lost.iter().sum::<u32>(),
        PACE.as_micros(),
        attach.iter().sum::<u32>(),
        detach.iter().sum::<u32>()
    ))
    .note(
        "no packet goes uncounted while hooks are attached and detached: they are counted by hooks that are \
         always there. The per-packet ones count `delivered` and `retransmitted`, no part of this number",
    )
    .raw(json!({"lost": lost, "told": told.collect::<Vec<_>>(),
                "sent_in_attach": attach, "sent_in_detach": detach}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_reply_more_or_less_is_not_exact() {
        let across = Span {
            milliseconds: 1.0,
            replies: 1,
        };
        let run = |lost, told| Seen {
            attach: across,
            detach: across,
            lost,
            told,
        };
        let word = |told| counted(&[run(7, 7), run(7, told)]).verdict.word();
        assert_eq!([6, 7, 8].map(word), ["SHORT", "ok", "SHORT"]);
    }
}

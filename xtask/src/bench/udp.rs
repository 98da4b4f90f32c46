//! What tracing costs those who send: datagrams through the lab, from the server over the router to the PC,
//! each looked up anew, while nobody, bridgetrace or another tool is at work.
//!
//! They take turns, nobody's turn between any two others', so that a machine that gets slower is no tool's
//! fault. A turn is many short slices: the median slice was not interrupted. What a tool costs is the difference
//! to the turns of nobody before and after it.

use std::time::{Duration, Instant};

use anyhow::Result;
use bridgetrace_lab::topology::PC;
use bridgetrace_lab::{Dockerd, Topology};
use serde_json::json;

use super::context::Context;
use super::peers::{PEERS, Peer};
use super::process::cpu;
use super::row::Row;
use super::spread::{Spread, short};
use super::stage::start;
use super::traffic::{Sender, sink};
use crate::interrupt;

const PORT: u16 = 9;
/// A start takes a third of a second.
const START: Duration = Duration::from_secs(20);
const QUIET: Duration = Duration::from_millis(300);
/// Datagrams a slice: half a millisecond.
const SLICE: u32 = 200;
const SLICES: usize = 300;
/// Slices before each turn that do not count.
const WARM_UP: usize = 20;
/// Speed with bridgetrace to speed without.
const SPEED: f64 = 0.95;
/// Its cost to the bpftrace one-liner's.
const SHARE: f64 = 0.2;

/// Nanoseconds a datagram, by round.
#[derive(Default)]
struct Turns {
    off: Vec<f64>,
    on: Vec<f64>,
    cost: Vec<f64>,
}

struct Road {
    lab: Topology,
    daemon: Dockerd,
    sender: Sender,
    _sink: std::net::UdpSocket,
}

pub(super) fn measure(context: &Context) -> Result<Vec<Row>> {
    let lab = Topology::new()?;
    let daemon = Dockerd::start(&lab.srv)?;
    let road = Road {
        sender: Sender::new(&lab.srv, (PC, PORT).into())?,
        _sink: sink(&lab.pc, (PC, PORT).into())?,
        lab,
        daemon,
    };
    let there: Vec<Peer> = PEERS
        .into_iter()
        .filter(|peer| peer.version().is_some())
        .collect();
    let mut own = Turns::default();
    let mut theirs: Vec<Turns> = there.iter().map(|_| Turns::default()).collect();
    let mut off = road.turn()?;
    for _ in 0..context.times(5, 20) {
        let mut tracer = start(&context.binary, &road.lab, &road.daemon, &[])?;
        settle(tracer.id())?;
        let on = road.turn()?;
        tracer.terminate()?;
        off = own.add(off, on, road.turn()?);
        for (peer, turns) in there.iter().zip(&mut theirs) {
            let at_work = peer.start(&road.lab.srv)?;
            let on = road.turn()?;
            drop(at_work);
            off = turns.add(off, on, road.turn()?);
        }
    }
    rows(own, &there, theirs)
}

/// Waits until the process is done with its start: a third of a second without any CPU time.
fn settle(pid: u32) -> Result<()> {
    let mut last = (Instant::now(), cpu(pid)?);
    interrupt::wait_for("the tracer to be done with its start", START, || {
        let now = cpu(pid)?;
        if now != last.1 {
            last = (Instant::now(), now);
        }
        Ok((last.0.elapsed() >= QUIET).then_some(()))
    })
}

impl Turns {
    /// Adds a turn between two of nobody; returns the second of these.
    fn add(&mut self, before: f64, on: f64, after: f64) -> f64 {
        let off = f64::midpoint(before, after);
        self.off.push(off);
        self.on.push(on);
        self.cost.push(on - off);
        after
    }
}

impl Road {
    /// Nanoseconds a datagram: of the median slice.
    fn turn(&self) -> Result<f64> {
        interrupt::check()?;
        let slice = || {
            let begin = Instant::now();
            self.sender.send(SLICE);
            begin.elapsed().as_secs_f64() * 1e9 / f64::from(SLICE)
        };
        let slices = (0..WARM_UP + SLICES).map(|_| slice()).skip(WARM_UP);
        Ok(Spread::new(slices.collect())?.median())
    }
}

fn rows(own: Turns, there: &[Peer], theirs: Vec<Turns>) -> Result<Vec<Row>> {
    let speeds = own.on.iter().zip(&own.off).map(|(on, off)| off / on);
    let speed = Spread::new(speeds.collect())?;
    let (off, cost) = (Spread::new(own.off)?, Spread::new(own.cost)?);
    let mut rows = vec![
        Row::new("UDP send, tracer on : off", speed.to_string())
            .target(format!(">= {SPEED}"), speed.median() >= SPEED)
            .note(format!(
                "without a tracer {off} ns a datagram, over the router to the PC"
            ))
            .raw(json!({"on_to_off": speed.all(), "off_ns": off.all(), "on_ns": own.on})),
        Row::new("  cost of bridgetrace, a datagram", format!("{cost} ns"))
            .raw(json!({"cost_ns": cost.all()})),
    ];
    for peer in PEERS {
        let turns = there.iter().zip(&theirs).find(|(known, _)| **known == peer);
        rows.push(match turns {
            Some((_, turns)) => against(peer, &cost, Spread::new(turns.cost.clone())?),
            None => Row::new(format!("  cost of {}", peer.name()), "not installed")
                .note(format!("apt-get install {}", peer.package())),
        });
    }
    Ok(rows)
}

fn against(peer: Peer, own: &Spread, theirs: Spread) -> Row {
    let ratio = own.median() / theirs.median();
    let row = Row::new(format!("  cost of {}", peer.name()), format!("{theirs} ns"))
        .ratio(ratio)
        .note(peer.version().unwrap_or_default())
        .note(peer.task())
        .raw(json!({"cost_ns": theirs.all(), "ours_to_theirs": ratio}));
    match peer {
        Peer::Bpftrace => row.target(format!("ours <= {}", short(SHARE)), ratio <= SHARE),
        Peer::Tcpdump => row.target("ours below", ratio < 1.0),
        Peer::PerfTrace => row,
    }
}

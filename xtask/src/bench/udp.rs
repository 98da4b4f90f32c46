//! What tracing costs those who send: datagrams through the lab, from the server over the router to the PC,
//! each looked up anew, while nobody, bridgetrace or another tool is at work.
//!
//! They take turns, nobody's turn between any two others', so that a machine that gets slower is no tool's
//! fault. A turn is many short slices: the median slice was not interrupted. What a tool costs is the difference
//! to the turns of nobody before and after it. The path of a packet is faster and slower by a third for seconds at a
//! time with nobody at work; so there are many turns, and the median of the differences counts.
//!
//! Programs that do nothing have turns, too: nothing that looks at each lookup can cost less than they do.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use aya::Btf;
use aya::sys::{Stats, enable_stats};
use bridgetrace_lab::topology::PC;
use bridgetrace_lab::{Dockerd, Topology};
use serde_json::json;

use super::context::Context;
use super::peers::{PEERS, Peer};
use super::process::cpu;
use super::programs::{Yardstick, held_by};
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
/// Datagrams by which lookups are counted.
const COUNTED: u32 = 10_000;
/// Slices before each turn that do not count.
const WARM_UP: usize = 20;
/// Speed with bridgetrace to speed without.
const SPEED: f64 = 0.95;
/// Its cost to the bpftrace one-liner's.
const SHARE: f64 = 0.2;

/// The tracepoints with a program of bridgetrace that a datagram comes by.
const TRACEPOINTS: [&str; 2] = ["fib_table_lookup", "kfree_skb"];

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

/// A peer at work in its turns.
struct Rival {
    peer: Peer,
    version: String,
    turns: Turns,
    /// Why it could not be at work.
    failed: Option<anyhow::Error>,
}

pub(super) fn measure(context: &Context) -> Result<Vec<Row>> {
    let road = Road::raise()?;
    let there = PEERS.into_iter().filter_map(|peer| {
        let version = peer.version()?;
        let (turns, failed) = (Turns::default(), None);
        Some(Rival {
            peer,
            version,
            turns,
            failed,
        })
    });
    let mut rivals: Vec<Rival> = there.collect();
    let (mut own, mut empty) = (Turns::default(), Turns::default());
    let btf = Btf::from_sys_fs().context("read the kernel's BTF")?;
    let lookups = road.lookups(context)?;
    let mut off = road.turn()?;
    for _ in 0..context.times(5, 60) {
        off = own.add(off, road.turn_traced(context)?, road.turn()?);
        off = empty.add(off, road.turn_with_empty(context, &btf)?, road.turn()?);
        for rival in rivals.iter_mut().filter(|rival| rival.failed.is_none()) {
            match road.turn_with(rival.peer) {
                Ok(on) => off = rival.turns.add(off, on, road.turn()?),
                Err(error) => {
                    interrupt::check()?;
                    rival.failed = Some(error);
                }
            }
        }
    }
    rows(own, empty, lookups, rivals)
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

    /// With to without.
    fn speed(&self) -> Result<Spread> {
        let speeds = self.on.iter().zip(&self.off).map(|(on, off)| off / on);
        Spread::new(speeds.collect())
    }
}

impl Road {
    fn raise() -> Result<Self> {
        let lab = Topology::new()?;
        // The way back is looked up as well, as distributions have it.
        for netns in lab.namespaces() {
            netns.sysctl("net.ipv4.conf.all.rp_filter", "2")?;
        }
        let daemon = Dockerd::start(&lab.srv)?;
        Ok(Self {
            sender: Sender::new(&lab.srv, (PC, PORT).into())?,
            _sink: sink(&lab.pc, (PC, PORT).into())?,
            lab,
            daemon,
        })
    }

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

    /// The same with bridgetrace at work, once its start is over.
    fn turn_traced(&self, context: &Context) -> Result<f64> {
        let mut tracer = start(&context.binary, &self.lab, &self.daemon, &[])?;
        settle(tracer.id())?;
        let on = self.turn()?;
        tracer.terminate()?;
        Ok(on)
    }

    /// The same with programs that do nothing.
    fn turn_with_empty(&self, context: &Context, btf: &Btf) -> Result<f64> {
        let attach = |at: &&str| Yardstick::empty(&context.yardsticks, at, btf);
        let _attached: Vec<Yardstick> = TRACEPOINTS.iter().map(attach).collect::<Result<_>>()?;
        self.turn()
    }

    /// The same with a peer at work, from before it to after it.
    fn turn_with(&self, peer: Peer) -> Result<f64> {
        let mut at_work = peer.start(&self.lab.srv)?;
        let on = self.turn()?;
        let ended = at_work.exited()?;
        ensure!(ended.is_none(), "it ended by itself: {ended:?}");
        Ok(on)
    }

    /// Lookups a datagram, in a turn that does not count: how often the tracer's program runs.
    fn lookups(&self, context: &Context) -> Result<f64> {
        let tracer = start(&context.binary, &self.lab, &self.daemon, &[])?;
        settle(tracer.id())?;
        let _statistics = enable_stats(Stats::RunTime).context("switch BPF statistics on")?;
        let held = held_by(tracer.id())?;
        let hook = held.iter().find(|held| held.name == "on_fib_lookup");
        let program = &hook.context("no program on_fib_lookup")?.program;
        let before = program.runs()?.count;
        self.sender.send(COUNTED);
        let runs = program.runs()?.count - before;
        #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
        Ok(runs as f64 / f64::from(COUNTED))
    }
}

fn rows(own: Turns, empty: Turns, lookups: f64, rivals: Vec<Rival>) -> Result<Vec<Row>> {
    let (speed, empty_speed) = (own.speed()?, empty.speed()?);
    let empty = Spread::new(empty.cost)?;
    let (off, cost) = (Spread::new(own.off)?, Spread::new(own.cost)?);
    let mut rows = vec![
        Row::new("UDP send, tracer on : off", speed.to_string())
            .target(format!(">= {SPEED}"), speed.median() >= SPEED)
            .note(format!(
                "without a tracer {off} ns a datagram, over the router to the PC; {} lookups each",
                short(lookups)
            ))
            .raw(json!({"on_to_off": speed.all(), "off_ns": off.all(), "on_ns": own.on, "lookups": lookups})),
        Row::new("  cost of bridgetrace, a datagram", format!("{cost} ns"))
            .raw(json!({"cost_ns": cost.all()})),
        Row::new("  cost of programs that do nothing", format!("{empty} ns"))
            .ratio(cost.median() / empty.median())
            .note(format!(
                "on {}: the most that can be reached is {empty_speed} of the speed without",
                TRACEPOINTS.join(" and ")
            ))
            .raw(json!({"cost_ns": empty.all(), "on_to_off": empty_speed.all()})),
    ];
    for peer in PEERS {
        let what = format!("  cost of {}", peer.name());
        let row = match rivals.iter().find(|rival| rival.peer == peer) {
            Some(Rival {
                version,
                failed: Some(error),
                ..
            }) => Row::new(what, "cannot run")
                .note(version)
                .note(format!("{error:#}")),
            Some(rival) => against(what, &cost, rival)?,
            None => {
                Row::new(what, "not installed").note(format!("apt-get install {}", peer.package()))
            }
        };
        rows.push(row);
    }
    Ok(rows)
}

fn against(what: String, own: &Spread, rival: &Rival) -> Result<Row> {
    let theirs = Spread::new(rival.turns.cost.clone())?;
    let ratio = own.median() / theirs.median();
    let row = Row::new(what, format!("{theirs} ns"))
        .ratio(ratio)
        .note(&rival.version)
        .note(rival.peer.task())
        .raw(json!({"cost_ns": theirs.all(), "ours_to_theirs": ratio}));
    // A tool whose cost cannot be told from nothing is no measure.
    let told = theirs.percentile(25) > 0.0;
    Ok(match rival.peer {
        Peer::Bpftrace => row.target(format!("ours <= {}", short(SHARE)), told && ratio <= SHARE),
        Peer::Tcpdump => row.target("ours below", told && ratio < 1.0),
        Peer::PerfTrace => row,
    })
}

//! A flood: the server answers 10,000 clients as fast as two threads can send, and a bridge swallows all of it.
//!
//! The clients are addresses of the PC's loopback; each asks in turn, so that the tracer sees that they come in
//! by the uplink. Sent datagrams are counted by the senders; as many must be told when the network is gone.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use bridgetrace_lab::Topology;
use bridgetrace_lab::topology::{PC, SRV};
use nix::libc::in_pktinfo;
use nix::sys::socket::{ControlMessage, MsgFlags, SockaddrIn, sendmsg, setsockopt, sockopt};
use serde_json::json;

use super::context::Context;
use super::process::{cpu, resident};
use super::row::Row;
use super::spread::{mebibytes, milliseconds, short};
use super::stage::{BLACKHOLE, Stage};
use crate::interrupt;

const REMOTES: u16 = 10_000;
/// Where the clients' addresses begin; all of the network that will cover them.
const FIRST: Ipv4Addr = Ipv4Addr::new(172, 22, 64, 0);
const CLIENTS: &str = "172.22.64.0/18";
const SERVICE: SocketAddrV4 = SocketAddrV4::new(SRV, 7022);
const SENDERS: usize = 2;
/// Datagrams under way count against the sender's buffer.
const BUFFER: usize = 1 << 29;
/// A neighbour's queue, bytes: ten thousand of the usual size are gigabytes.
const QUEUE: &str = "4096";
/// How many neighbours the kernel keeps; a setting of the whole machine.
const NEIGHBOURS: &str = "/proc/sys/net/ipv4/neigh/default/gc_thresh3";
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
    cpu: f64,
    /// Bytes, when half of it was over and at its end.
    memory: [u64; 2],
    /// Milliseconds from the first lost packet to the line about it.
    opened: f64,
    told: u64,
    remotes: u64,
}

pub(super) fn measure(context: &Context) -> Result<Vec<Row>> {
    let (_neighbours, lab) = ground()?;
    let mut stage = Stage::raise_in(lab, &context.binary)?;
    let time = Duration::from_secs(if context.quick { 5 } else { 15 });
    let flood = stage.play(|stage| pour(stage, time))?;
    Ok(rows(&flood))
}

/// A lab whose PC has all the clients' addresses, and room for as many neighbours as long as the setting lives.
pub(super) fn ground() -> Result<(Setting, Topology)> {
    let neighbours = Setting::raise(NEIGHBOURS, 4 * u32::from(REMOTES))?;
    let lab = Topology::new()?;
    lab.pc.ip(&format!("route add local {CLIENTS} dev lo"))?;
    lab.router.ip(&format!("route add {CLIENTS} via {PC}"))?;
    Ok((neighbours, lab))
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
}

/// From the network that covers the clients to its end.
pub(super) fn pour(stage: &mut Stage, time: Duration) -> Result<Flood> {
    let server = stage.lab.srv.enter(|| UdpSocket::bind(SERVICE))??;
    setsockopt(&server, sockopt::SndBufForce, &BUFFER).context("SO_SNDBUFFORCE")?;
    let clients = stage
        .lab
        .pc
        .enter(|| UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 4000)))??;
    let bridge = stage.collide()?;
    stage
        .lab
        .srv
        .sysctl(&format!("net/ipv4/neigh/{bridge}/unres_qlen_bytes"), QUEUE)?;
    let (stop, sent) = (AtomicBool::new(false), AtomicU64::new(0));
    let mut seen = std::thread::scope(|scope| {
        scope.spawn(|| ask(&clients, &stop));
        for sender in 0..SENDERS {
            let (server, stop, sent) = (&server, &stop, &sent);
            scope.spawn(move || answer(server, sender, stop, sent));
        }
        let watched = watch(stage, &bridge, time, &sent);
        stop.store(true, Ordering::Relaxed);
        watched
    })?;
    seen.sent = sent.into_inner();
    stage.part()?;
    let resolved = stage.hear(BLACKHOLE, "resolved", &bridge)?;
    (seen.told, seen.remotes) = (resolved.count("packets")?, resolved.count("remotes")?);
    Ok(seen)
}

/// Looks on while it lasts.
fn watch(stage: &mut Stage, bridge: &str, time: Duration, sent: &AtomicU64) -> Result<Flood> {
    let pid = stage.tracer();
    let (begin, before, cpu_before) = (Instant::now(), sent.load(Ordering::Relaxed), cpu(pid)?);
    let opened = stage.hear(BLACKHOLE, "opened", bridge)?;
    let half = until(begin, time / 2, pid)?;
    let full = until(begin, time, pid)?;
    let seconds = begin.elapsed().as_secs_f64();
    ensure!(sent.load(Ordering::Relaxed) > before, "nothing was sent");
    Ok(Flood {
        seconds,
        cpu: (cpu(pid)? - cpu_before).as_secs_f64() / seconds,
        memory: [half, full],
        opened: milliseconds(opened.since_lost()?),
        ..Flood::default()
    })
}

/// Waits until so much time has passed; returns the memory then.
fn until(begin: Instant, time: Duration, pid: u32) -> Result<u64> {
    interrupt::wait_for("the flood", time * 2, || {
        Ok((begin.elapsed() >= time).then_some(()))
    })?;
    resident(pid)
}

fn client(number: u16) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(FIRST) + 1 + u32::from(number))
}

/// Every client asks once in a while.
fn ask(socket: &UdpSocket, stop: &AtomicBool) {
    let to = SockaddrIn::from(SERVICE);
    for number in (0..REMOTES).cycle() {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let source = in_pktinfo {
            ipi_ifindex: 0,
            ipi_spec_dst: nix::libc::in_addr {
                s_addr: u32::from(client(number)).to_be(),
            },
            ipi_addr: nix::libc::in_addr { s_addr: 0 },
        };
        let question = [std::io::IoSlice::new(b"?")];
        let from = [ControlMessage::Ipv4PacketInfo(&source)];
        // A full queue on the way loses a question; the next one comes.
        let _ = sendmsg(
            socket.as_raw_fd(),
            &question,
            &from,
            MsgFlags::empty(),
            Some(&to),
        );
        if number % 100 == 0 {
            // A few thousand a second, so that the answers have the machine.
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Sends answers to every other client; counts those that the kernel took.
fn answer(socket: &UdpSocket, sender: usize, stop: &AtomicBool, sent: &AtomicU64) {
    let clients = (0..REMOTES).skip(sender).step_by(SENDERS);
    let clients: Vec<SocketAddr> = clients
        .map(|number| (client(number), 4000).into())
        .collect();
    for batch in clients.chunks(100).cycle() {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let taken = batch.iter().filter(|to| socket.send_to(b"!", to).is_ok());
        sent.fetch_add(taken.count() as u64, Ordering::Relaxed);
    }
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
fn rows(flood: &Flood) -> Vec<Row> {
    let rate = flood.sent as f64 / flood.seconds;
    let [half, full] = flood.memory.map(mebibytes);
    let off = flood.told.abs_diff(flood.sent);
    let raw = json!({"sent": flood.sent, "told": flood.told, "seconds": flood.seconds, "cpu": flood.cpu,
                     "rss_bytes": flood.memory, "opened_ms": flood.opened, "remotes": flood.remotes});
    vec![
        Row::new("flood: packets told of those lost", format!("{} of {}", flood.told, flood.sent))
            .target("exact", off == 0 && flood.remotes == u64::from(REMOTES))
            .note(format!(
                "{} packets a second from {SENDERS} threads into the bridge, to {} remotes, for {} s: as fast as \
                 this machine sends",
                short(rate), flood.remotes, short(flood.seconds)
            ))
            .raw(raw),
        Row::new("  userspace, of one core", format!("{} %", short(flood.cpu * 100.0)))
            .target(format!("< {} %", CPU * 100.0), flood.cpu < CPU),
        Row::new("  memory, half-way and at the end", format!("{} and {} MiB", short(half), short(full)))
            .target(format!("flat, <= {MEMORY} MiB"), full - half <= FLAT && full <= MEMORY),
        Row::new("  first lost packet to line", format!("{} ms", short(flood.opened)))
            .target(format!("<= {SOON} ms"), flood.opened <= SOON),
    ]
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

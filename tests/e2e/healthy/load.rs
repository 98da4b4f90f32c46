//! Nothing here slows the packet path: under network load a healthy host's ring buffer stays empty, with
//! every probe attached, those that watch processes included.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read, Write};
use std::mem::{offset_of, size_of};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use aya::sys::{Stats, enable_stats};
use bridgetrace_lab::peers::{EchoServer, UdpResponder};
use bridgetrace_lab::topology::SRV;
use bridgetrace_lab::{Netns, wait_for, wait_until};
use serde_json::Value;
use tracer_common::{Event, Exec, Signal};

use super::host::{address, network, nothing_was_said, raise_with, run};
use crate::outage::stage::{SOON, Stage};

/// Exchanges of every client at the least, in the time the load is given.
const HEAVY: u32 = 2_000;
const LASTS: Duration = Duration::from_secs(60);
/// Programs of the kernel half that see packets of a healthy host or what its processes do, by the
/// beginning of the names that the kernel keeps of them.
const BUSY: [&str; 3] = ["on_fib_lookup", "on_signal", "on_exec"];

/// The host and the PC talk to containers, containers to each other, over TCP and UDP, while programs that
/// are nobody's concern are started and ended.
#[test]
fn under_network_load_the_ring_buffer_of_a_healthy_host_stays_empty() -> Result<()> {
    let prepare = |(_, daemon): &(_, bridgetrace_lab::Dockerd)| {
        network(daemon, "web", "10.202.0.0/24")?;
        let publish = ["--network=web", "--name=web", "--publish=8080:80"];
        run(daemon, &publish, "sleep 600")?;
        // Programs start and end, by a signal too.
        let busy = "while :; do sleep 9 & kill $!; wait; done";
        run(daemon, &["--network=web", "--name=busy"], busy).map(drop)
    };
    raise_with(prepare)?.play(|stage| {
        let [web, busy] = containers(stage)?;
        let ours: BTreeSet<u32> = [&web, &busy, &stage.lab.srv, &stage.lab.pc]
            .map(Netns::inum)
            .into();
        let at = address(&stage.daemon, "web", "web")?;
        let _tcp = EchoServer::start(&web, (at, 80).into())?;
        let _udp = UdpResponder::start(&web, (at, 5000).into())?;
        let _counted = enable_stats(Stats::RunTime).context("count the runs of programs")?;
        let clients = [
            Client::start(&stage.lab.srv, Way::Tcp, (at, 80).into()),
            Client::start(&stage.lab.srv, Way::Udp, (at, 5000).into()),
            Client::start(&stage.lab.pc, Way::Tcp, (SRV, 8080).into()),
            Client::start(&busy, Way::Udp, (at, 5000).into()),
        ];
        clients.iter().try_for_each(|client| client.has_done(1))?;
        // Whoever was met for the first time is known by now.
        let (before, runs) = (ticked(stage)?, runs(stage)?);
        let done: Vec<u32> = clients.iter().map(Client::done).collect();
        for (client, done) in clients.iter().zip(done) {
            client.has_done(done + HEAVY)?;
        }
        let after = ticked(stage)?;
        have_run(stage, &runs)?;
        clients.into_iter().try_for_each(Client::stop)?;
        let parents: BTreeSet<u32> = ours.iter().flat_map(|inum| pids(*inum)).collect();
        let records = records(stage, before..after, &ours, &parents)?;
        ensure!(records.is_empty(), "{records:#?}");
        nothing_was_said(stage)
    })
}

fn pids(inum: u32) -> Vec<u32> {
    bridgetrace_lab::netns::pids_in(inum)
}

/// The network namespaces of both containers, `web` first.
fn containers(stage: &Stage) -> Result<[Netns; 2]> {
    let find = |name: &str| {
        let format = "--format={{.State.Pid}}";
        let pid = stage.daemon.docker(&["inspect", format, name])?;
        // Counted in the daemon's own pid namespace, and so looked up in its /proc.
        let file = format!("/proc/{}/root/proc/{pid}/ns/net", stage.daemon.pid()?);
        let inum = u32::try_from(fs::metadata(file)?.ino())?;
        // The first process stays, others come and go.
        let is_first = |global: &u32| {
            let status = fs::read_to_string(format!("/proc/{global}/status")).unwrap_or_default();
            let inner = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
            inner.is_some_and(|inner| inner.split_whitespace().any(|it| it == pid))
        };
        let first = pids(inum).into_iter().find(is_first);
        Netns::attach(name, first.context("no process in it")?)
    };
    Ok([find("web")?, find("busy")?])
}

/// Lines of the log once everything that was there before is in it: after two more beats.
fn ticked(stage: &Stage) -> Result<usize> {
    let ticks = |stage: &Stage| {
        let log = stage.tracer.log();
        let ticks = log
            .iter()
            .filter(|line| line.text.contains("\"body\":\"tick\""));
        (ticks.count(), log.len())
    };
    let (now, _) = ticks(stage);
    wait_for("two beats of the tracer", SOON, || {
        let (count, length) = ticks(stage);
        (count >= now + 2).then_some(length)
    })
}

/// How often the kernel ran each of the tracer's programs, by id.
fn runs(stage: &Stage) -> Result<BTreeMap<u32, u64>> {
    let mut runs = BTreeMap::new();
    for entry in fs::read_dir(format!("/proc/{}/fdinfo", stage.tracer.id()))? {
        let text = fs::read_to_string(entry?.path()).unwrap_or_default();
        let field = |name: &str| {
            let mut lines = text.lines();
            let value = lines.find_map(|line| line.strip_prefix(name))?;
            value.trim().parse::<u64>().ok()
        };
        if let (Some(id), Some(count)) = (field("prog_id:"), field("run_cnt:")) {
            runs.insert(u32::try_from(id)?, count);
        }
    }
    Ok(runs)
}

/// Fails unless the programs that see this load have run since, those about packets at least once an
/// exchange.
fn have_run(stage: &Stage, before: &BTreeMap<u32, u64>) -> Result<()> {
    let now = runs(stage)?;
    let programs = aya::programs::loaded_programs().filter_map(Result::ok);
    let grown: BTreeMap<String, u64> = programs
        .filter_map(|program| {
            let grown = now.get(&program.id())? - before.get(&program.id())?;
            Some((program.name_as_str()?.to_owned(), grown))
        })
        .collect();
    for name in BUSY {
        let grown = grown.iter().filter(|(known, _)| known.starts_with(name));
        let total: u64 = grown.map(|(_, runs)| *runs).sum();
        let least = if name == "on_fib_lookup" {
            u64::from(HEAVY)
        } else {
            1
        };
        ensure!(total >= least, "{name} has run {total} times");
    }
    Ok(())
}

/// What the hooks put into the ring buffer about these namespaces, in words: other labs share the machine.
fn records(
    stage: &Stage,
    lines: std::ops::Range<usize>,
    namespaces: &BTreeSet<u32>,
    parents: &BTreeSet<u32>,
) -> Result<Vec<String>> {
    let mut records = Vec::new();
    for line in &stage.tracer.log()[lines] {
        let Some((_, input)) = line.text.split_once("input {") else {
            continue;
        };
        if !input.contains("{\"kernel\":") {
            continue;
        }
        let input: Value = serde_json::from_str(&format!("{{{input}"))?;
        let hex = input["body"]["kernel"].as_str().context("no record")?;
        let word = |offset: usize| u32_at(hex, offset);
        let ours = match hex.len() / 2 {
            length if length == size_of::<Event>() => {
                namespaces.contains(&word(offset_of!(Event, netns))?)
            }
            length if length == size_of::<Signal>() => {
                namespaces.contains(&word(offset_of!(Signal, netns))?)
            }
            // It does not say where.
            _ => parents.contains(&word(offset_of!(Exec, parent))?),
        };
        if ours {
            records.push(hex.to_owned());
        }
    }
    Ok(records)
}

fn u32_at(hex: &str, offset: usize) -> Result<u32> {
    let digits = hex.get(2 * offset..2 * offset + 8);
    let word = u32::from_str_radix(digits.context("a record too short")?, 16)?;
    Ok(u32::from_ne_bytes(word.to_be_bytes()))
}

#[derive(Clone, Copy)]
enum Way {
    Tcp,
    Udp,
}

/// Asks and is answered, again and again.
struct Client {
    stop: Arc<AtomicBool>,
    done: Arc<AtomicU32>,
    thread: JoinHandle<Result<Result<()>>>,
}

impl Client {
    fn start(netns: &Netns, way: Way, server: SocketAddr) -> Self {
        let (stop, done) = (Arc::<AtomicBool>::default(), Arc::<AtomicU32>::default());
        let (stopped, counter) = (Arc::clone(&stop), Arc::clone(&done));
        let thread = netns.spawn(move || {
            while !stopped.load(Ordering::Acquire) {
                match way {
                    Way::Tcp => over_tcp(server, &counter)?,
                    Way::Udp => over_udp(server, &counter)?,
                }
            }
            Ok(())
        });
        Self { stop, done, thread }
    }

    fn done(&self) -> u32 {
        self.done.load(Ordering::Acquire)
    }

    fn has_done(&self, count: u32) -> Result<()> {
        wait_until("the load", LASTS, || {
            ensure!(!self.thread.is_finished(), "a client gave up");
            Ok(self.done() >= count)
        })
    }

    fn stop(self) -> Result<()> {
        self.stop.store(true, Ordering::Release);
        self.thread.join().ok().context("a client panicked")??
    }
}

/// A connection is kept for many exchanges: each would keep its port for a minute.
fn over_tcp(server: SocketAddr, done: &AtomicU32) -> Result<()> {
    let mut stream = TcpStream::connect_timeout(&server, SOON)?;
    stream.set_read_timeout(Some(SOON))?;
    let mut answer = [0; 512];
    for _ in 0..50 {
        stream.write_all(&[7; 512])?;
        stream.read_exact(&mut answer)?;
        done.fetch_add(1, Ordering::AcqRel);
    }
    Ok(())
}

/// An unconnected socket looks its route up for each datagram.
fn over_udp(server: SocketAddr, done: &AtomicU32) -> Result<()> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    socket.set_read_timeout(Some(SOON))?;
    let mut answer = [0; 512];
    for _ in 0..50 {
        socket.send_to(&[7; 512], server)?;
        socket.recv_from(&mut answer)?;
        done.fetch_add(1, Ordering::AcqRel);
    }
    Ok(())
}

//! How a run ends: at once, with status 0, with everything said and nothing left in the kernel.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, PipeReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitStatus;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use bridgetrace_lab::peers::{self, UdpResponder};
use bridgetrace_lab::topology::{PC, SRV};
use bridgetrace_lab::{Netns, Process, Tracer, preflight, wait_until};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::Signal;

use super::scene::{
    ABSENT, SECOND, SOON, Scene, bridgetrace, end, inside, phase, run, wait_for_handlers,
};
use crate::outage::stage::NETWORK;

const SERVICE: (Ipv4Addr, u16) = (SRV, 9999);

/// The tracer in `netns`, its stdout a pipe whose reader is the test's to keep or to lose.
fn piped(netns: &Netns, arguments: &[&str]) -> Result<(Process, PipeReader)> {
    let [nsenter, net] = inside(netns);
    let mut command = bridgetrace(&[&nsenter, &net], arguments)?;
    let (reader, writer) = std::io::pipe()?;
    command.stdout(writer);
    Ok((Process::spawn(command)?, reader))
}

/// Reads stderr until the tracer says that it watches.
fn wait_watching(tracer: &mut Process) -> Result<()> {
    let stderr = tracer.child().stderr.as_mut().context("no stderr")?;
    let watching = |line: std::io::Result<String>| line.is_ok_and(|l| l.contains("watching"));
    ensure!(
        BufReader::new(stderr).lines().any(watching),
        "it never watched"
    );
    Ok(())
}

fn ends_within_a_second(tracer: &mut Process) -> Result<()> {
    let start = Instant::now();
    let status = tracer.wait(SOON)?;
    let took = start.elapsed();
    ensure!(status.success() && took < SECOND, "{status} after {took:?}");
    Ok(())
}

#[test]
fn a_reader_that_has_seen_enough_is_a_success() -> Result<()> {
    preflight::require()?;
    let netns = Netns::new("head")?;
    let (mut tracer, reader) = piped(&netns, &["--docker-host", ABSENT])?;
    let mut reader = BufReader::new(reader);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    ensure!(first.contains("watching"), "{first}");
    drop(reader);
    ends_within_a_second(&mut tracer)
}

#[test]
fn a_reader_that_leaves_while_nothing_happens_is_noticed() -> Result<()> {
    preflight::require()?;
    let netns = Netns::new("idle")?;
    let arguments = ["--format", "jsonl", "--docker-host", ABSENT];
    let (mut tracer, reader) = piped(&netns, &arguments)?;
    wait_watching(&mut tracer)?;
    drop(reader);
    ends_within_a_second(&mut tracer)
}

#[test]
fn a_reader_that_leaves_during_an_outage_is_no_error() -> Result<()> {
    Scene::raise()?.play(|scene| {
        let endpoint = scene.daemon.client().endpoint();
        let arguments = ["--format", "jsonl", "--docker-host", &endpoint];
        let (mut tracer, reader) = piped(&scene.lab.srv, &arguments)?;
        wait_watching(&mut tracer)?;
        scene.collide()?;
        scene.lose_a_reply()?;
        let mut reader = BufReader::new(reader);
        let mut line = String::new();
        reader.read_line(&mut line)?;
        ensure!(line.ends_with("}\n"), "half a line: {line}");
        drop(reader);
        ends_within_a_second(&mut tracer)
    })
}

#[test]
fn a_reader_that_stalls_cannot_hold_up_the_end() -> Result<()> {
    Scene::raise()?.play(|scene| {
        let endpoint = scene.daemon.client().endpoint();
        let [nsenter, net] = inside(&scene.lab.srv);
        let arguments = ["--format", "jsonl", "--docker-host", &endpoint];
        let mut command = bridgetrace(&[&nsenter, &net], &arguments)?;
        let (reader, writer) = full_pipe()?;
        command.stdout(writer);
        let mut tracer = Process::spawn(command)?;
        wait_watching(&mut tracer)?;
        scene.collide()?;
        // The finding finds no room.
        scene.lose_a_reply()?;
        tracer.signal(Signal::SIGTERM)?;
        let start = Instant::now();
        let status = tracer.wait(SOON)?;
        ensure!(start.elapsed() < SECOND, "after {:?}", start.elapsed());
        // What was found was not said: that is no success.
        ensure!(status.code() == Some(2), "{status}");
        drop(reader);
        Ok(())
    })
}

/// A pipe without room for another byte.
fn full_pipe() -> Result<(PipeReader, std::io::PipeWriter)> {
    let (reader, mut writer) = std::io::pipe()?;
    fcntl(&writer, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    while writer.write(&[b'\n'; 4096]).is_ok() {}
    fcntl(&writer, FcntlArg::F_SETFL(OFlag::empty()))?;
    Ok((reader, writer))
}

#[test]
fn signals_end_an_idle_run_at_once_and_leave_no_program() -> Result<()> {
    preflight::require()?;
    let netns = Netns::new("signal")?;
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let arguments = ["--format", "jsonl", "--docker-host", ABSENT];
        let mut tracer = Tracer::start(&netns, &arguments)?;
        tracer.wait_ready()?;
        let programs = programs_of(tracer.id())?;
        ensure!(programs.len() >= 4, "{programs:?}");
        ensure!(programs.is_subset(&loaded()?), "{programs:?} not loaded");
        end(&mut tracer, signal).with_context(|| format!("{signal}"))?;
        // The kernel frees a detached program a moment after its last holder.
        wait_until("the programs to be gone", SOON, || {
            Ok(loaded()?.is_disjoint(&programs))
        })?;
    }
    Ok(())
}

/// Ids of the BPF programs a process holds.
fn programs_of(pid: u32) -> Result<BTreeSet<u32>> {
    let mut ids = BTreeSet::new();
    for entry in fs::read_dir(format!("/proc/{pid}/fdinfo"))? {
        let text = fs::read_to_string(entry?.path()).unwrap_or_default();
        let id = text.lines().find_map(|line| line.strip_prefix("prog_id:"));
        ids.extend(id.map(|id| id.trim().parse::<u32>()).transpose()?);
    }
    Ok(ids)
}

/// Ids of all BPF programs of the machine; they are not reused soon.
fn loaded() -> Result<BTreeSet<u32>> {
    // One may go between being listed and being asked: then it is not loaded.
    let programs = aya::programs::loaded_programs().filter_map(Result::ok);
    Ok(programs.map(|program| program.id()).collect())
}

#[test]
fn a_signal_during_the_start_ends_it_at_once() -> Result<()> {
    let mut scene = Scene::raise()?;
    scene.play(|scene| {
        // The start waits for the daemon's answer.
        scene.daemon.pause()?;
        let endpoint = scene.daemon.client().endpoint();
        let arguments = ["--format", "jsonl", "--docker-host", &endpoint];
        let mut tracer = Tracer::start(&scene.lab.srv, &arguments)?;
        wait_for_handlers(tracer.id())?;
        ensure!(
            tracer.log().is_empty(),
            "started already: {:?}",
            tracer.log()
        );
        let ended = end(&mut tracer, Signal::SIGTERM);
        scene.daemon.resume()?;
        ended
    })
}

#[test]
fn the_last_line_has_the_final_count() -> Result<()> {
    Scene::raise()?.play(|scene| {
        for (port, signal) in [(4000, Signal::SIGTERM), (4001, Signal::SIGINT)] {
            counts_to_the_end(scene, port, signal)?;
            scene.daemon.docker(&["network", "rm", NETWORK])?;
        }
        Ok(())
    })
}

fn counts_to_the_end(scene: &Scene, port: u16, signal: Signal) -> Result<()> {
    let mut tracer = scene.trace(&scene.daemon.client().endpoint())?;
    let responder = UdpResponder::start(&scene.lab.srv, SocketAddr::from(SERVICE))?;
    scene.collide()?;
    lose(scene, port, 3)?;
    let opened = scene.opened(&mut tracer)?;
    lose(scene, port, 40)?;
    responder.wait_replied(43, SOON)?;
    end(&mut tracer, signal)?;
    let findings = scene.findings(&tracer)?;
    let last = findings.last().context("no findings")?;
    let count = &last["bridgetrace"]["counts"]["packets"];
    ensure!(*count == 43, "{count} of 43 in {last:#}");
    ensure!(phase(last) == "updated", "{last:#}");
    ensure!(
        last["bridgetrace"]["finding"]["id"] == opened["bridgetrace"]["finding"]["id"],
        "another finding: {last:#}"
    );
    Ok(())
}

/// The PC asks, the server's answers are lost.
fn lose(scene: &Scene, port: u16, count: u32) -> Result<()> {
    let from = SocketAddr::from((PC, port));
    peers::udp_send_exactly(&scene.lab.pc, from, SERVICE.into(), count).map(drop)
}

#[test]
fn a_log_that_nobody_reads_changes_nothing() -> Result<()> {
    preflight::require()?;
    let netns = Netns::new("deaf")?;
    let [nsenter, net] = inside(&netns);
    let arguments = ["-vv", "--duration", "1s", "--docker-host", ABSENT];
    let mut command = bridgetrace(&[&nsenter, &net], &arguments)?;
    let (reader, writer) = std::io::pipe()?;
    drop(reader);
    command.stderr(writer);
    let ended = run(command)?;
    ensure!(ended.status.success(), "{ended:?}");
    ensure!(ended.stdout.contains("watching"), "{ended:?}");
    Ok(())
}

#[test]
fn an_end_without_news_says_nothing_more() -> Result<()> {
    Scene::raise()?.play(|scene| {
        let mut tracer = scene.trace(&scene.daemon.client().endpoint())?;
        end(&mut tracer, Signal::SIGTERM)?;
        ensure!(scene.findings(&tracer)?.is_empty(), "{:?}", tracer.lines());
        let last = tracer.log().pop().context("no log")?.text;
        ensure!(last.starts_with("bridgetrace: done: "), "{last}");
        Ok(())
    })
}

#[test]
fn a_run_with_a_duration_ends_by_itself() -> Result<()> {
    preflight::require()?;
    bridgetrace_lab::alone();
    let netns = Netns::new("duration")?;
    let start = Instant::now();
    let arguments = [
        "--format",
        "jsonl",
        "--duration",
        "2s",
        "--docker-host",
        ABSENT,
    ];
    let mut tracer = Tracer::start(&netns, &arguments)?;
    // Loading comes on top, and takes its time on a busy machine.
    tracer.wait_ready()?;
    let watching = Instant::now();
    let status: ExitStatus = tracer.wait_exit(SOON)?;
    ensure!(status.success(), "{status}");
    let (whole, watched) = (start.elapsed(), watching.elapsed());
    ensure!(
        whole >= SECOND * 2 && watched < SECOND * 3,
        "{watched:?} of {whole:?}"
    );
    Ok(())
}

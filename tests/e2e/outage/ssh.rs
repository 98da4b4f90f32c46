//! The swallowed SSH replies of I-1, with a real sshd and a real ssh.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use anyhow::{Context, Result, ensure};
use bridgetrace_lab::Process;
use bridgetrace_lab::peers::Sshd;
use bridgetrace_lab::topology::SRV;
use serde_json::json;

use super::expect;
use super::stage::{SOON, Stage, holds, is_phase};

/// Somebody is logged in from the PC when the network is made: the session hangs. The finding
/// names the sshd of the session; its host route lets the session go on where it stopped.
#[test]
fn a_login_session_stalls_and_the_host_route_brings_it_back() -> Result<()> {
    Stage::raise(&[])?.play(|stage| {
        let sshd = Sshd::start(&stage.lab.srv)?;
        let mut session = sshd.ssh(&stage.lab.pc, SRV, "cat")?;
        let mut keyboard = session.child().stdin.take().context("no stdin")?;
        let screen = screen(&mut session)?;
        writeln!(keyboard, "before")?;
        ensure!(screen.recv_timeout(SOON).with_context(|| sshd.log())? == "before");

        let network = stage.collide()?;
        writeln!(keyboard, "during")?;
        let opened = stage.finding(|f| is_phase(f, "opened"))?;
        expect::pc_lost_in(&opened, &network)?;
        let here = [
            ("network.transport", json!("tcp")),
            ("source.port", json!(22)),
        ];
        holds(&opened, &here)?;
        let id = expect::id(&opened)?;
        names_sshd(stage, &id)?;
        let confirmed = stage.confirmed(&id)?;
        expect::proven_by(&confirmed, &["route-into-bridge", "ingress-asymmetry"])?;
        ensure!(screen.try_recv().is_err(), "the session did not stall");

        let route = expect::remedy(&confirmed, "host-route", "command")?;
        ensure!(route == "ip route add 172.22.10.119/32 via 172.42.10.1 dev eno8303");
        stage.lab.srv.run(&["sh", "-c", &route])?;
        ensure!(screen.recv_timeout(SOON)? == "during");
        writeln!(keyboard, "after")?;
        ensure!(screen.recv_timeout(SOON)? == "after");
        let resolved = stage.phase(&id, "resolved")?;
        holds(&resolved, &[("process.name", json!("sshd"))])?;
        drop(keyboard);
        ensure!(session.wait(SOON)?.success(), "{}", sshd.log());
        ensure!(expect::id(&stage.last_word()?)? == id);
        Ok(())
    })
}

/// Somebody logs in anew: the connection is never established, and the process is the sshd that
/// listens.
#[test]
fn a_new_login_is_explained() -> Result<()> {
    Stage::raise(&[])?.play(|stage| {
        let sshd = Sshd::start(&stage.lab.srv)?;
        let network = stage.collide()?;
        let _login = sshd.ssh(&stage.lab.pc, SRV, "true")?;
        let opened = stage.finding(|f| is_phase(f, "opened"))?;
        expect::pc_lost_in(&opened, &network)?;
        holds(&opened, &[("source.port", json!(22))])?;
        expect::proven_by(&opened, &["route-into-bridge", "ingress-asymmetry"])?;
        bridgetrace_lab::showcase::show("an ssh login", &opened)?;
        names_sshd(stage, &expect::id(&opened)?)
    })
}

/// The process exists, lives in the server and really is an sshd.
pub(crate) fn names_sshd(stage: &mut Stage, id: &str) -> Result<()> {
    let named = stage.named(id)?;
    holds(&named, &[("process.name", json!("sshd"))])?;
    let pid = u32::try_from(named["process"]["pid"].as_u64().context("no pid")?)?;
    let program = fs::read_link(format!("/proc/{pid}/exe"))?;
    ensure!(program.ends_with("sshd"), "{pid} is {}", program.display());
    ensure!(stage.lab.srv.pids().contains(&pid), "{pid} is elsewhere");
    Ok(())
}

/// The lines that appear on the user's screen.
pub(crate) fn screen(session: &mut Process) -> Result<Receiver<String>> {
    let stdout = session.child().stdout.take().context("no stdout")?;
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || forward(stdout, &sender));
    Ok(lines)
}

fn forward(stdout: impl Read, sender: &mpsc::Sender<String>) {
    for line in BufReader::new(stdout).lines().map_while(Result::ok) {
        if sender.send(line).is_err() {
            return;
        }
    }
}

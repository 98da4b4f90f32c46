//! A healthy host is not spoken of, and the packet path of its containers costs nothing.
//!
//! The tracer counts what its hooks emit, but for the whole machine, where other labs may be
//! losing packets on purpose. So the records are looked at one by one.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bridgetrace_lab::docker::BUSYBOX;
use bridgetrace_lab::topology::{SRV, SRV_GATEWAY};
use bridgetrace_lab::{Netns, Process, peers, wait_until};

use super::records::{records, says_what_it_did};
use super::stage::{SOON, Stage, is_phase};

/// Between two requests of a client. Each connection keeps its port for a minute (TIME_WAIT), and
/// there are 28,232 of them: a client that asks faster runs out, and waits for an old one.
const PACE: Duration = Duration::from_millis(4);
const AT_LEAST: Duration = Duration::from_secs(10);
const CONTAINERS: u32 = 20;
/// Requests each client makes at the least: far fewer than an idle machine manages.
const HEAVY: u32 = 1_000;
const WEB: Ipv4Addr = Ipv4Addr::new(172, 18, 0, 2);
const HTTP: &[u8] = b"GET /hello HTTP/1.0\r\n\r\n";

/// Container and host serve each other, the PC uses a published port, two containers talk,
/// twenty others come, are spoken to and go: nothing is said and no hook emits a record. That
/// the tracer was awake is seen from the collision after it.
#[test]
fn legitimate_traffic_is_not_worth_a_record() -> Result<()> {
    Stage::raise(&["-vvv"])?.play(|stage| {
        serve(stage)?;
        let server = web_server(stage)?;
        let start = Instant::now();
        let clients = [
            Client::start(&stage.lab.srv, (WEB, 80).into()),
            Client::start(&stage.lab.pc, (SRV, 8080).into()),
        ];
        let floods = [
            flood(&stage.lab.srv, WEB)?,
            flood(&stage.lab.pc, SRV)?,
            flood(&stage.lab.srv, SRV_GATEWAY)?,
        ];
        for number in 0..CONTAINERS {
            come_and_go(stage, number)?;
        }
        wait_until("ten seconds", AT_LEAST, || Ok(start.elapsed() >= AT_LEAST))?;
        drop(floods);
        for client in clients {
            let requests = client.stop()?;
            ensure!(requests >= HEAVY, "only {requests} requests");
        }
        let rounds = stage.daemon.docker(&["logs", "client"])?.lines().count();
        ensure!(rounds >= 50, "the containers met {rounds} times only");
        drop(server);

        let said = stage.findings()?;
        ensure!(said.is_empty(), "{said:#?}");
        let records = records(stage)?;
        ensure!(
            records.is_empty(),
            "{} records:\n{}",
            records.len(),
            records.join("\n")
        );
        was_awake(stage)
    })
}

/// A web server and a client of it and of the host, both containers.
fn serve(stage: &Stage) -> Result<()> {
    let daemon = &stage.daemon;
    daemon.import_busybox()?;
    daemon.docker(&["network", "create", "web"])?;
    let run = ["run", "--detach", "--init", "--network=web"];
    let web = "echo hello >/tmp/hello; exec httpd -f -p 80 -h /tmp";
    let publish = ["--name=web", "--publish=8080:80", BUSYBOX, "sh", "-c", web];
    daemon.docker(&[&run[..], &publish].concat())?;
    let client = format!(
        "while :; do wget -qO- http://web/hello && wget -qO- http://{SRV}:9000/hello; done"
    );
    let client = ["--name=client", BUSYBOX, "sh", "-c", &client];
    daemon.docker(&[&run[..], &client].concat())?;
    let address = daemon.docker(&[
        "inspect",
        "--format={{.NetworkSettings.Networks.web.IPAddress}}",
        "web",
    ])?;
    ensure!(address == WEB.to_string(), "{address}");
    Ok(())
}

/// The host's own web server, for the container.
fn web_server(stage: &Stage) -> Result<Process> {
    let pages = stage.daemon.directory().join("pages");
    fs::create_dir(&pages).context("create the pages")?;
    fs::write(pages.join("hello"), "hello\n")?;
    let mut command = stage.lab.srv.command("/bin/busybox");
    command.args(["httpd", "-f", "-p", "9000", "-h"]).arg(pages);
    Process::spawn(command)
}

/// A container that the host asks for an answer. Every other one has been busy itself by then;
/// the others are still unknown to the host's neighbour table.
fn come_and_go(stage: &Stage, number: u32) -> Result<()> {
    let name = format!("guest{number}");
    let label = format!("--name={name}");
    let ask = match number % 2 {
        0 => "exec sleep 60",
        _ => "wget -qO- http://web/hello && exec sleep 60",
    };
    let run = [
        "run",
        "--detach",
        "--init",
        "--network=web",
        &label,
        BUSYBOX,
        "sh",
        "-c",
        ask,
    ];
    stage.daemon.docker(&run)?;
    let format = "--format={{.NetworkSettings.Networks.web.IPAddress}}";
    let address: Ipv4Addr = stage.daemon.docker(&["inspect", format, &name])?.parse()?;
    ensure!(
        peers::reachable(&stage.lab.srv, address)?,
        "{name} is silent"
    );
    stage.daemon.docker(&["rm", "--force", &name])?;
    match number % 10 {
        0 => forget(&stage.lab.srv, address),
        _ => Ok(()),
    }
}

/// Makes the kernel look after the neighbour now, as it would within a minute, and wait until it
/// finds it gone: a failure that loses nobody's packet.
fn forget(srv: &Netns, address: Ipv4Addr) -> Result<()> {
    let device = srv.run(&["ip", "-o", "route", "get", &address.to_string()])?;
    let mut words = device.split_whitespace().skip_while(|word| *word != "dev");
    let device = words.nth(1).context("no device")?.to_owned();
    srv.ip(&format!(
        "neighbour change {address} dev {device} nud probe"
    ))?;
    wait_until("the neighbour's end", SOON, || {
        let entry = srv.run(&["ip", "neighbour", "show", "to", &address.to_string()])?;
        Ok(!entry.contains("lladdr"))
    })
}

fn flood(netns: &Netns, to: Ipv4Addr) -> Result<Process> {
    let mut ping = netns.command("ping");
    ping.args(["-q", "-i", "0.002", &to.to_string()]);
    ping.stdout(std::process::Stdio::null());
    Process::spawn(ping)
}

/// Makes request after request, each a connection of its own.
struct Client {
    stop: Arc<AtomicBool>,
    requests: Arc<AtomicU32>,
    thread: JoinHandle<Result<Result<()>>>,
}

impl Client {
    fn start(netns: &Netns, server: SocketAddr) -> Self {
        let (stop, requests) = (Arc::<AtomicBool>::default(), Arc::<AtomicU32>::default());
        let (stopped, counter) = (Arc::clone(&stop), Arc::clone(&requests));
        let thread = netns.spawn(move || {
            while !stopped.load(Ordering::Acquire) {
                get(server)?;
                counter.fetch_add(1, Ordering::AcqRel);
                thread::sleep(PACE);
            }
            Ok(())
        });
        Self {
            stop,
            requests,
            thread,
        }
    }

    fn stop(self) -> Result<u32> {
        self.stop.store(true, Ordering::Release);
        let ended = self.thread.join();
        ended.ok().context("the client panicked")???;
        Ok(self.requests.load(Ordering::Acquire))
    }
}

fn get(server: SocketAddr) -> Result<()> {
    let mut stream = TcpStream::connect_timeout(&server, SOON)?;
    stream.set_read_timeout(Some(SOON))?;
    stream.write_all(HTTP)?;
    let mut page = String::new();
    stream.read_to_string(&mut page)?;
    ensure!(page.ends_with("hello\n"), "{page}");
    Ok(())
}

/// A collision is reported, with a record behind it.
fn was_awake(stage: &mut Stage) -> Result<()> {
    stage.collide()?;
    peers::ping(&stage.lab.pc, SRV, 1)?;
    stage.finding(|f| is_phase(f, "opened"))?;
    stage.last_word()?;
    says_what_it_did(stage)?;
    ensure!(
        !records(stage)?.is_empty(),
        "records are not logged any more"
    );
    Ok(())
}

//! A healthy host: docker with address pools of its own, the tracer with every input logged.

use std::io::{ErrorKind, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use bridgetrace_lab::docker::BUSYBOX;
use bridgetrace_lab::dockerd::Options;
use bridgetrace_lab::topology::{PC, SRV};
use bridgetrace_lab::{Dockerd, Netns, Topology, peers, preflight, wait_for};
use serde_json::json;
use socket2::SockRef;

use crate::outage::expect;
use crate::outage::records::records;
use crate::outage::stage::{NETWORK, SOON, Stage, at, is_phase, trace};

/// A service of the host, for containers.
pub(super) const SERVICE: SocketAddr = SocketAddr::new(IpAddr::V4(SRV), 9000);
/// TCP repeats a segment ever more rarely: on a loaded machine the next one may be 13 s away.
const REPEATED: Duration = Duration::from_secs(30);
/// Between two lines of a service.
const PACE: Duration = Duration::from_millis(20);
/// docker0's address: what `host-gateway` means.
pub(super) const HOST_GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 201, 0, 1);

/// Pools as a careful administrator sets them: far from everybody.
pub(super) fn options() -> Options {
    let pools = json!([{"base": "10.201.0.0/16", "size": 24}]);
    Options::new().config(json!({"bip": "10.201.0.1/24", "default-address-pools": pools}))
}

pub(super) fn raise() -> Result<Stage> {
    raise_with(|_| Ok(()))
}

/// A stage on which `prepare` has happened before the tracer starts.
pub(super) fn raise_with(
    prepare: impl FnOnce(&(Topology, Dockerd)) -> Result<()>,
) -> Result<Stage> {
    preflight::require()?;
    let lab = Topology::new()?;
    let daemon = Dockerd::start_with(&lab.srv, options())?;
    daemon.import_busybox()?;
    let both = (lab, daemon);
    prepare(&both)?;
    let (lab, daemon) = both;
    let tracer = trace(&lab.srv, &daemon, &["-vvv"])?;
    Ok(Stage {
        lab,
        daemon,
        tracer,
    })
}

/// Lives through `body`, then nothing has been said of the host; then a collision is.
pub(super) fn is_healthy(body: impl FnOnce(&mut Stage) -> Result<()>) -> Result<()> {
    raise()?.play(|stage| {
        body(stage)?;
        nothing_was_said(stage)
    })
}

/// Lives through `body`, in which the daemon comes back: that is told as `kind`, and nothing else; then a
/// collision is.
pub(super) fn is_healthy_but_for(
    kind: &str,
    body: impl FnOnce(&mut Stage) -> Result<()>,
) -> Result<()> {
    raise()?.play(|stage| {
        body(stage)?;
        stage.state(|f| at(f, "event.action") == kind)?;
        let mut said = stage.everything()?;
        // On a busy machine it may be away for so long that it is missed. Who ended it is told, too.
        let others = ["daemon-unreachable", "process-killed"];
        said.retain(|finding| !others.iter().any(|it| at(finding, "event.action") == *it));
        ensure!(said.len() == 1, "{said:#?}");
        collides(stage)
    })
}

pub(super) fn nothing_was_said(stage: &mut Stage) -> Result<()> {
    let said = stage.everything()?;
    ensure!(said.is_empty(), "{said:#?}");
    collides(stage)
}

fn collides(stage: &mut Stage) -> Result<()> {
    let network = stage.collide()?;
    ensure!(!peers::reachable(&stage.lab.pc, SRV)?, "no collision");
    let opened = stage.finding(|f| is_phase(f, "opened"))?;
    let id = expect::id(&opened)?;
    // A daemon that was just restarted has its word a moment later.
    let named = stage.finding(|f| {
        at(f, "bridgetrace.finding.id") == id.as_str() && at(f, "network.name") == NETWORK
    })?;
    expect::pc_lost_in(&named, &network)?;
    // What is doubtful is told after as long as the kernel looks for a neighbour: by then all is told.
    gave_up(stage, PC)?;
    let last = stage.last_word()?;
    expect::pc_lost_in(&last, &network)
}

/// Waits until the neighbour slow path has reported a packet to `remote`: the tracer has had its
/// chance to be wrong about it.
pub(super) fn saw(stage: &Stage, remote: Ipv4Addr) -> Result<()> {
    reported(stage, "neigh_event_send_done", remote)
}

/// The same for the end of its resolution, where packets go on asking for it without a pause.
pub(super) fn saw_give_up(stage: &Stage, remote: Ipv4Addr) -> Result<()> {
    reported(stage, "neigh_timer_handler", remote)
}

fn reported(stage: &Stage, tracepoint: &str, remote: Ipv4Addr) -> Result<()> {
    let what = format!("{tracepoint}: {remote} ");
    wait_for(&format!("a record of {remote}"), REPEATED, || {
        records(stage)
            .map(|records| records.iter().any(|r| r.starts_with(&what)).then_some(()))
            .transpose()
    })?
}

/// Waits until the kernel has given up `remote`, which frees the packets that waited for it.
pub(super) fn gave_up(stage: &Stage, remote: Ipv4Addr) -> Result<()> {
    let remote = remote.to_string();
    wait_for(&format!("the failure of {remote}"), SOON, || {
        let entry = stage
            .lab
            .srv
            .run(&["ip", "neighbour", "show", "to", &remote]);
        entry
            .map(|entry| entry.contains("FAILED").then_some(()))
            .transpose()
    })?
}

/// Forgets who answered, as the kernel does by and by.
pub(super) fn forget_neighbours(stage: &Stage) -> Result<()> {
    stage.lab.srv.ip("neighbour flush all")
}

/// `docker run --detach --init` with these arguments, then the shell's.
pub(super) fn run(daemon: &Dockerd, arguments: &[&str], script: &str) -> Result<String> {
    let run = ["run", "--detach", "--init"];
    let shell = [BUSYBOX, "sh", "-c", script];
    daemon.docker(&[&run[..], arguments, &shell].concat())
}

pub(super) fn remove(daemon: &Dockerd, container: &str) -> Result<()> {
    daemon.docker(&["rm", "--force", container]).map(drop)
}

pub(super) fn network(daemon: &Dockerd, name: &str, subnet: &str) -> Result<String> {
    let subnet = format!("--subnet={subnet}");
    daemon.docker(&["network", "create", &subnet, name])
}

pub(super) fn address(daemon: &Dockerd, container: &str, network: &str) -> Result<Ipv4Addr> {
    let format =
        format!("--format={{{{(index .NetworkSettings.Networks \"{network}\").IPAddress}}}}");
    let address = daemon.docker(&["inspect", &format, container])?;
    address
        .parse()
        .with_context(|| format!("{container} in {network}: {address:?}"))
}

/// A service of the host: whoever connects gets line after line, whether he reads them or not.
pub(super) struct StreamService {
    listener: TcpListener,
    stop: Arc<AtomicBool>,
    acceptor: Option<JoinHandle<Result<()>>>,
}

impl StreamService {
    pub(super) fn start(srv: &Netns, address: SocketAddr) -> Result<Self> {
        let listener = srv
            .enter(|| TcpListener::bind(address))?
            .with_context(|| format!("listen on {address}"))?;
        let stop = Arc::<AtomicBool>::default();
        let (accepting, stopped) = (listener.try_clone()?, Arc::clone(&stop));
        let acceptor = srv.spawn(move || {
            while let Ok((stream, _)) = accepting.accept() {
                let stopped = Arc::clone(&stopped);
                thread::spawn(move || pour(stream, &stopped));
            }
        });
        Ok(Self {
            listener,
            stop,
            acceptor: Some(acceptor),
        })
    }
}

impl Drop for StreamService {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        // Wakes the acceptor.
        SockRef::from(&self.listener).shutdown(Shutdown::Both).ok();
        if let Some(acceptor) = self.acceptor.take() {
            acceptor.join().ok();
        }
    }
}

fn pour(mut stream: TcpStream, stop: &AtomicBool) {
    // What waits for an answer would keep the namespace alive after the lab is gone.
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).ok();
    // Nobody reads: look at `stop` all the same.
    stream.set_write_timeout(Some(PACE)).ok();
    while !stop.load(Ordering::Acquire) {
        match stream.write(b"0123456789\n") {
            Err(error) if error.kind() != ErrorKind::WouldBlock => return,
            _ => thread::sleep(PACE),
        }
    }
}

/// Waits until a connection of the host to `remote` exists. Whoever only listens has shut his half.
pub(super) fn is_connected(stage: &Stage, remote: Ipv4Addr) -> Result<()> {
    wait_for(&format!("a connection to {remote}"), SOON, || {
        let filter = format!("dst {remote}");
        let sockets = stage
            .lab
            .srv
            .run(&["ss", "-Htn", "state", "connected", &filter]);
        sockets
            .map(|found| (!found.is_empty()).then_some(()))
            .transpose()
    })?
}

/// A compose project of two services, one of which listens to the host.
pub(super) fn project(daemon: &Dockerd, name: &str, subnet: &str) -> Result<PathBuf> {
    let directory = daemon.directory().join(name);
    std::fs::create_dir(&directory).context("create the project")?;
    let text = format!(
        "version: '3.5'\n\
         services:\n\
         \x20 web:\n\
         \x20   image: {BUSYBOX}\n\
         \x20   init: true\n\
         \x20   command: httpd -f -p 80\n\
         \x20 listener:\n\
         \x20   image: {BUSYBOX}\n\
         \x20   init: true\n\
         \x20   command: sh -c 'nc {SRV} 9000 >/dev/null; sleep 600'\n\
         networks:\n\
         \x20 default:\n\
         \x20   ipam:\n\
         \x20     config:\n\
         \x20       - subnet: {subnet}\n"
    );
    std::fs::write(directory.join("docker-compose.yml"), text)?;
    Ok(directory)
}

/// A network for jobs with somebody in it who stays: its bridge keeps its carrier.
pub(super) fn jobs(daemon: &Dockerd) -> Result<()> {
    network(daemon, "jobs", "10.202.0.0/24")?;
    run(
        daemon,
        &["--network=jobs", "--ip=10.202.0.200"],
        "sleep 600",
    )
    .map(drop)
}

/// Where the host is asked. One for all questions of a test: whoever is being started elsewhere may hold a copy of a
/// socket for a moment after it was closed, and its address with it.
pub(super) fn nameserver(srv: &Netns, host: Ipv4Addr) -> Result<UdpSocket> {
    let socket = srv.enter(|| UdpSocket::bind((host, 53)))??;
    socket.set_read_timeout(Some(SOON))?;
    Ok(socket)
}

/// Of an asker before: it asks for two kinds of addresses, and one answer is enough.
fn forget_questions(socket: &UdpSocket) -> Result<()> {
    socket.set_nonblocking(true)?;
    while socket.recv(&mut [0; 64]).is_ok() {}
    Ok(socket.set_nonblocking(false)?)
}

/// A question of a container's that the host has not answered yet.
pub(super) struct Question {
    socket: UdpSocket,
    from: SocketAddr,
}

impl Question {
    /// A new container of this name in `jobs` asks the host where [`nameserver`] listens.
    pub(super) fn ask(socket: UdpSocket, daemon: &Dockerd, name: &str) -> Result<Self> {
        forget_questions(&socket)?;
        let ask = format!("nslookup who {}; sleep 600", socket.local_addr()?.ip());
        run(daemon, &["--network=jobs", "--name", name], &ask)?;
        let (_, from) = socket.recv_from(&mut [0; 64]).context("no question")?;
        ensure!(from.ip() == address(daemon, name, "jobs")?, "{from} asked");
        Ok(Self { socket, from })
    }

    /// Answers; returns to whom.
    pub(super) fn answer(&self) -> Result<Ipv4Addr> {
        self.socket.send_to(b"me", self.from)?;
        match self.from.ip() {
            IpAddr::V4(whom) => Ok(whom),
            IpAddr::V6(whom) => bail!("{whom} asked"),
        }
    }
}

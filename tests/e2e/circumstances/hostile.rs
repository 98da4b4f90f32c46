//! Names from outside cannot act on the operator's terminal, and are not lost either.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bridgetrace_lab::{Process, Tracer, peers, topology::PC, topology::SRV, wait_for};
use nix::sys::signal::Signal;

use super::scene::{Folder, SOON, Scene, end, text};

/// A compose project that clears the screen, recolours, and begins a line of its own.
const PROJECT: &str = "x\u{1b}[2J\u{1b}[31m\nall is well\r\u{9b}1A\u{7f}";
/// A device name; the kernel forbids only white space, '/' and ':'.
const BRIDGE: &str = "br\u{1b}[8mevil";
/// A program's name, which becomes its `comm`.
const PROGRAM: &str = "busybox\u{1b}[7m\nx";
const SERVICE: u16 = 2222;

/// A listening TCP server on the victim whose name is [`PROGRAM`].
fn server(scene: &Scene, folder: &Folder) -> Result<Process> {
    let program = folder.join(PROGRAM);
    symlink("/bin/busybox", &program).context("name a program")?;
    let mut command: Command = scene
        .lab
        .srv
        .command(program.to_str().context("not UTF-8")?);
    command
        .args(["nc", "-ll", "-p", &SERVICE.to_string(), "-e", "/bin/cat"])
        .stdout(Stdio::null());
    let server = Process::spawn(command)?;
    let comm = format!("/proc/{}/comm", server.id());
    wait_for("the server to have its name", SOON, || {
        fs::read_to_string(&comm)
            .is_ok_and(|name| name.contains('\u{1b}'))
            .then_some(())
    })?;
    let listening = |table: &str| table.contains(&format!(":{SERVICE:04X} "));
    wait_for("the server to listen", SOON, || {
        let tables = ["tcp", "tcp6"].map(|t| format!("/proc/{}/net/{t}", server.id()));
        let any = tables
            .iter()
            .any(|t| fs::read_to_string(t).is_ok_and(|t| listening(&t)));
        any.then_some(())
    })?;
    Ok(server)
}

fn make_hostile_network(scene: &Scene) -> Result<String> {
    let label = format!("--label=com.docker.compose.project={PROJECT}");
    let bridge = format!("--opt=com.docker.network.bridge.name={BRIDGE}");
    let arguments = [
        "network",
        "create",
        "--subnet=172.22.0.0/16",
        &label,
        &bridge,
        "hostile",
    ];
    scene.daemon.docker(&arguments)
}

#[test]
fn no_name_acts_on_a_terminal_and_none_is_lost() -> Result<()> {
    Scene::raise()?.play(|scene| {
        let folder = Folder::new()?;
        let _server = server(scene, &folder)?;
        let endpoint = scene.daemon.client().endpoint();
        let mut lines = scene.trace(&endpoint)?;
        let mut people = Tracer::start(&scene.lab.srv, &["-vvv", "--docker-host", &endpoint])?;
        people.wait_ready()?;
        let id = make_hostile_network(scene)?;
        connect(scene);
        let named = |f: &serde_json::Value| {
            f.get("process").is_some() && f["bridgetrace"].get("docker_network").is_some()
        };
        let finding = scene.finding(&mut lines, named)?;
        ensure!(
            finding["bridgetrace"]["docker_network"]["id"] == id,
            "{finding:#}"
        );
        for (pointer, name) in [
            ("/bridgetrace/docker_network/compose_project", PROJECT),
            ("/bridgetrace/bridge/name", BRIDGE),
            ("/process/name", PROGRAM),
        ] {
            ensure!(text(&finding, pointer) == name, "{pointer} in {finding:#}");
        }
        wait_for("people to be told", SOON, || {
            let said = |line: bridgetrace_lab::tracer::Line| line.text.contains("ip route add");
            people.lines().into_iter().any(said).then_some(())
        })?;
        for tracer in [&mut lines, &mut people] {
            end(tracer, Signal::SIGTERM)?;
            is_harmless(tracer)?;
        }
        Ok(())
    })
}

/// The SYN arrives, the SYN-ACK is lost.
fn connect(scene: &Scene) {
    let (from, to) = (SocketAddr::from((PC, 0)), SocketAddr::from((SRV, SERVICE)));
    // It cannot succeed: that is the outage.
    let connected = scene.lab.pc.enter(|| {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
        socket.bind(&from.into())?;
        socket.connect_timeout(&to.into(), Duration::from_millis(300))
    });
    drop(connected);
    drop(peers::ping(&scene.lab.pc, SRV, 1));
}

/// Neither output holds a control character, in whatever encoding it would take effect.
fn is_harmless(tracer: &Tracer) -> Result<()> {
    for line in tracer.lines().into_iter().chain(tracer.log()) {
        let acts = line.text.chars().find(|c| c.is_control());
        ensure!(acts.is_none(), "{acts:?} in {:?}", line.text);
        let fakes = line.text.starts_with("all is well");
        ensure!(!fakes, "a line of its own: {:?}", line.text);
    }
    Ok(())
}

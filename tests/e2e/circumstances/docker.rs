//! Docker comes and goes; the tracing never waits for it. What is not known is said, with its
//! cause, and comes by itself.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::{Duration, Instant};
use std::{fs, thread};

use anyhow::{Context, Result, ensure};
use bridgetrace_lab::docker::bridge_name;
use bridgetrace_lab::{Tracer, preflight, tracer::Line, wait_for};
use nix::sys::signal::Signal;
use serde_json::Value;

use super::scene::{Folder, SECOND, SOON, Scene, end, phase, text, unknown};
use crate::outage::stage::NETWORK;

fn endpoint(socket: &Path) -> String {
    format!("unix://{}", socket.display())
}

/// The network and its daemon are told.
fn knows_the_network(finding: &Value, id: &str) -> Result<()> {
    let network = &finding["bridgetrace"]["docker_network"];
    ensure!(
        network["id"] == id && network["name"] == NETWORK,
        "{finding:#}"
    );
    Ok(())
}

/// Everything the kernel tells is told, docker's part is missing, and the reason is given.
fn explains_without_docker(finding: &Value, id: &str, cause: &str) -> Result<()> {
    let own = &finding["bridgetrace"];
    ensure!(own["bridge"]["name"] == bridge_name(id), "{finding:#}");
    // By the name that docker gives its bridges.
    ensure!(own["bridge"]["owner"] == "docker", "{finding:#}");
    ensure!(own["route"]["prefix"] == "172.22.0.0/16", "{finding:#}");
    ensure!(
        own["expected_route"]["gateway"] == "172.42.10.1",
        "{finding:#}"
    );
    ensure!(own.get("docker_network").is_none(), "{finding:#}");
    let verdict = text(finding, "/bridgetrace/finding/verdict");
    ensure!(
        ["confirmed", "inconclusive"].contains(&verdict),
        "{finding:#}"
    );
    let unknown = unknown(finding);
    ensure!(
        unknown.contains("whose bridge it is") && unknown.contains(cause),
        "{unknown}"
    );
    Ok(())
}

#[test]
fn an_outage_is_found_without_docker_and_named_when_docker_comes() -> Result<()> {
    Scene::raise()?.play(|scene| {
        let folder = Folder::new()?;
        let socket = folder.join("docker.sock");
        let id = scene.collide()?;
        let mut tracer = scene.trace(&endpoint(&socket))?;
        scene.lose_a_reply()?;
        let opened = scene.opened(&mut tracer)?;
        explains_without_docker(&opened, &id, "there is no socket")?;
        // The daemon appears where the tracer looks for it.
        symlink(scene.daemon.client().socket(), &socket)?;
        let named = |f: &Value| f["bridgetrace"].get("docker_network").is_some();
        let updated = scene.finding(&mut tracer, named)?;
        ensure!(phase(&updated) == "updated", "{updated:#}");
        knows_the_network(&updated, &id)?;
        ensure!(!unknown(&updated).contains("docker"), "{updated:#}");
        Ok(())
    })
}

#[test]
fn a_daemon_hung_before_the_start_is_named_and_its_word_comes_later() -> Result<()> {
    Scene::raise()?.play(|scene| {
        let id = scene.collide()?;
        scene.daemon.pause()?;
        let mut tracer = scene.trace(&scene.daemon.client().endpoint())?;
        // At once: while the tracer still waits for docker's first answer.
        let opened = lost_and_told(scene, &mut tracer)?;
        explains_without_docker(&opened, &id, "answer")?;
        scene.daemon.resume()?;
        let named = |f: &Value| f["bridgetrace"].get("docker_network").is_some();
        let updated = scene.finding(&mut tracer, named)?;
        ensure!(phase(&updated) == "updated", "{updated:#}");
        knows_the_network(&updated, &id)
    })
}

#[test]
fn a_daemon_that_hangs_during_the_run_delays_nothing() -> Result<()> {
    Scene::raise()?.play(|scene| {
        let mut tracer = scene.trace(&scene.daemon.client().endpoint())?;
        let id = scene.collide()?;
        wait_until_known(&tracer, &id)?;
        scene.daemon.pause()?;
        let opened = lost_and_told(scene, &mut tracer)?;
        knows_the_network(&opened, &id)?;
        // Once the silence is noticed it is said with the next news.
        let stale = |f: &Value| unknown(f).contains("did not answer");
        let updated = keep_losing(scene, || scene.finding(&mut tracer, stale))?;
        knows_the_network(&updated, &id)?;
        scene.daemon.resume()?;
        let id = updated["bridgetrace"]["finding"]["id"].clone();
        let sure = |f: &Value| {
            f["bridgetrace"]["finding"]["id"] == id && unknown(f).is_empty() && after(f, &updated)
        };
        keep_losing(scene, || scene.finding(&mut tracer, sure)).map(drop)
    })
}

/// Loses a reply; the finding must be there within a second of it.
fn lost_and_told(scene: &Scene, tracer: &mut Tracer) -> Result<Value> {
    let here = scene.lab.srv.inum();
    let start = Instant::now();
    scene.lose_a_reply()?;
    let (opened, at) = tracer.wait_line(SECOND * 5, |f| {
        f["bridgetrace"]["netns"]["inum"] == here && phase(f) == "opened"
    })?;
    let took = at.saturating_duration_since(start);
    ensure!(took < SECOND, "told after {took:?}");
    Ok(opened)
}

/// Waits until docker's word on a network has reached the tracer, whose log tells of it.
fn wait_until_known(tracer: &Tracer, id: &str) -> Result<()> {
    let told = |line: Line| line.text.contains(&format!("({id})"));
    wait_for("the tracer to know the network", SOON, || {
        tracer.log().into_iter().any(told).then_some(())
    })
}

/// Goes on pinging while `wait` waits.
fn keep_losing<T>(scene: &Scene, wait: impl FnOnce() -> Result<T>) -> Result<T> {
    let pc = scene.lab.pc.clone();
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    thread::scope(|scope| {
        let pinger = scope.spawn(move || -> Result<()> {
            let gap = Duration::from_millis(200);
            while stopped.recv_timeout(gap) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                bridgetrace_lab::peers::ping(&pc, bridgetrace_lab::topology::SRV, 1)?;
            }
            Ok(())
        });
        let found = wait();
        drop(stop);
        pinger.join().ok().context("the pinger panicked")??;
        found
    })
}

fn after(finding: &Value, other: &Value) -> bool {
    finding["event"]["sequence"].as_u64() > other["event"]["sequence"].as_u64()
}

#[test]
fn a_daemon_restarted_during_the_run_is_asked_again() -> Result<()> {
    Scene::raise()?.play(|scene| {
        let mut tracer = scene.trace(&scene.daemon.client().endpoint())?;
        let old = scene.daemon.pid()?;
        scene.daemon.restart()?;
        ensure!(scene.daemon.pid()? != old, "the same daemon");
        // Known only to the new daemon.
        let id = scene.collide()?;
        scene.lose_a_reply()?;
        let named = |f: &Value| f["bridgetrace"].get("docker_network").is_some();
        let finding = scene.finding(&mut tracer, named)?;
        knows_the_network(&finding, &id)
    })
}

#[test]
fn a_daemon_stopped_during_an_outage_keeps_what_was_known() -> Result<()> {
    Scene::raise()?.play(|scene| {
        let mut tracer = scene.trace(&scene.daemon.client().endpoint())?;
        let id = scene.collide()?;
        wait_until_known(&tracer, &id)?;
        scene.lose_a_reply()?;
        knows_the_network(&scene.opened(&mut tracer)?, &id)?;
        // Bridges and routes stay: the outage goes on.
        scene.daemon.kill()?;
        let stale = |f: &Value| unknown(f).contains("there is no socket");
        let updated = keep_losing(scene, || scene.finding(&mut tracer, stale))?;
        ensure!(phase(&updated) == "updated", "{updated:#}");
        knows_the_network(&updated, &id)?;
        scene.daemon.restart()?;
        Ok(())
    })
}

#[test]
fn a_socket_that_nobody_serves_is_told_from_an_absent_one() -> Result<()> {
    Scene::raise()?.play(|scene| {
        let folder = Folder::new()?;
        let socket = folder.join("docker.sock");
        drop(UnixListener::bind(&socket)?);
        let id = scene.collide()?;
        let mut tracer = scene.trace(&endpoint(&socket))?;
        scene.lose_a_reply()?;
        explains_without_docker(&scene.opened(&mut tracer)?, &id, "nobody listens")
    })
}

#[test]
fn a_socket_that_may_not_be_used_is_told_as_such() -> Result<()> {
    Scene::raise()?.play(|scene| {
        let folder = Folder::new()?;
        let socket = folder.join("docker.sock");
        let _listener = UnixListener::bind(&socket)?;
        fs::set_permissions(&socket, fs::Permissions::from_mode(0o000))?;
        let id = scene.collide()?;
        let endpoint = endpoint(&socket);
        // Without it, root obeys a file's mode like anybody else.
        let without = ["--bounding-set", "-dac_override,-dac_read_search"];
        let binary = bridgetrace_lab::tracer::binary()?.display().to_string();
        let mut arguments = without.to_vec();
        arguments.extend([
            binary.as_str(),
            "--format",
            "jsonl",
            "--docker-host",
            &endpoint,
        ]);
        let setpriv = Path::new("setpriv");
        let mut tracer = Tracer::start_program(&scene.lab.srv, setpriv, &arguments, &[])?;
        tracer.wait_ready()?;
        scene.lose_a_reply()?;
        explains_without_docker(&scene.opened(&mut tracer)?, &id, "permission denied")
    })
}

#[test]
fn a_port_that_nobody_serves_is_told_as_such() -> Result<()> {
    Scene::raise()?.play(|scene| {
        let id = scene.collide()?;
        let mut tracer = scene.trace("tcp://127.0.0.1:2375")?;
        scene.lose_a_reply()?;
        explains_without_docker(&scene.opened(&mut tracer)?, &id, "nothing listens")
    })
}

#[test]
fn a_configuration_that_cannot_be_read_holds_up_neither_tracing_nor_end() -> Result<()> {
    Scene::raise()?.play(|scene| {
        // Opening it waits for a writer, for ever.
        let config = scene.daemon.directory().join("daemon.json");
        fs::remove_file(&config)?;
        nix::unistd::mkfifo(&config, nix::sys::stat::Mode::S_IRUSR)?;
        let mut tracer = scene.trace(&scene.daemon.client().endpoint())?;
        scene.collide()?;
        lost_and_told(scene, &mut tracer)?;
        end(&mut tracer, Signal::SIGTERM)
    })
}

#[test]
fn a_daemon_that_answers_nonsense_is_told_as_such() -> Result<()> {
    preflight::require()?;
    Scene::raise()?.play(|scene| {
        let folder = Folder::new()?;
        let socket = folder.join("docker.sock");
        let listener = UnixListener::bind(&socket)?;
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                // Whoever hangs up before has heard enough.
                std::io::Write::write_all(&mut &stream, b"SSH-2.0-\x1b[2J\r\n").ok();
            }
        });
        let id = scene.collide()?;
        let mut tracer = scene.trace(&endpoint(&socket))?;
        scene.lose_a_reply()?;
        explains_without_docker(&scene.opened(&mut tracer)?, &id, "docker.sock")
    })
}

//! The inner daemon hangs: what the kernel tells is told all the same, and what is not known is said.

use anyhow::{Context, Result, ensure};
use bridgetrace_lab::docker::bridge_name;
use bridgetrace_lab::netns::pids_in;
use bridgetrace_lab::{Dind, peers, scenario, showcase, topology::SRV};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::expect::{names_the_network, unknown};
use super::scene::{Scene, netns_of};
use crate::outage::expect;
use crate::outage::stage::at;

/// It hangs when the tracer comes. Once it answers, its network is named.
#[test]
fn a_loss_is_told_without_the_inner_daemon() -> Result<()> {
    let mut network = String::new();
    let hang = |dind: &Dind| {
        network = scenario::collide(dind)?;
        signal(dind, Signal::SIGSTOP)
    };
    let told = Scene::raise_with(hang)?.play(|scene| {
        let opened = scene.connect_and_find()?;
        scene.is_lost_inside(&opened, &network)?;
        ensure!(!names_the_network(&opened), "{opened:#}");
        ensure!(at(&opened, "bridgetrace.bridge.name") == bridge_name(&network).as_str());
        let id = expect::id(&opened)?;
        let told = scene.line(&id, |f| unknown(f).contains("answer"))?;
        is_unknown(scene, &told)?;
        let told = scene.proven(&id)?;
        is_unknown(scene, &told)?;
        signal(&scene.dind, Signal::SIGCONT)?;
        let named = scene.line(&id, names_the_network)?;
        scene.is_named(&named, &network)?;
        Ok(told)
    })?;
    showcase::show("docker in docker whose inner daemon hangs", &told)
}

/// Said of it is whose bridge it is, and which daemon was asked.
fn is_unknown(scene: &Scene, told: &Value) -> Result<()> {
    let said = unknown(told);
    let socket = scene.dind.socket_through_proc()?;
    ensure!(
        said.contains("whose bridge it is") && said.contains(&socket.display().to_string()),
        "{said}"
    );
    Ok(())
}

/// An outage of the host itself is not the inner daemon's to explain: nothing is missing.
#[test]
fn the_hosts_own_outage_does_not_wait_for_the_inner_daemon() -> Result<()> {
    Scene::raise()?.play(|scene| {
        scenario::collide(&scene.dind)?;
        let inner = scene.connect_and_find()?;
        signal(&scene.dind, Signal::SIGSTOP)?;
        let id = expect::id(&inner)?;
        scene.becomes(false)?;
        scene.line(&id, |f| unknown(f).contains("answer"))?;
        let network = scene.stage.collide()?;
        ensure!(!peers::reachable(&scene.stage.lab.pc, SRV)?, "nothing lost");
        let opened = scene.stage.finding(|_| true)?;
        expect::pc_lost_in(&opened, &network)?;
        ensure!(unknown(&opened).is_empty(), "{opened:#}");
        signal(&scene.dind, Signal::SIGCONT)
    })
}

/// To the inner dockerd, which runs in the container's namespace.
fn signal(dind: &Dind, signal: Signal) -> Result<()> {
    let pids = pids_in(netns_of(dind)?);
    let is_dockerd = |pid: &u32| {
        let comm = std::fs::read_to_string(format!("/proc/{pid}/comm"));
        comm.is_ok_and(|comm| comm.trim_end() == "dockerd")
    };
    let pid = pids.into_iter().find(is_dockerd).context("no dockerd")?;
    kill(Pid::from_raw(pid.try_into()?), signal)?;
    Ok(())
}

//! The daemon collides with the PC's network as the real one did, and stays inside.

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bridgetrace_lab::docker::bridge_name;
use bridgetrace_lab::dockerd::{Dockerd, Options};
use bridgetrace_lab::topology::{PC, SRV};
use bridgetrace_lab::{Process, Topology, WorldDump, peers, preflight, wait_until};

const SOON: Duration = Duration::from_secs(10);

#[test]
fn a_network_swallows_the_replies_until_it_is_removed() -> Result<()> {
    preflight::require()?;
    let lab = Topology::new()?;
    let daemon = Dockerd::start(&lab.srv)?;
    let world = WorldDump::new(&lab.namespaces(), Some(&daemon));
    world.on_error(|| {
        let id = daemon.docker(&["network", "create", "--subnet=172.22.0.0/16", "collision"])?;
        let route = lab.srv.run(&["ip", "route", "get", &PC.to_string()])?;
        ensure!(route.contains(&bridge_name(&id)), "{route}");
        ensure!(
            peers::ping(&lab.pc, SRV, 3)?.received == 0,
            "the replies came through"
        );
        daemon.docker(&["network", "rm", "collision"])?;
        let removed = Instant::now();
        wait_until("the replies to come back", SOON, || {
            peers::reachable(&lab.pc, SRV)
        })?;
        ensure!(
            removed.elapsed() < Duration::from_secs(2),
            "healed in {:?}",
            removed.elapsed()
        );
        Ok(())
    })
}

#[test]
fn bridges_and_forwarding_stay_in_the_namespace() -> Result<()> {
    preflight::require()?;
    let forwarding = || fs::read_to_string("/proc/sys/net/ipv4/ip_forward");
    let before = forwarding()?;
    let lab = Topology::new()?;
    let daemon = Dockerd::start(&lab.srv)?;
    let id = daemon.docker(&["network", "create", "inside"])?;
    let bridge = bridge_name(&id);
    let find = ["ip", "-brief", "link", "show", "type", "bridge"];
    ensure!(lab.srv.run(&find)?.contains(&bridge));
    ensure!(!lab.pc.run(&find)?.contains("br-"), "a bridge on the PC");
    ensure!(
        !fs::read_to_string("/proc/net/dev")?.contains(&bridge),
        "a bridge on this machine"
    );
    ensure!(lab.srv.read_sysctl("net.ipv4.ip_forward")? == "1");
    ensure!(lab.pc.read_sysctl("net.ipv4.ip_forward")? == "0");
    ensure!(forwarding()? == before, "this machine forwards");
    Ok(())
}

#[test]
fn another_data_root_loses_the_networks_and_the_first_finds_them() -> Result<()> {
    preflight::require()?;
    let lab = Topology::new()?;
    let mut daemon = Dockerd::start(&lab.srv)?;
    let id = daemon.docker(&["network", "create", "ours"])?;
    let bridges = || {
        lab.srv
            .run(&["ip", "-brief", "link", "show", "type", "bridge"])
    };
    daemon.restart_with(Options::new().data_root("other"))?;
    ensure!(!daemon.docker(&["network", "ls"])?.contains("ours"));
    ensure!(
        bridges()?.contains(&bridge_name(&id)),
        "the bridge outlives its daemon"
    );
    daemon.kill()?;
    daemon.restart_with(Options::new())?;
    ensure!(daemon.docker(&["network", "ls"])?.contains("ours"));
    Ok(())
}

#[test]
fn a_paused_daemon_is_silent_until_it_is_resumed() -> Result<()> {
    preflight::require()?;
    let lab = Topology::new()?;
    let daemon = Dockerd::start(&lab.srv)?;
    daemon.pause()?;
    let mut version = daemon.command(&["version"]);
    version.stdout(Stdio::null());
    let mut asking = Process::spawn(version)?;
    let stat = fs::read_to_string(format!("/proc/{}/stat", daemon.pid()?))?;
    ensure!(stat.contains("(dockerd) T"), "{stat}");
    ensure!(
        asking.wait(Duration::from_millis(300)).is_err(),
        "a stopped daemon answers"
    );
    daemon.resume()?;
    let status = asking.wait(SOON).context("after the daemon went on")?;
    ensure!(status.success(), "{status}");
    Ok(())
}

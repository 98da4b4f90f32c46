//! Network namespaces that outlive their containers: everything of a daemon is killed at once, and it comes back
//! without its state.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use bridgetrace_lab::docker::bridge_name;
use bridgetrace_lab::{Dockerd, Service, Topology, dockerd, names, preflight, wait_for};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use super::scene::{has_link, is_ghost, refuses, type_in, typed};
use crate::check::look::Look;
use crate::outage::stage::{SOON, at, holds};

/// Stands for dockerd as process 1 of its namespaces, and starts the real one again when it was killed; with one
/// more argument, once there is a file with one.
const KEEPER: &str = "#!/bin/sh
while :; do
    DOCKERD \"$@\" $(cat FOLDER/more 2> /dev/null) &
    wait
done
";

fn keeper(folder: &Path) -> Result<()> {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let real = std::env::split_paths(&paths).map(|path| path.join("dockerd"));
    let real = real
        .into_iter()
        .find(|it| it.exists())
        .context("no dockerd")?;
    let script = KEEPER.replace("DOCKERD", &real.display().to_string());
    let script = script.replace("FOLDER", &folder.display().to_string());
    let file = folder.join("dockerd");
    fs::write(&file, script)?;
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

/// Kills everything in the pid namespace of `init` but itself.
fn kill_all_but(init: u32) -> Result<()> {
    let of = |pid: u32| fs::read_link(format!("/proc/{pid}/ns/pid")).ok();
    let own = of(init).context("the keeper is gone")?;
    let entries = fs::read_dir("/proc")?.flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    for pid in pids.filter(|pid| *pid != init && of(*pid).as_ref() == Some(&own)) {
        end(pid)?;
    }
    Ok(())
}

fn end(pid: u32) -> Result<()> {
    // Whoever ended with its parent is gone.
    let _ = kill(Pid::from_raw(i32::try_from(pid)?), Signal::SIGKILL);
    Ok(())
}

/// A folder that goes with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Self> {
        let folder = std::env::temp_dir().join(names::unique("keeper"));
        fs::create_dir(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

#[test]
fn a_namespace_that_outlived_its_container_is_told_and_removed_unless_somebody_is_in_it()
-> Result<()> {
    preflight::require()?;
    let lab = Topology::new()?;
    let scratch = Scratch::new()?;
    keeper(&scratch.0)?;
    let options = dockerd::Options::new().programs(&scratch.0);
    let daemon = Dockerd::start_with(&lab.srv, options)?;
    daemon.import_busybox()?;
    let bridge = bridge_name(&daemon.create_network("apps", &["10.201.1.0/24"])?);
    let web = Service::idle("web").network("apps").run(&daemon)?;
    let inum = fs::metadata(format!("/proc/{}/ns/net", web.pid()?))?.ino();
    let amnesia = format!(
        "--data-root={}",
        daemon.directory().join("amnesia").display()
    );
    fs::write(scratch.0.join("more"), amnesia)?;
    let first = web.pid()?;
    kill_all_but(daemon.pid()?)?;
    end(first)?;
    wait_for("the daemon to be back without its state", SOON, || {
        let networks = daemon.docker(&["network", "ls", "--quiet", "--filter=name=apps"]);
        networks.is_ok_and(|it| it.is_empty()).then_some(())
    })?;

    let endpoint = daemon.client().endpoint();
    let look = || Look::at(&lab.srv, &["--docker-host", &endpoint]);
    let found = look()?;
    found.ended(1)?;
    let is_it = |f: &&Value| at(f, "bridgetrace.ghost.leftovers.0.id") == inum.to_string().as_str();
    let told = found
        .findings
        .iter()
        .find(is_it)
        .with_context(|| format!("{found:#?}"))?;
    ensure!(is_ghost(told, "orphan-namespace"), "{told:#}");
    holds(
        told,
        &[("bridgetrace.ghost.leftovers.0.type", json!("namespace"))],
    )?;
    // The container's interface is still up on the bridge that nobody knows.
    ensure!(ports(&lab, &bridge)? == 1);

    // Somebody is in it.
    let command = typed(told, "command")?;
    let file = at(told, "bridgetrace.ghost.leftovers.0.name")
        .as_str()
        .context("no file")?;
    let pid = daemon.pid()?.to_string();
    let net = format!("--net=/proc/{pid}/root{file}");
    let mut guest = std::process::Command::new("nsenter");
    guest.args([&net, "sleep", "600"]);
    let guest = bridgetrace_lab::Process::spawn(guest)?;
    wait_for("the guest to be in", SOON, || {
        let here = fs::read_link(format!("/proc/{}/ns/net", guest.id())).ok()?;
        (here.to_str() == Some(&format!("net:[{inum}]"))).then_some(())
    })?;
    refuses(&lab.srv, &command)?;
    let seen = look()?;
    ensure!(!seen.findings.iter().any(|f| is_it(&f)), "{seen:#?}");
    drop(guest);

    // Each command that is printed, one after the other, until nothing is left.
    let before = named(&lab)?;
    for _ in 0..4 {
        let found = look()?;
        for told in &found.findings {
            type_in(&lab.srv, &typed(told, "command")?)?;
        }
        if found.findings.is_empty() {
            break;
        }
    }
    look()?.ended(0)?;
    ensure!(!has_link(&lab.srv, &bridge), "the bridge is left");
    ensure!(named(&lab)? == before, "a named namespace is gone");
    Ok(())
}

fn ports(lab: &Topology, bridge: &str) -> Result<usize> {
    let ports = lab
        .srv
        .run(&["ip", "-o", "link", "show", "master", bridge])?;
    Ok(ports.lines().count())
}

/// Namespaces of `ip netns` that are this lab's.
fn named(lab: &Topology) -> Result<Vec<String>> {
    let all = lab.namespaces().into_iter().map(|it| it.name().to_owned());
    let there = all.filter(|name| Path::new("/run/netns").join(name).exists());
    Ok(there.collect())
}

//! The stage of every remedy's test: the I-1 topology, a daemon in the server, the tracer, and
//! a root shell of whoever types what the tracer prints.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use bridgetrace_lab::{
    Dockerd, Netns, Topology, Tracer, WorldDump, docker::BUSYBOX, dockerd::Options, names, peers,
    preflight, process, topology::SRV, wait_until,
};
use serde_json::Value;

use crate::outage::stage::NETWORK;

pub(super) const SOON: Duration = Duration::from_secs(15);
/// The file that injected commands of the tests make, in whatever folder they run.
pub(super) const CANARY: &str = "canary";

pub(super) struct Lab {
    pub(super) topology: Topology,
    pub(super) daemon: Dockerd,
    pub(super) tracer: Tracer,
    /// Where the commands are typed.
    pub(super) folder: Folder,
}

impl Lab {
    pub(super) fn raise() -> Result<Self> {
        Self::raise_with(Topology::new, |options| options)
    }

    pub(super) fn raise_with(
        topology: impl FnOnce() -> Result<Topology>,
        options: impl FnOnce(Options) -> Options,
    ) -> Result<Self> {
        preflight::require()?;
        let topology = topology()?;
        let daemon = Dockerd::start_with(&topology.srv, options(Options::new()))?;
        daemon.import_busybox()?;
        let tracer = trace(&topology.srv, &daemon)?;
        let folder = Folder::new()?;
        Ok(Self {
            topology,
            daemon,
            tracer,
            folder,
        })
    }

    /// I-1 by hand: the network, and a container in it.
    pub(super) fn collide(&self) -> Result<()> {
        self.collide_with(NETWORK, &[])
    }

    /// [`Lab::collide`] with this network, by more options of `docker network create`.
    pub(super) fn collide_with(&self, network: &str, options: &[&str]) -> Result<()> {
        let create = ["network", "create", "--subnet=172.22.0.0/16"];
        self.daemon
            .docker(&[&create[..], options, &[network]].concat())?;
        self.run(&["--name=openldap", "--network", network])
    }

    /// A container that sleeps.
    pub(super) fn run(&self, options: &[&str]) -> Result<()> {
        let run = ["run", "--detach", "--init"];
        let sleep = [BUSYBOX, "sleep", "1000"];
        self.daemon.docker(&[&run[..], options, &sleep].concat())?;
        Ok(())
    }

    /// The first finding about the server of which this holds.
    pub(super) fn finding(&mut self, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
        peers::ping(&self.topology.pc, SRV, 1)?;
        let here = self.topology.srv.inum();
        let wanted = |f: &Value| f["bridgetrace"]["netns"]["inum"] == here && wanted(f);
        Ok(self.tracer.wait_line(SOON, wanted)?.0)
    }

    /// Command and undo of the remedy with this id, from the first finding that has it.
    pub(super) fn remedy(&mut self, id: &str) -> Result<(String, String)> {
        let finding = self.finding(|f| remedies(f).any(|remedy| remedy["id"] == id))?;
        let remedy = remedies(&finding).find(|remedy| remedy["id"] == id);
        commands(remedy.context("the remedy")?)
    }

    /// A root shell of the server, in the folder.
    pub(super) fn shell(&self, shell: &str, command: &str) -> Command {
        let mut typed = self.topology.srv.command(shell);
        typed.args(["-c", command]).current_dir(&self.folder.0);
        typed
    }

    /// Types the command into a root shell of the server.
    pub(super) fn type_in(&self, shell: &str, command: &str) -> Result<()> {
        process::output(&mut self.shell(shell, command))
            .with_context(|| format!("type into {shell}:\n{command}"))?;
        ensure!(!self.folder.0.join(CANARY).exists(), "{command}");
        Ok(())
    }

    pub(super) fn replies_come(&self, wanted: bool) -> Result<()> {
        let what = if wanted {
            "replies to reach the PC"
        } else {
            "replies to be lost again"
        };
        wait_until(what, SOON, || {
            Ok(peers::reachable(&self.topology.pc, SRV)? == wanted)
        })
    }

    /// The remedy cures, its undo brings the outage back.
    pub(super) fn try_out(&mut self, id: &str) -> Result<(String, String)> {
        self.replies_come(false)?;
        let (command, undo) = self.remedy(id)?;
        for shell in ["sh", "bash"] {
            self.type_in(shell, &command)?;
            self.replies_come(true)
                .with_context(|| format!("after {command}"))?;
            self.type_in(shell, &undo)?;
            self.replies_come(false)
                .with_context(|| format!("after {undo}"))?;
        }
        Ok((command, undo))
    }

    pub(super) fn play(&mut self, body: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        let world = WorldDump::new(&self.topology.namespaces(), Some(&self.daemon));
        world.on_error(|| {
            let result = body(self);
            let said: Vec<String> = self.tracer.lines().into_iter().map(|l| l.text).collect();
            result.with_context(|| format!("the tracer said:\n{}", said.join("\n")))
        })
    }
}

/// Starts the tracer in `netns`, ready.
pub(super) fn trace(netns: &Netns, daemon: &Dockerd) -> Result<Tracer> {
    let endpoint = daemon.client().endpoint();
    let arguments = ["--format", "jsonl", "--docker-host", &endpoint];
    let mut tracer = Tracer::start(netns, &arguments)?;
    tracer.wait_ready()?;
    Ok(tracer)
}

pub(super) fn remedies(finding: &Value) -> impl Iterator<Item = &Value> {
    let remedies = finding["bridgetrace"]["remedies"].as_array();
    remedies.into_iter().flatten()
}

/// Command and undo.
pub(super) fn commands(remedy: &Value) -> Result<(String, String)> {
    let text = |key: &str| remedy[key].as_str().map(str::to_owned).context("a command");
    Ok((text("command")?, text("undo")?))
}

/// A temporary folder, removed on drop.
pub(super) struct Folder(pub(super) PathBuf);

impl Folder {
    pub(super) fn new() -> Result<Self> {
        let folder = std::env::temp_dir().join(names::unique("remedies"));
        fs::create_dir(&folder)?;
        Ok(Self(folder))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Best effort: it holds a few small files.
        let _ = fs::remove_dir_all(&self.0);
    }
}

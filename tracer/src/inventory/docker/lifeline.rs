//! The processes of an engine, and the moment each of them ends.
//!
//! A pidfd tells of the end at once, whoever's child the process is
//! (<https://man7.org/linux/man-pages/man2/pidfd_open.2.html>). It outlives the connection: an engine
//! that is told to stop closes its socket before it ends.

mod find;

use std::{io, os::fd::OwnedFd};

use rustix::process::{Pid, PidfdFlags, pidfd_open};
use tokio::{
    io::Interest,
    sync::mpsc::Sender,
    task::{self, AbortHandle, JoinSet},
};
use tracer_core::input::{Body, DaemonInfo, EngineProcess, EngineProgram, FormerRoot, Input};

use super::{Closed, Endpoint, POLL, process};
use crate::{
    fd,
    inventory::{bystanders, files::Root, pulse::Pulse, send},
};

/// Follows the processes of one engine.
pub(super) struct Lifeline {
    daemon: String,
    /// Where it is reached is another process' file: its paths are not this host's.
    elsewhere: bool,
    inputs: Sender<Input>,
    pulse: Pulse,
    /// The dockerd that was met last.
    dockerd: Option<u32>,
    /// The data root that was met last.
    root: Option<String>,
    /// Watches the containerd of the dockerd that was met last.
    containerd: Option<AbortHandle>,
    /// Aborted when the engine is not followed any more.
    watches: JoinSet<Result<(), Closed>>,
}

impl Lifeline {
    pub(super) fn new(endpoint: &Endpoint, inputs: &Sender<Input>, pulse: &Pulse) -> Self {
        Self {
            daemon: endpoint.to_string(),
            elsewhere: endpoint.leads_elsewhere(),
            inputs: inputs.clone(),
            pulse: pulse.clone(),
            dockerd: None,
            root: None,
            containerd: None,
            watches: JoinSet::new(),
        }
    }

    /// The engine answers: notes who it is, and where its data lay before if that is elsewhere.
    pub(super) async fn meet(&mut self, info: &mut DaemonInfo) {
        while self.watches.try_join_next().is_some() {}
        let before = match &info.data_root {
            Some(root) => self.root.replace(root.clone()),
            None => None,
        };
        info.former_root = self.former(info, before).await;
        let Some(pid) = info.pid.filter(|pid| self.dockerd != Some(*pid)) else {
            return;
        };
        self.dockerd = Some(pid);
        let (daemon, inputs) = (self.daemon.clone(), self.inputs.clone());
        self.watches
            .spawn(dockerd(daemon.clone(), inputs.clone(), pid));
        // The host's containerd outlives each dockerd: it is watched once.
        let watch = containerd(daemon, inputs, self.pulse.clone(), pid);
        let watch = self.watches.spawn(watch);
        if let Some(before) = self.containerd.replace(watch) {
            before.abort();
        }
    }

    /// The data root of before, if it is another and still there.
    async fn former(&self, info: &DaemonInfo, before: Option<String>) -> Option<FormerRoot> {
        let path = before.filter(|before| info.data_root.as_ref() != Some(before))?;
        let pid = info.pid.filter(|_| !self.elsewhere)?;
        let look = task::spawn_blocking(move || {
            let containers = find::containers(&Root::of_process(pid).ok()?, &path)?;
            Some(FormerRoot { path, containers })
        });
        look.await.ok().flatten()
    }
}

/// Tells of a dockerd and of its end.
async fn dockerd(daemon: String, inputs: Sender<Input>, pid: u32) -> Result<(), Closed> {
    let is_it = move || process::is_dockerd(pid);
    if let Some(end) = Watch::begin(pid, is_it).await {
        end.follow(&daemon, &inputs, EngineProgram::Dockerd).await?;
    }
    Ok(())
}

/// Tells of the containerd of a dockerd, of its end, and of the one that takes its place.
async fn containerd(
    daemon: String,
    inputs: Sender<Input>,
    mut pulse: Pulse,
    dockerd: u32,
) -> Result<(), Closed> {
    while process_is_there(dockerd).await {
        let found = task::spawn_blocking(move || find::containerd(dockerd)).await;
        let watch = match found.ok().flatten() {
            Some(pid) => Watch::begin(pid, move || find::is_containerd(pid)).await,
            None => None,
        };
        match watch {
            Some(watch) => {
                watch
                    .follow(&daemon, &inputs, EngineProgram::Containerd)
                    .await?
            }
            // It takes its time to start, or is none of this host's.
            None => pulse.pause(POLL).await?,
        }
    }
    Ok(())
}

async fn process_is_there(dockerd: u32) -> bool {
    let there = task::spawn_blocking(move || process::is_dockerd(dockerd));
    there.await.unwrap_or(false)
}

/// A process whose end will be known.
struct Watch {
    pid: u32,
    unit: Option<String>,
    end: tokio::io::unix::AsyncFd<OwnedFd>,
}

impl Watch {
    /// `None` if the process is gone, or is another one by now.
    async fn begin(pid: u32, is_it: impl FnOnce() -> bool + Send + 'static) -> Option<Self> {
        let open = open(pid).inspect_err(|error| log::debug!("process {pid}: {error}"));
        let end = fd::watch(open.ok()?, Interest::READABLE).ok()?;
        // Asked with the descriptor in hand: the pid cannot come to mean another process unseen.
        let known = task::spawn_blocking(move || is_it().then(|| bystanders::unit(pid)));
        let unit = known.await.ok().flatten()?;
        Some(Self { pid, unit, end })
    }

    /// Tells that the process is there, and when it ended.
    async fn follow(
        self,
        daemon: &str,
        inputs: &Sender<Input>,
        program: EngineProgram,
    ) -> Result<(), Closed> {
        let Self { pid, unit, end } = self;
        let process = EngineProcess { program, pid, unit };
        let daemon = daemon.to_owned();
        let body = Body::EngineProcess {
            daemon: daemon.clone(),
            process,
        };
        send(inputs, body).await?;
        // Readable for good once the process has ended.
        drop(end.readable().await);
        let at = crate::inventory::clock::now();
        let around = task::spawn_blocking(bystanders::now).await;
        let body = Body::EngineProcessEnded {
            daemon,
            pid,
            bystanders: around.unwrap_or_default(),
        };
        inputs.send(Input { at, body }).await.map_err(|_| Closed)
    }
}

fn open(pid: u32) -> io::Result<OwnedFd> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
    Ok(pidfd_open(pid, PidfdFlags::NONBLOCK)?)
}

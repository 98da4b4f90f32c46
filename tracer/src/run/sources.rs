//! Starts everything that delivers inputs.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::pending,
    os::fd::OwnedFd,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, Result};
use aya_log::EbpfLogger;
use log::Log;
use tokio::{
    io::Interest,
    sync::{mpsc::Sender, watch},
    task::JoinHandle,
    time::Instant,
};
use tracer_core::{
    decode::{KernelEvent, Record},
    input::{Body, Input, Netns, NetnsOwner, Session},
    time::Timestamp,
    world::World,
};

use crate::{
    fd,
    inventory::{
        clock,
        docker::{self, Depth, Endpoint, InnerDaemon},
        kmsg, landmarks, netns,
        peers::{self, Place},
        processes::Processes,
        pulse::Pulse,
        rtnetlink,
        sockets::SocketIndex,
    },
};

/// How often it is asked whether anything but bridgetrace keeps a foreign namespace alive, seconds.
const GRIP: u32 = 10;

/// How long the holders of sockets are looked up at once, of a batch of records: each may take as long as a thousand other records.
/// Those of the rest come as inputs.
const LOOKUPS: Duration = Duration::from_millis(50);

/// How long a namespace that was looked for in vain is left alone. Its number may soon be another one's.
const VAIN: Duration = Duration::from_secs(1);

/// Whatever tells the core about the host.
pub(super) struct Sources {
    inputs: Sender<Input>,
    sockets: SocketIndex,
    /// See [`LOOKUPS`].
    lookups_until: Instant,
    processes: Processes,
    /// Daemons that are asked whatever namespace they live in.
    endpoints: Arc<[Endpoint]>,
    /// Foreign namespaces followed, or looked for in vain.
    foreign: BTreeMap<u32, JoinHandle<()>>,
    /// Asks for the peers of every namespace: counts the questions.
    ask_peers: watch::Sender<u64>,
    pulse: Pulse,
}

impl Sources {
    /// Starts what explains events, beside an inventory that was started.
    pub(super) fn start(
        endpoints: &[Endpoint],
        inventory: Inventory,
        inputs: Sender<Input>,
    ) -> Self {
        let Inventory { pulse, ask_peers } = inventory;
        tokio::spawn(kmsg::watch(inputs.clone()));
        Self {
            ask_peers,
            sockets: SocketIndex::new(inputs.clone()),
            lookups_until: Instant::now(),
            processes: Processes::watch(inputs.clone(), &pulse),
            pulse,
            inputs,
            endpoints: endpoints.into(),
            foreign: BTreeMap::new(),
        }
    }

    /// What all of them look again by.
    pub(super) fn pulse(&self) -> Pulse {
        self.pulse.clone()
    }

    /// Finds and follows namespaces events came from.
    pub(super) fn find_namespaces(&mut self, inums: &BTreeSet<u32>) {
        self.foreign.retain(|_, task| !task.is_finished());
        for inum in inums {
            let follow = || {
                let endpoints = Arc::clone(&self.endpoints);
                let inner =
                    InnerDaemon::new(*inum, endpoints, self.inputs.clone(), self.pulse.clone());
                let asked = self.ask_peers.subscribe();
                let (pulse, inputs) = (self.pulse.clone(), self.inputs.clone());
                tokio::spawn(follow_foreign(*inum, inner, asked, pulse, inputs))
            };
            self.foreign.entry(*inum).or_insert_with(follow);
        }
    }

    /// Has the peers of every namespace read now: what was just told may cut them off.
    pub(super) fn ask_for_peers(&self) {
        self.ask_peers.send_modify(|questions| *questions += 1);
    }

    /// Who holds the socket, if that is known at once; otherwise it comes as an input of its own.
    pub(super) fn owner(&self, inode: u64) -> Option<Input> {
        self.sockets.lookup(inode, 0).map(clock::stamp)
    }

    /// A batch of records begins.
    pub(super) fn allow_lookups(&mut self) {
        self.lookups_until = Instant::now() + LOOKUPS;
    }

    /// What explains a record, if it is known at once; otherwise it comes as an input of its own.
    pub(super) fn explain(&self, record: &Record, world: &World) -> Option<Input> {
        match record {
            Record::Packet(event) => return self.socket_owner(event, world),
            Record::Exec(started) => self.processes.look_at(started.who.pid),
            Record::Signal(sent) => {
                if let Some(target) = sent.target.first() {
                    self.processes.look_at(target.pid);
                }
                if let Some(sender) = sent.sender.first() {
                    self.processes.look_at_sender(sender, sent.sender_cgroup);
                }
            }
        }
        None
    }

    /// Who sent the packet of `event`, if that is known at once; otherwise it is asked for and
    /// comes as an input of its own.
    fn socket_owner(&self, event: &KernelEvent, world: &World) -> Option<Input> {
        let inode = event
            .owned_socket()
            .filter(|inode| world.owner(*inode).is_none())?;
        if Instant::now() < self.lookups_until {
            self.sockets.lookup(inode, event.tgid).map(clock::stamp)
        } else {
            self.sockets.search(inode);
            None
        }
    }
}

/// What is known about the host without a packet, as it is followed.
pub(super) struct Inventory {
    /// What all of it looks again by.
    pub(super) pulse: Pulse,
    /// See [`Sources::ask_for_peers`].
    ask_peers: watch::Sender<u64>,
}

/// Starts the sources of the host's own namespace and of every daemon.
pub(super) fn start_inventory(
    endpoints: &[Endpoint],
    depth: Depth,
    inputs: &Sender<Input>,
) -> Result<Inventory> {
    let pulse = Pulse::start().context("start the timer")?;
    let (own, fd) = netns::own()?;
    let (ask_peers, asked) = watch::channel(0);
    tokio::spawn(follow(own, fd, asked, pulse.clone(), inputs.clone()));
    tokio::spawn(landmarks::watch(pulse.clone(), inputs.clone()));
    for endpoint in endpoints {
        let (pulse, inputs) = (pulse.clone(), inputs.clone());
        tokio::spawn(docker::watch(endpoint.clone(), depth, pulse, inputs));
    }
    Ok(Inventory { pulse, ask_peers })
}

/// What is true for the whole run.
pub(super) fn session(unseen: Vec<String>) -> Result<Session> {
    let (own, _) = netns::own()?;
    Ok(Session {
        hostname: hostname(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        netns: own.inum,
        unseen,
        protected: Vec::new(),
        daemons: Vec::new(),
    })
}

/// Follows a namespace as long as the run lasts.
async fn follow(
    netns: Netns,
    fd: OwnedFd,
    asked: watch::Receiver<u64>,
    pulse: Pulse,
    inputs: Sender<Input>,
) {
    let inum = netns.inum;
    if inputs
        .send(clock::stamp(Body::Netns(netns.clone())))
        .await
        .is_err()
    {
        return;
    }
    let host = matches!(netns.owner, NetnsOwner::Host);
    let place = fd.try_clone().map(|netns| Place { inum, netns, host });
    let peers = async {
        // Without a descriptor to spare they are not known, which is no reason to see nothing at all.
        if let Ok(place) = place {
            peers::watch(place, asked, pulse, inputs.clone()).await;
        }
        pending().await
    };
    let followed = tokio::select! {
        followed = rtnetlink::watch(inum, fd, inputs.clone()) => followed,
        () = peers => Ok(()),
    };
    if let Err(error) = followed {
        let unreadable = Some(format!("{:#}", anyhow::Error::from(error)));
        // Fails only when the run is over.
        let _ = inputs
            .send(clock::stamp(Body::Netns(Netns {
                unreadable,
                ..netns
            })))
            .await;
    }
}

/// Follows a namespace that is not the host's and the daemon that lives there, but lets go of them
/// when nobody else holds the namespace: an open descriptor or socket would keep its interfaces
/// alive.
async fn follow_foreign(
    inum: u32,
    mut inner: InnerDaemon,
    asked: watch::Receiver<u64>,
    pulse: Pulse,
    inputs: Sender<Input>,
) {
    let find = || tokio::task::spawn_blocking(move || netns::find(inum));
    let job = || tokio::task::spawn_blocking(move || netns::job_variables(inum));
    let Ok(Some((found, fd))) = find().await else {
        log::warn!("network namespace {inum} is gone or hidden: its losses cannot be explained");
        // Not looked for again before that: its events come by the dozen.
        tokio::time::sleep(VAIN).await;
        return;
    };
    let variables = job().await.ok().flatten().unwrap_or_default();
    let netns = Netns { variables, ..found };
    let mut known = netns.clone();
    let mut grip = pulse.clone();
    let abandoned = async {
        while grip.pause(GRIP).await.is_ok() {
            if !matches!(find().await, Ok(Some(_))) {
                break;
            }
            // A pod is there before its job is.
            if known.variables.is_empty()
                && let Ok(Some(variables)) = job().await
            {
                known.variables = variables;
                let body = Body::Netns(known.clone());
                let _ = inputs.send(clock::stamp(body)).await;
            }
        }
    };
    tokio::select! {
        () = follow(netns, fd, asked, pulse, inputs.clone()) => {}
        () = abandoned => {}
        _ = inner.follow() => {}
    }
    // In this order: what ends with the namespace is told with what its daemon said. Both fail only
    // when the run is over.
    let _ = inputs.send(clock::stamp(Body::NetnsGone(inum))).await;
    let _ = inner.end().await;
}

/// When a ring-buffer record was made: all of them begin with it.
pub(super) fn time_of(record: &[u8]) -> Timestamp {
    let ktime = record.first_chunk().map(|ktime| u64::from_ne_bytes(*ktime));
    ktime.map_or_else(clock::now, clock::from_monotonic)
}

/// Passes the kernel half's log lines on.
pub(super) fn follow_kernel_log(logger: EbpfLogger<&'static dyn Log>) -> Result<()> {
    let mut logger =
        fd::watch(logger, Interest::READABLE).context("watch the kernel half's log")?;
    tokio::spawn(async move {
        while let Ok(mut ready) = logger.readable_mut().await {
            ready.get_inner_mut().flush();
            ready.clear_ready();
        }
    });
    Ok(())
}

fn hostname() -> String {
    nix::unistd::gethostname().map_or_else(
        |_| "unknown".to_owned(),
        |name| name.to_string_lossy().into_owned(),
    )
}

/// A wall-clock time as one the event loop can wait for.
pub(super) fn instant(at: Timestamp) -> Instant {
    Instant::now() + Duration::from_nanos(at.since(clock::now()))
}

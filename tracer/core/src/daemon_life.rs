//! What befalls daemons: that one went away, on whose account, and with what it came back.
//!
//! A daemon that restarts is no state of the host but something that happens; it is told when the daemon
//! answers again and has listed what it has, since only then it shows what was lost. Whoever starts
//! bridgetrace after the event is told nothing: there is no before to compare with.

mod cause;
mod compare;
mod story;

use std::collections::{BTreeMap, VecDeque};

use crate::{
    finding::Finding,
    input::{
        Body, Bystander, DaemonInfo, DaemonStatus, DockerContainer, DockerNetwork, EngineProcess,
        EngineProgram, Link, NetChange,
    },
    time::{SECOND, Timestamp},
    world::World,
};

use self::compare::{After, Before};

/// How long before the loss of a daemon a container may have stopped on its account: docker gives all of
/// them 15 s when it is told to end (`--shutdown-timeout`), and a moment to get going.
const SHUTDOWN: u64 = 20 * SECOND;
/// Containers that stopped lately, of one daemon.
const STOPPED: usize = 1024;
/// Ends of processes remembered of one daemon while it is away.
const ENDS: usize = 16;

/// Links remembered that are gone.
const LINKS: usize = 256;

/// Every daemon that ever answered.
#[derive(Clone, Debug, Default)]
pub(crate) struct DaemonLives {
    lives: BTreeMap<String, Life>,
    /// Ports of bridges and bridges that went lately: when, of which namespace, their names.
    gone: VecDeque<(Timestamp, u32, String)>,
}

/// What is remembered of one daemon.
#[derive(Clone, Debug, Default)]
struct Life {
    /// What it said of itself when it answered last.
    info: Option<DaemonInfo>,
    /// Since when it does not answer, and why.
    lost: Option<(Timestamp, String)>,
    /// It answers again, and has yet to list what it has.
    back: Option<(Timestamp, DaemonInfo)>,
    /// Its processes, by pid.
    processes: BTreeMap<u32, EngineProcess>,
    /// Its processes that ended since it answered last.
    ended: Vec<Ended>,
    /// Containers that stopped lately: when, and their ids.
    stopped: VecDeque<(Timestamp, String)>,
}

/// A process of an engine that ended.
#[derive(Clone, Debug)]
struct Ended {
    at: Timestamp,
    process: EngineProcess,
    bystanders: Vec<Bystander>,
}

impl DaemonLives {
    /// Takes in an input before the world does, which still is as it was; says what is over.
    pub(crate) fn take(&mut self, at: Timestamp, body: &Body, world: &World) -> Option<Finding> {
        match body {
            Body::Daemon(daemon) => self.life(&daemon.endpoint).hear(at, &daemon.status),
            Body::DaemonGone(daemon) => drop(self.lives.remove(daemon)),
            Body::EngineProcess { daemon, process } => {
                return self.life(daemon).begin(at, daemon, process, world);
            }
            Body::EngineProcessEnded {
                daemon,
                pid,
                bystanders,
            } => self.life(daemon).end(at, *pid, bystanders),
            Body::DockerContainer { daemon, container } if !container.is_running() => {
                self.stop(at, daemon, &container.id, world);
            }
            Body::DockerContainerGone { daemon, id } => self.stop(at, daemon, id, world),
            Body::DockerListing {
                daemon,
                networks,
                containers,
            } => return self.list(daemon, networks, containers, world),
            Body::Net {
                netns,
                change: NetChange::LinkGone(ifindex),
            } => self.lose_link(at, *netns, *ifindex, world),
            _ => {}
        }
        None
    }

    fn lose_link(&mut self, at: Timestamp, netns: u32, ifindex: u32, world: &World) {
        let link = world.namespace(netns).and_then(|ns| ns.link(ifindex));
        let of_a_bridge = |link: &&Link| matches!(link.kind.as_deref(), Some("veth" | "bridge"));
        if let Some(link) = link.filter(of_a_bridge) {
            if self.gone.len() >= LINKS {
                self.gone.pop_front();
            }
            self.gone.push_back((at, netns, link.name.clone()));
        }
    }

    fn life(&mut self, daemon: &str) -> &mut Life {
        self.lives.entry(daemon.to_owned()).or_default()
    }

    /// A container does not run any more.
    fn stop(&mut self, at: Timestamp, daemon: &str, id: &str, world: &World) {
        let known = world.docker.container(daemon, id);
        if known.is_some_and(DockerContainer::is_running) {
            let stopped = &mut self.life(daemon).stopped;
            stopped.retain(|(when, _)| at.since(*when) < SHUTDOWN);
            if stopped.len() >= STOPPED {
                stopped.pop_front();
            }
            stopped.push_back((at, id.to_owned()));
        }
    }

    /// A daemon says what it has: compared with what it had, if it was away.
    fn list(
        &mut self,
        daemon: &str,
        networks: &[DockerNetwork],
        containers: &[DockerContainer],
        world: &World,
    ) -> Option<Finding> {
        let life = self.lives.get_mut(daemon)?;
        let (back, info) = life.back.take()?;
        let (lost, cause) = life.lost.take()?;
        let known = life.info.replace(info.clone())?;
        let ended = std::mem::take(&mut life.ended);
        let stopped = std::mem::take(&mut life.stopped);
        let before = Before::of(world, daemon, known, &stopped);
        let after = After {
            info: &info,
            networks,
            containers,
        };
        if !compare::is_another_process(&before, &after, &ended, &life.processes) {
            return None;
        }
        let absence = story::Absence {
            endpoint: daemon,
            lost,
            cause: &cause,
            back,
            ended: &ended,
            gone: &self.gone,
        };
        Some(absence.tell(world, &before, &after))
    }
}

impl Life {
    fn hear(&mut self, at: Timestamp, status: &DaemonStatus) {
        match status {
            DaemonStatus::Reachable(info) if self.lost.is_some() => {
                self.back = Some((at, info.as_ref().clone()));
            }
            DaemonStatus::Reachable(info) => self.info = Some(info.as_ref().clone()),
            DaemonStatus::Unreachable(cause) => {
                self.back = None;
                if self.info.is_some() && self.lost.is_none() {
                    self.lost = Some((at, cause.sentence.clone()));
                }
            }
        }
    }

    /// A process is there. A containerd that is back while dockerd never went is a story of its own.
    fn begin(
        &mut self,
        at: Timestamp,
        daemon: &str,
        process: &EngineProcess,
        world: &World,
    ) -> Option<Finding> {
        self.processes.insert(process.pid, process.clone());
        let info = self.info.as_ref().filter(|_| self.lost.is_none())?;
        if process.program != EngineProgram::Containerd {
            return None;
        }
        let ended = std::mem::take(&mut self.ended);
        let last = ended.iter().rev();
        let last = last
            .filter(|ended| ended.process.program == EngineProgram::Containerd)
            .max_by_key(|ended| ended.at)?;
        let absence = story::Absence {
            endpoint: daemon,
            lost: last.at,
            cause: "",
            back: at,
            ended: &ended,
            gone: &VecDeque::new(),
        };
        Some(absence.of_containerd(world, info, process))
    }

    fn end(&mut self, at: Timestamp, pid: u32, bystanders: &[Bystander]) {
        let Some(process) = self.processes.remove(&pid) else {
            return;
        };
        if self.ended.len() < ENDS {
            self.ended.push(Ended {
                at,
                process,
                bystanders: bystanders.to_vec(),
            });
        }
    }
}

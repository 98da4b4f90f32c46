//! A docker daemon that was away, before and after.

use serde::Serialize;
use tracer_core::{
    finding::{DaemonState, DaemonStory, EndedBy, Names, Stop},
    input::{Bystander, EngineProgram, FormerRoot, Process},
    time::SECOND,
};

use super::super::particulars::signal::Side;
use crate::sink::time;

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Life<'a> {
    /// Which of its programs was away: `dockerd`, or only `containerd`.
    program: &'static str,
    /// Pid of that program before, as bridgetrace sees it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<u32>,
    /// The systemd unit it belonged to.
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<&'a str>,
    /// What it was before.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<State<'a>>,
    /// What it is now.
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<State<'a>>,
    /// When it was missed.
    away_since: String,
    /// Seconds until it answered again.
    down_s: f64,
    /// What it does not know any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    vanished: Option<Vanished<'a>>,
    /// Containers that ran before, are still known and do not run now; the first 32.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    stopped: &'a [String],
    /// How many those are, if there are more.
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped_total: Option<u64>,
    /// Bridges of networks that vanished: they are still there, and nobody's.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    orphans: &'a [String],
    /// How many those are, if there are more.
    #[serde(skip_serializing_if = "Option::is_none")]
    orphans_total: Option<u64>,
    /// Where what vanished lies, a path as the daemon sees it.
    #[serde(skip_serializing_if = "Option::is_none")]
    old_data: Option<&'a str>,
    /// Containers kept there.
    #[serde(skip_serializing_if = "Option::is_none")]
    old_containers: Option<u64>,
    /// What ended it, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped_by: Option<StoppedBy<'a>>,
    /// Package managers that ran when it ended: they may have to do with it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    during: Vec<Manager<'a>>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct State<'a> {
    /// What it calls itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data_root: Option<&'a str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    version: &'a str,
    /// Without those that docker makes itself.
    networks: u64,
    containers: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    images: Option<u64>,
}

/// Names of the first 32, and how many there are if there are more.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Vanished<'a> {
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    networks: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    networks_total: Option<u64>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    containers: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    containers_total: Option<u64>,
    images: u64,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct StoppedBy<'a> {
    /// `out-of-memory`, `crash` or `signal`; more may come.
    how: &'static str,
    /// The first signal, e.g. `SIGTERM`.
    #[serde(skip_serializing_if = "Option::is_none")]
    signal: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<u32>,
    /// The last signal, if it is another: the first was not enough.
    #[serde(skip_serializing_if = "Option::is_none")]
    then: Option<&'static str>,
    /// Who sent the first; absent where the kernel itself did.
    #[serde(skip_serializing_if = "Option::is_none")]
    sender: Option<Side<'a>>,
    /// Nobody sent it: it came with the end of `sender`.
    #[serde(skip_serializing_if = "Option::is_none")]
    sender_ended: Option<bool>,
    /// Package managers among the sender and its parents, the closest first: they did it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    package_managers: Vec<Parent<'a>>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Manager<'a> {
    pid: u32,
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    command: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<&'a str>,
    /// Its parent, that one's parent, and so on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    parents: Vec<Parent<'a>>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Parent<'a> {
    pid: u32,
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
}

impl<'a> Life<'a> {
    pub(super) fn new(story: &'a DaemonStory) -> Self {
        let whole = story.program == EngineProgram::Dockerd;
        let state = |state| whole.then(|| State::new(state));
        let (since, back) = story.away;
        let gone = !story.networks.is_empty() || !story.containers.is_empty() || story.images > 0;
        Self {
            program: story.program.name(),
            pid: story.pid,
            unit: story.unit.as_deref(),
            before: state(&story.before),
            after: state(&story.after),
            away_since: time::rfc3339(since),
            down_s: seconds(back.since(since)),
            vanished: gone.then(|| Vanished::new(story)),
            stopped: &story.stopped.first,
            stopped_total: total(&story.stopped),
            orphans: &story.orphans.first,
            orphans_total: total(&story.orphans),
            old_data: story.old_data.as_ref().map(|old| old.path.as_str()),
            old_containers: story
                .old_data
                .as_ref()
                .map(|old: &FormerRoot| old.containers),
            stopped_by: StoppedBy::new(&story.ended_by),
            during: story.during.iter().map(Manager::new).collect(),
        }
    }
}

/// Seconds with three digits: exact in a double for centuries.
#[expect(
    clippy::cast_precision_loss,
    reason = "milliseconds of an absence are far below 2^52"
)]
const fn seconds(nanos: u64) -> f64 {
    (nanos / (SECOND / 1000)) as f64 / 1000.0
}

const fn total(names: &Names) -> Option<u64> {
    if names.total > names.first.len() as u64 {
        Some(names.total)
    } else {
        None
    }
}

impl<'a> State<'a> {
    fn new(state: &'a DaemonState) -> Self {
        Self {
            id: state.id.as_deref(),
            data_root: state.data_root.as_deref(),
            version: &state.version,
            networks: state.networks,
            containers: state.containers,
            images: state.images,
        }
    }
}

impl<'a> Vanished<'a> {
    fn new(story: &'a DaemonStory) -> Self {
        Self {
            networks: &story.networks.first,
            networks_total: total(&story.networks),
            containers: &story.containers.first,
            containers_total: total(&story.containers),
            images: story.images,
        }
    }
}

impl<'a> StoppedBy<'a> {
    fn new(ended_by: &'a EndedBy) -> Option<Self> {
        let how = ended_by.name()?;
        let stop: Option<&Stop> = match ended_by {
            EndedBy::Signal(stop) => Some(stop),
            _ => None,
        };
        let managers = stop.into_iter().flat_map(|stop| &stop.managers);
        Some(Self {
            how,
            signal: stop.map(|stop| stop.signal),
            number: stop.map(|stop| stop.number),
            then: stop.and_then(|stop| stop.then),
            sender: stop.and_then(|stop| stop.sender.as_ref()).map(Side::new),
            sender_ended: stop.and_then(|stop| stop.sender_ended.then_some(true)),
            package_managers: managers.map(Parent::new).collect(),
        })
    }
}

impl<'a> Manager<'a> {
    fn new(bystander: &'a Bystander) -> Self {
        Self {
            pid: bystander.pid,
            name: &bystander.name,
            command: &bystander.command,
            unit: bystander.unit.as_deref(),
            parents: bystander.parents.iter().map(Parent::new).collect(),
        }
    }
}

impl<'a> Parent<'a> {
    fn new(process: &'a Process) -> Self {
        Self {
            pid: process.pid,
            name: &process.name,
        }
    }
}

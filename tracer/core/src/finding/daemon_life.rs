//! What `daemon-restarted` and `daemon-state-lost` have to tell.

use crate::{
    input::{Bystander, EngineProgram, FormerRoot, Process},
    time::Timestamp,
};

use super::Party;

/// A daemon that was away and is back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DaemonStory {
    /// Where it is reached.
    pub endpoint: String,
    /// Which of its programs was away: with dockerd everything was.
    pub program: EngineProgram,
    /// Pid of that program before, in bridgetrace's pid namespace, if it was known.
    pub pid: Option<u32>,
    /// The systemd unit it belonged to.
    pub unit: Option<String>,
    /// What it was before.
    pub before: DaemonState,
    /// What it is now.
    pub after: DaemonState,
    /// From when to when nobody was there.
    pub away: (Timestamp, Timestamp),
    /// Networks that it knew before and does not know now; those that docker makes itself are left out.
    pub networks: Names,
    /// Containers that it knew before and does not know now.
    pub containers: Names,
    /// Images that it has less than before.
    pub images: u64,
    /// Containers that ran before, are still known and do not run now.
    pub stopped: Names,
    /// Bridges of networks that vanished, which are still there and still attract packets.
    pub orphans: Names,
    /// Where what vanished lies.
    pub old_data: Option<FormerRoot>,
    /// What ended it.
    pub ended_by: EndedBy,
    /// Package managers that ran when it ended: they may have to do with it.
    pub during: Vec<Bystander>,
}

/// A daemon at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DaemonState {
    /// What it called itself.
    pub id: Option<String>,
    /// Where it kept everything.
    pub data_root: Option<String>,
    /// Its storage driver: it sees only containers and images that were made with it.
    pub driver: Option<String>,
    /// Engine version.
    pub version: String,
    /// Networks, apart from those that docker makes itself.
    pub networks: u64,
    /// Containers, stopped ones included.
    pub containers: u64,
    /// Images, if they could be counted.
    pub images: Option<u64>,
}

/// Some of many things, by name. Names are hostile text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// The first, in order.
    pub first: Vec<String>,
    /// How many there are.
    pub total: u64,
}

impl Names {
    /// Names kept.
    const MOST: usize = 32;

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.total == 0
    }
}

impl FromIterator<String> for Names {
    fn from_iter<I: IntoIterator<Item = String>>(names: I) -> Self {
        let mut first: Vec<String> = names.into_iter().collect();
        first.sort();
        let total = first.len() as u64;
        first.truncate(Self::MOST);
        Self { first, total }
    }
}

impl EndedBy {
    /// The name scripts know; none where it is not known.
    #[must_use]
    pub const fn name(&self) -> Option<&'static str> {
        match self {
            Self::Unknown => None,
            Self::OutOfMemory => Some("out-of-memory"),
            Self::Crash => Some("crash"),
            Self::Signal(_) => Some("signal"),
        }
    }
}

/// What ended a daemon's process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum EndedBy {
    /// Nothing was seen that ended it.
    #[default]
    Unknown,
    /// The kernel killed it, because memory ran out.
    OutOfMemory,
    /// It touched memory that is not its own, and was ended for it.
    Crash,
    /// It was sent a signal that ends it.
    Signal(Box<Stop>),
}

/// A signal that ended a daemon's process, and who sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    /// Name of the first signal, e.g. `SIGTERM`.
    pub signal: &'static str,
    /// Its number.
    pub number: u32,
    /// Name of the last one, if it is another: SIGTERM was not enough.
    pub then: Option<&'static str>,
    /// Who sent the first; none where the kernel itself did.
    pub sender: Option<Party>,
    /// Nobody sent it: it came with the end of `sender`.
    pub sender_ended: bool,
    /// Package managers among the sender and its parents, the closest first: they did it.
    pub managers: Vec<Process>,
}

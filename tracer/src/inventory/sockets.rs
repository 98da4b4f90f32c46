//! Which process holds a socket, told by its inode number, without keeping the runtime waiting.
//!
//! The kernel half knows the socket of a lost reply, not its process: softirqs run in anybody's
//! context. `/proc/*/fd` knows, at the price of a walk over every descriptor on the host; the
//! walk is done beforehand on a thread, and again only when it is out of date.

mod introduce;

use std::{
    collections::{BTreeSet, HashMap},
    fs,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use tokio::{sync::mpsc::Sender, task};
use tracer_core::input::{Body, Input};

use self::introduce::Introducer;
use super::netns;

/// Descriptors read on the runtime before a process is left to the walk: about a millisecond.
const GLANCE: usize = 500;
/// Between two walks at least this long, however many lost replies have no owner.
const PAUSE: Duration = Duration::from_millis(200);

/// Socket inodes and the processes that hold them.
#[derive(Clone)]
pub(crate) struct SocketIndex {
    shared: Arc<Mutex<Shared>>,
    introducer: Introducer,
}

#[derive(Default)]
struct Shared {
    owners: HashMap<u64, u32>,
    /// Inodes somebody waits for.
    wanted: BTreeSet<u64>,
    scanning: bool,
    /// End of the last walk.
    walked: Option<Instant>,
}

impl SocketIndex {
    /// An index that begins to fill itself in the background. Needs a tokio runtime.
    pub(crate) fn new(inputs: Sender<Input>) -> Self {
        let index = Self {
            shared: Arc::default(),
            introducer: Introducer::new(inputs),
        };
        index.scan_if_idle();
        index
    }

    /// Who holds a socket, as `Body::SocketOwner`, if all of it is known at once. `hint_tgid` is the
    /// process that was running at the time, 0 if unknown: it is tried first, and preferred where
    /// several hold the socket.
    ///
    /// Reads a few hundred descriptors of two processes at most. Owners found later come as inputs,
    /// as do those whose own files have to be read first.
    pub(crate) fn lookup(&self, inode: u64, hint_tgid: u32) -> Option<Body> {
        let known = self.lock().owners.get(&inode).copied();
        let candidates = [Some(hint_tgid).filter(|pid| *pid != 0), known];
        let holder = candidates
            .into_iter()
            .flatten()
            .find(|pid| holds(*pid, inode));
        let Some(process) = holder.and_then(netns::process) else {
            self.search(inode);
            return None;
        };
        self.lock().owners.insert(inode, process.pid);
        self.introducer.introduce(inode, process)
    }

    /// Has the next walk look for a socket; its holder comes as an input.
    pub(crate) fn search(&self, inode: u64) {
        self.lock().wanted.insert(inode);
        self.scan_if_idle();
    }

    /// Starts a walk unless one is under way; that one starts the next if it came too early for
    /// somebody.
    fn scan_if_idle(&self) {
        let mut shared = self.lock();
        if std::mem::replace(&mut shared.scanning, true) {
            return;
        }
        drop(shared);
        let index = self.clone();
        task::spawn_blocking(move || index.scan());
    }

    /// Walks until nobody waits who was not there when the walk began. Whoever's socket a whole
    /// walk does not find has to ask again: it is closed, or in a pid namespace out of sight.
    fn scan(&self) {
        loop {
            let rest = self
                .lock()
                .walked
                .map(|walked| PAUSE.saturating_sub(walked.elapsed()));
            thread::sleep(rest.unwrap_or_default());
            let asked = std::mem::take(&mut self.lock().wanted);
            self.take_over(walk());
            asked.iter().for_each(|inode| self.tell(*inode));
            let mut shared = self.lock();
            if shared.wanted.is_empty() {
                shared.scanning = false;
                return;
            }
        }
    }

    fn take_over(&self, owners: HashMap<u64, u32>) {
        let mut shared = self.lock();
        shared.owners = owners;
        shared.walked = Some(Instant::now());
    }

    fn tell(&self, inode: u64) {
        let owner = self.lock().owners.get(&inode).copied();
        if let Some(process) = owner.and_then(netns::process) {
            self.introducer.send(inode, process);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who holds these sockets, as far as `/proc` shows. Walks it, so it may block.
pub(crate) fn owners(inodes: &BTreeSet<u64>) -> Vec<Body> {
    let walked = walk();
    let owner = |inode: &u64| {
        Some(Body::SocketOwner {
            inode: *inode,
            process: netns::process(*walked.get(inode)?)?,
            landmarks: Vec::new(),
        })
    };
    inodes.iter().filter_map(owner).collect()
}

/// Every socket and the first process that holds it.
fn walk() -> HashMap<u64, u32> {
    let mut owners = HashMap::new();
    for pid in netns::pids() {
        for inode in sockets(pid, usize::MAX) {
            owners.entry(inode).or_insert(pid);
        }
    }
    owners
}

/// Whether a process holds a socket among its first descriptors.
fn holds(pid: u32, inode: u64) -> bool {
    sockets(pid, GLANCE).any(|held| held == inode)
}

/// The sockets among the first descriptors of a process, by inode number.
fn sockets(pid: u32, descriptors: usize) -> impl Iterator<Item = u64> {
    let entries = fs::read_dir(format!("/proc/{pid}/fd"))
        .into_iter()
        .flatten()
        .flatten();
    entries
        .take(descriptors)
        .filter_map(|entry| socket_inode(fs::read_link(entry.path()).ok()?.to_str()?))
}

/// The number in `socket:[12345]`.
fn socket_inode(link: &str) -> Option<u64> {
    link.strip_prefix("socket:[")?
        .strip_suffix(']')?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests;

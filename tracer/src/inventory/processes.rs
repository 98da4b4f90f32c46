//! Processes that make, keep or order docker networks, as `/proc` shows them while they live: what
//! is known of whoever is killed must be known before.

mod group;
mod jobs;
mod read;
mod rounds;

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{
    sync::{Semaphore, mpsc::Sender},
    task,
};
use tracer_core::{
    decode::Who,
    input::{Body, Input, ProcessInfo},
};

use super::{Closed, netns, proc, pulse::Pulse, send};

pub(super) use self::read::variables_of;

/// Processes read at a time. One may serve its own memory and never answer: whoever reads it is
/// held, and the others go on.
const AT_ONCE: usize = 4;
/// Processes that wait to be read. A storm of them is not worth more.
const WAITING: usize = 256;

/// Processes that matter.
#[derive(Clone)]
pub(crate) struct Processes {
    inputs: Sender<Input>,
    reading: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    /// Who lives, as far as is known: pid and time of start.
    alive: Arc<Mutex<BTreeMap<u32, u64>>>,
}

impl Processes {
    /// Begins to look at those that run already. Needs a tokio runtime.
    pub(crate) fn watch(inputs: Sender<Input>, pulse: &Pulse) -> Self {
        let this = Self {
            inputs,
            reading: Arc::new(Semaphore::new(AT_ONCE)),
            waiting: Arc::new(Semaphore::new(WAITING)),
            alive: Arc::default(),
        };
        let (around, beat) = (this.clone(), pulse.clone());
        task::spawn(async move {
            around.look_around().await?;
            rounds::watch(&around.inputs, beat).await
        });
        task::spawn(this.clone().see_ends(pulse.clone()));
        this
    }

    /// Reads a process soon, and tells what it is.
    pub(crate) fn look_at(&self, pid: u32) {
        self.look(pid, move || read::process(pid));
    }

    /// The same of one that may be gone at once, as a tool that sends a signal: then its name and
    /// its control group, by inode number, are all there is to tell.
    pub(crate) fn look_at_sender(&self, who: &Who, cgroup: Option<u64>) {
        let (pid, who) = (who.pid, who.clone());
        let read = move || {
            let alive = read::process(who.pid).filter(|info| info.name == who.name);
            alive.or_else(|| read::departed(&who, cgroup?))
        };
        self.look(pid, read);
    }

    fn look(&self, pid: u32, read: impl FnOnce() -> Option<ProcessInfo> + Send + 'static) {
        let Ok(place) = Arc::clone(&self.waiting).try_acquire_owned() else {
            log::debug!("process {pid} is not looked at: too many wait");
            return;
        };
        let this = self.clone();
        task::spawn(async move {
            let Ok(permit) = Arc::clone(&this.reading).acquire_owned().await else {
                return;
            };
            let read = task::spawn_blocking(move || (read(), permit).0);
            if let Ok(Some(info)) = read.await {
                // Fails only when the run is over.
                let _ = this.tell(info).await;
            }
            drop(place);
        });
    }

    async fn tell(&self, info: ProcessInfo) -> Result<(), Closed> {
        // Whoever is gone has no time of start.
        if info.started > 0 {
            self.lock().insert(info.pid, info.started);
        }
        send(&self.inputs, Body::Process(info)).await
    }

    async fn look_around(&self) -> Result<(), Closed> {
        let all = || {
            netns::pids()
                .into_iter()
                .filter(|pid| read::is_of_interest(*pid))
        };
        let found = task::spawn_blocking(move || all().collect::<Vec<u32>>()).await;
        for pid in found.unwrap_or_default() {
            let read = task::spawn_blocking(move || read::process(pid)).await;
            if let Ok(Some(info)) = read {
                self.tell(info).await?;
            }
        }
        Ok(())
    }

    /// Looks every second who has ended.
    async fn see_ends(self, mut pulse: Pulse) {
        while pulse.second().await.is_ok() {
            for pid in self.ended() {
                if send(&self.inputs, Body::ProcessGone(pid)).await.is_err() {
                    return;
                }
            }
        }
    }

    /// Who has ended since the last call: neither the entry nor the time of start takes a lock of
    /// the process, so this does not wait for anybody.
    fn ended(&self) -> Vec<u32> {
        let known: Vec<(u32, u64)> = self.lock().iter().map(|(pid, it)| (*pid, *it)).collect();
        let ended = known.into_iter().filter(|(pid, started)| {
            !Path::new(&format!("/proc/{pid}")).exists()
                || proc::stat(*pid).map(|it| it.started) != Some(*started)
        });
        let ended: Vec<(u32, u64)> = ended.collect();
        let mut alive = self.lock();
        // Whoever has the pid by now may have been told of meanwhile.
        let gone = ended
            .into_iter()
            .filter(|(pid, started)| alive.get(pid) == Some(started));
        let gone: Vec<u32> = gone.map(|(pid, _)| pid).collect();
        for pid in &gone {
            alive.remove(pid);
        }
        gone
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u32, u64>> {
        self.alive.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

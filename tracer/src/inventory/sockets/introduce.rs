//! Tells who holds a socket, together with what that process' own files say.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Semaphore, mpsc::Sender},
    task,
    time::timeout,
};
use tracer_core::input::{Body, Input, Landmark, Process};

use crate::inventory::{landmarks, send};

/// Processes whose files are read at a time.
const AT_ONCE: usize = 4;
/// How long an owner waits for its landmarks; reading takes a millisecond. A process may serve its
/// files itself and never answer: then it goes without.
const PATIENCE: Duration = Duration::from_secs(1);

/// Introduces owners of sockets to the core.
#[derive(Clone)]
pub(super) struct Introducer {
    inputs: Sender<Input>,
    reading: Arc<Semaphore>,
    /// Sockets on their way.
    under_way: Arc<Mutex<HashSet<u64>>>,
}

impl Introducer {
    pub(super) fn new(inputs: Sender<Input>) -> Self {
        Self {
            inputs,
            reading: Arc::new(Semaphore::new(AT_ONCE)),
            under_way: Arc::default(),
        }
    }

    /// The owner, unless its own files have to be read first: then it is sent a moment later.
    pub(super) fn introduce(&self, inode: u64, process: Process) -> Option<Body> {
        if landmarks::has_own_files(process.pid) {
            self.send(inode, process);
            return None;
        }
        Some(owner(inode, process, Vec::new()))
    }

    /// Sends the owner a moment later, unless that is under way. Needs a tokio runtime.
    pub(super) fn send(&self, inode: u64, process: Process) {
        if !self.lock().insert(inode) {
            return;
        }
        let this = self.clone();
        task::spawn(async move {
            let landmarks = this.landmarks(process.pid).await;
            // The run ends when nobody listens; that is no failure of the search.
            let _ = send(&this.inputs, owner(inode, process, landmarks)).await;
            this.lock().remove(&inode);
        });
    }

    async fn landmarks(&self, pid: u32) -> Vec<Landmark> {
        if !landmarks::has_own_files(pid) {
            return Vec::new();
        }
        let read = async {
            let permit = Arc::clone(&self.reading).acquire_owned().await.ok()?;
            // Whoever hangs keeps the permit: the threads they hold are bounded.
            let read = move || (landmarks::of_process(pid), permit).0;
            task::spawn_blocking(read).await.ok()
        };
        timeout(PATIENCE, read)
            .await
            .ok()
            .flatten()
            .unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<u64>> {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

const fn owner(inode: u64, process: Process, landmarks: Vec<Landmark>) -> Body {
    Body::SocketOwner {
        inode,
        process,
        landmarks,
    }
}

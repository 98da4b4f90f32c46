//! One expensive thing for a whole suite, taken down when the process ends.
//!
//! Rust never drops statics, and a lab that is never dropped leaves namespaces behind.
//! So the value sits behind an `Arc`, and the static's share is given up at exit.

use std::sync::{Arc, Mutex, Once, PoisonError};

use anyhow::Result;
use nix::libc;

/// A lazily made value, shared by the tests of one process.
///
/// ```no_run
/// # use bridgetrace_lab::{Dockerd, Shared, Topology};
/// static LAB: Shared<(Dockerd, Topology)> = Shared::new();
///
/// # fn main() -> anyhow::Result<()> {
/// let lab = LAB.get(|| {
///     let topology = Topology::new()?;
///     Ok((Dockerd::start(&topology.srv)?, topology))
/// })?;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Shared<T>(Mutex<Option<Arc<T>>>);

impl<T: Send + Sync + 'static> Shared<T> {
    /// Nothing yet.
    #[expect(
        clippy::new_without_default,
        reason = "only a const fn can fill a static"
    )]
    pub const fn new() -> Self {
        Self(Mutex::new(None))
    }

    /// The value; the first caller makes it, the others wait. A failure is not kept.
    pub fn get(&'static self, make: impl FnOnce() -> Result<T>) -> Result<Arc<T>> {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(value) = slot.as_ref() {
            return Ok(Arc::clone(value));
        }
        let value = Arc::new(make()?);
        *slot = Some(Arc::clone(&value));
        drop_at_exit(Box::new(|| {
            drop(self.0.lock().unwrap_or_else(PoisonError::into_inner).take());
        }));
        Ok(value)
    }
}

type Cleanup = Box<dyn FnOnce() + Send>;

static CLEANUPS: Mutex<Vec<Cleanup>> = Mutex::new(Vec::new());
static REGISTER: Once = Once::new();

fn drop_at_exit(cleanup: Cleanup) {
    CLEANUPS
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(cleanup);
    REGISTER.call_once(|| {
        // SAFETY: `run_cleanups` is a plain extern "C" function that lives for ever.
        if unsafe { libc::atexit(run_cleanups) } != 0 {
            eprintln!("lab: no exit handler left: what is shared stays behind");
        }
    });
}

extern "C" fn run_cleanups() {
    let cleanups = std::mem::take(&mut *CLEANUPS.lock().unwrap_or_else(PoisonError::into_inner));
    // Last made, first dropped, like local variables.
    for cleanup in cleanups.into_iter().rev() {
        cleanup();
    }
}

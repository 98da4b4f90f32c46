//! Which tests run beside others, and which run alone.
//!
//! Everything in the lab has a name of its own and every assertion is about the test's own namespaces,
//! so tests wait for the kernel side by side. A test that measures, or that looks at the whole machine,
//! takes it for itself with [`alone`].

use std::cell::RefCell;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Whose turn it is.
#[derive(Debug)]
struct Turns {
    sharing: usize,
    alone: bool,
    /// Tests that want to be alone: nobody begins before them.
    waiting: usize,
}

static TURNS: Mutex<Turns> = Mutex::new(Turns {
    sharing: 0,
    alone: false,
    waiting: 0,
});
static CHANGED: Condvar = Condvar::new();

thread_local! {
    /// The part of this thread's test in the machine. Ends with the thread, and so with the test.
    static PART: RefCell<Part> = const { RefCell::new(Part::None) };
}

#[derive(Debug)]
enum Part {
    None,
    Shared,
    Whole,
}

impl Drop for Part {
    fn drop(&mut self) {
        let mut turns = turns();
        match self {
            Self::None => return,
            Self::Shared => turns.sharing -= 1,
            Self::Whole => turns.alone = false,
        }
        drop(turns);
        CHANGED.notify_all();
    }
}

/// Waits until no other test has anything in the lab, and lets none begin until this one has ended. To
/// be called by the test's own thread, before it makes anything.
pub fn alone() {
    // Where tests run one by one they share a thread, and the last one's part is still there.
    PART.replace(Part::None);
    let mut turns = turns();
    turns.waiting += 1;
    let mut turns = wait_while(turns, |turns| turns.alone || turns.sharing > 0);
    turns.waiting -= 1;
    turns.alone = true;
    drop(turns);
    PART.replace(Part::Whole);
}

/// Gives this thread's test a share of the machine, if it has none; waits for those that run alone.
pub(crate) fn share() {
    if PART.with_borrow(|part| !matches!(part, Part::None)) {
        return;
    }
    let mut turns = wait_while(turns(), |turns| turns.alone || turns.waiting > 0);
    turns.sharing += 1;
    drop(turns);
    PART.replace(Part::Shared);
}

fn turns() -> MutexGuard<'static, Turns> {
    TURNS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn wait_while(
    turns: MutexGuard<'static, Turns>,
    busy: impl FnMut(&mut Turns) -> bool,
) -> MutexGuard<'static, Turns> {
    let waited = CHANGED.wait_while(turns, busy);
    waited.unwrap_or_else(PoisonError::into_inner)
}

//! What is looked for below `/proc` again and again, one after the other on one thread: each look that runs
//! by itself would wake the machine twice more.

use std::{
    convert::Infallible,
    sync::mpsc::{SyncSender, TrySendError, sync_channel},
    thread,
};

use tokio::sync::mpsc::Sender;
use tracer_core::input::{Body, Input, ProcessInfo};

use super::jobs;
use crate::inventory::{
    Closed, clock,
    docker::{sandboxes, sidecar},
    pulse::Pulse,
};

/// From one round to the next, seconds.
const ROUND: u32 = 5;
/// Daemons beside jobs are looked for every so many rounds.
const SIDECARS: u64 = 2;

/// A look, and every how many rounds.
type Look = (fn() -> Body, u64);

const LOOKS: [Look; 3] = [
    (|| Body::EmptySandboxes(sandboxes::empty()), 1),
    (|| Body::JobProcesses(jobs::all()), 1),
    (|| Body::Sidecars(sidecar::all()), SIDECARS),
];

/// What was told last, by look.
type Told = [Option<Body>; LOOKS.len()];

/// Tells of what is left when a job's containers are gone, of jobs, and of daemons beside them: the complete
/// lists at first, and when they change.
pub(super) async fn watch(inputs: &Sender<Input>, mut pulse: Pulse) -> Result<Infallible, Closed> {
    loop {
        let begin = start(inputs.clone());
        while begin.try_send(()) != Err(TrySendError::Disconnected(())) {
            pulse.pause(ROUND).await?;
        }
        if inputs.is_closed() {
            return Err(Closed);
        }
        // One that failed is followed by another, and everything is told anew.
        pulse.pause(ROUND).await?;
    }
}

/// A thread that begins a round when it is told to; while it is at one, it is told at most once. Nobody waits for its end:
/// that would be one more to wake.
fn start(inputs: Sender<Input>) -> SyncSender<()> {
    let (begin, rounds) = sync_channel(1);
    let looks = move || {
        let mut told = Told::default();
        for (round, ()) in (0..).zip(rounds) {
            if look(round, &mut told, &inputs).is_err() {
                return;
            }
        }
    };
    let started = thread::Builder::new().name("rounds".into()).spawn(looks);
    if let Err(error) = started {
        log::warn!("what is left behind is not looked for: no thread: {error}");
    }
    begin
}

/// Each is told as it ends: one that is held up holds nothing back that was seen before.
fn look(round: u64, told: &mut Told, inputs: &Sender<Input>) -> Result<(), Closed> {
    for ((look, period), told) in LOOKS.iter().zip(told) {
        if !round.is_multiple_of(*period) {
            continue;
        }
        let found = look();
        if !told.as_ref().is_some_and(|told| is_same(told, &found)) {
            let input = clock::stamp(found.clone());
            inputs.blocking_send(input).map_err(|_| Closed)?;
            *told = Some(found);
        }
    }
    Ok(())
}

/// Whether nothing has changed. When a process began is worked out from two clocks, and is another moment
/// each time by some nanoseconds.
fn is_same(told: &Body, found: &Body) -> bool {
    let (Body::JobProcesses(told), Body::JobProcesses(found)) = (told, found) else {
        return told == found;
    };
    let timeless = |info: &ProcessInfo| ProcessInfo {
        began: None,
        ..info.clone()
    };
    told.iter().map(timeless).eq(found.iter().map(timeless))
}

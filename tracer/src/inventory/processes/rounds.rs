//! What is looked for below `/proc` again and again, one after the other on one thread: each look that runs
//! by itself would wake the machine twice more.

use std::array::from_fn;

use tokio::{sync::mpsc::Sender, task};
use tracer_core::input::{Body, Input, ProcessInfo};

use super::jobs;
use crate::inventory::{
    Closed,
    docker::{sandboxes, sidecar},
    pulse::Pulse,
    send,
};

/// From one round to the next, seconds.
const ROUND: u32 = 5;
/// Daemons beside jobs are looked for every so many rounds.
const SIDECARS: u64 = 2;

/// Tells of jobs, of what is left when their containers are gone, and of daemons beside jobs: the complete
/// lists at first, and when they change.
pub(super) async fn make(inputs: &Sender<Input>, mut pulse: Pulse) -> Result<(), Closed> {
    let mut told: [Option<Body>; 3] = from_fn(|_| None);
    for round in 0.. {
        let found = task::spawn_blocking(move || look(round)).await;
        for (found, told) in found.unwrap_or_default().into_iter().zip(&mut told) {
            if !told.as_ref().is_some_and(|told| is_same(told, &found)) {
                send(inputs, found.clone()).await?;
                *told = Some(found);
            }
        }
        pulse.pause(ROUND).await?;
    }
    Ok(())
}

fn look(round: u64) -> Vec<Body> {
    let mut found = vec![
        Body::EmptySandboxes(sandboxes::empty()),
        Body::JobProcesses(jobs::all()),
    ];
    if round.is_multiple_of(SIDECARS) {
        found.push(Body::Sidecars(sidecar::all()));
    }
    found
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

//! Docker networks and containers of one engine: a full listing, then what its events point at.
//!
//! An engine that is absent, stopped, hung or restarted costs nothing but the knowledge: the
//! loss is told once with its cause, and the listing comes again with the engine.

mod config;
mod convert;
mod endpoint;
mod engine;
mod event;
mod following;
mod inner;
mod intake;
mod landmarks;
mod lifeline;
mod process;
pub(crate) mod sandboxes;
pub(crate) mod sidecar;

use std::{convert::Infallible, path::Path, sync::Arc};

use bollard::models::SystemInfo;
use tokio::{sync::mpsc::Sender, task};
use tracer_core::input::{Body, Daemon, DaemonInfo, DaemonStatus, Input, Unreachable};

use self::{engine::Engine, following::Following, lifeline::Lifeline};
use super::{Closed, pulse::Pulse, send};

pub(crate) use self::{
    endpoint::{Daemons, Endpoint, Environment},
    following::Depth,
    inner::InnerDaemon,
};

/// Between two attempts to reach an engine that is away, seconds.
const POLL: u32 = 1;
/// Between two checks that a silent engine still answers, seconds. With the limit of a request this
/// bounds how long a hung engine goes unnoticed, or one whose machine is gone; the end of a process on this host,
/// and of a connection, is seen at once.
const CHECK: u32 = 5;

/// Why a connection to an engine came to an end.
enum Ended {
    /// Nobody listens to the inputs any more.
    Closed,
    /// The engine is lost, and why.
    Lost(Unreachable),
}

impl From<Closed> for Ended {
    fn from(Closed: Closed) -> Self {
        Self::Closed
    }
}

/// Follows one engine until the receiver of the inputs is gone.
pub(crate) async fn watch(
    endpoint: Endpoint,
    depth: Depth,
    mut pulse: Pulse,
    inputs: Sender<Input>,
) {
    let mut told = None;
    let mut lifeline = Lifeline::new(&endpoint, &inputs, &pulse);
    loop {
        let ended = tokio::select! {
            () = inputs.closed() => return,
            ended = connection(&endpoint, depth, &inputs, pulse.clone(), &mut told, &mut lifeline) => ended,
        };
        let Err(Ended::Lost(cause)) = ended else {
            return;
        };
        if told.as_ref() != Some(&cause) {
            let status = DaemonStatus::Unreachable(cause.clone());
            if tell_status(&endpoint, &inputs, status).await.is_err() {
                return;
            }
            told = Some(cause);
        }
        if pulse.pause(POLL).await.is_err() {
            return;
        }
    }
}

/// One connection, from the first knock to the loss. `told` is the cause of the last loss that
/// was told, until the engine is back.
async fn connection(
    endpoint: &Endpoint,
    depth: Depth,
    inputs: &Sender<Input>,
    pulse: Pulse,
    told: &mut Option<Unreachable>,
    lifeline: &mut Lifeline,
) -> Result<Infallible, Ended> {
    let (engine, peer) = Engine::connect(endpoint).await.map_err(Ended::Lost)?;
    // Before the listing, so that nothing falls between the two.
    let events = engine.events();
    let engine = Arc::new(engine);
    let following = Following::new(endpoint, Arc::clone(&engine), inputs, peer, depth);
    tokio::select! {
        ended = watchdog(&engine, pulse) => ended,
        ended = following.run(events, told, lifeline) => ended,
    }
}

/// Ends when the engine no longer answers.
async fn watchdog(engine: &Engine, mut pulse: Pulse) -> Result<Infallible, Ended> {
    loop {
        pulse.pause(CHECK).await?;
        let answered = engine.ping().await;
        answered.map_err(|failure| Ended::Lost(failure.into()))?;
    }
}

/// What the engine and its process say of themselves.
async fn info(engine: &Engine, peer: Option<u32>) -> DaemonInfo {
    let (endpoint, system) = (engine.endpoint.clone(), engine.system().await);
    let server = task::spawn_blocking(move || server(&endpoint, peer, system));
    DaemonInfo {
        version: engine.version.clone(),
        api_version: engine.api_version.clone(),
        ..server.await.unwrap_or_default()
    }
}

fn server(endpoint: &Endpoint, peer: Option<u32>, system: SystemInfo) -> DaemonInfo {
    let pid = peer.and_then(config::dockerd);
    let mut info = pid.map(config::describe).unwrap_or_default();
    config::told(&mut info, &system);
    let is_ours = |file: &str| pid.is_some_and(|pid| config::is_ours(pid, Path::new(file)));
    if endpoint.leads_elsewhere() || !info.config_file.as_deref().is_some_and(is_ours) {
        // Whoever edits that path here, and restarts docker, does so to another daemon.
        (info.config_file, info.has_config) = (None, false);
    }
    info.pools = convert::pools(&system);
    info.landmarks = landmarks::configured(&endpoint.to_string(), pid, system);
    info.neighbours = pid
        .zip(info.netns)
        .map_or_else(Vec::new, |(pid, netns)| process::neighbours(pid, netns));
    info
}

async fn tell_status(
    endpoint: &Endpoint,
    inputs: &Sender<Input>,
    status: DaemonStatus,
) -> Result<(), Closed> {
    send(
        inputs,
        Body::Daemon(Daemon {
            endpoint: endpoint.to_string(),
            status,
        }),
    )
    .await
}

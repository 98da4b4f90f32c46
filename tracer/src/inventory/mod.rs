//! What is known about the host besides packets: namespaces, links, routes, docker, sockets.
//!
//! Every part delivers [`tracer_core::input::Input`]s on a channel and decides nothing. Nothing
//! here blocks the runtime: what may block runs on a thread of its own.

mod bystanders;
pub(crate) mod clock;
mod container;
pub(crate) mod docker;
mod files;
pub(crate) mod kmsg;
pub(crate) mod landmarks;
mod mounts;
pub(crate) mod netns;
pub(crate) mod peers;
mod pod;
mod proc;
pub(crate) mod processes;
pub(crate) mod pulse;
pub(crate) mod rtnetlink;
pub(crate) mod sockets;

use tokio::sync::mpsc::Sender;
use tracer_core::input::{Body, Input};

/// Whoever was to read the inputs is gone: time to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Closed;

/// Sends one input, stamped with the present time.
async fn send(inputs: &Sender<Input>, body: Body) -> Result<(), Closed> {
    inputs.send(clock::stamp(body)).await.map_err(|_| Closed)
}

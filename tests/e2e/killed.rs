//! `process-killed`: a real compose, a real dockerd, and who ended them.

mod compose;
mod daemon;
mod plugin;
mod scene;
mod timing;

pub(crate) use scene::{child_named, program};

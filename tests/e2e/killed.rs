//! `process-killed`: a real compose, a real dockerd, and who ended them.

mod compose;
mod daemon;
mod scene;
mod timing;

pub(crate) use scene::program;

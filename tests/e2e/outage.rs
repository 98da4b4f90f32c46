//! Incident I-1 for real: the tracer runs on the server while a docker network swallows replies.

mod compose;
mod counts;
pub(crate) mod expect;
mod kinds;
mod life;
mod names;
pub(crate) mod records;
mod silence;
mod skips;
pub(crate) mod ssh;
pub(crate) mod stage;
mod victims;
